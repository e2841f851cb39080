use wire::Code;

use super::*;

const ONE: Form = Form {
    steps: &["CREATE TABLE a(x TEXT);"],
};
const TWO: Form = Form {
    steps: &[
        "CREATE TABLE a(x TEXT);",
        "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7;",
    ],
};
const BROKEN: Form = Form {
    steps: &[
        "CREATE TABLE a(x TEXT);",
        "CREATE TABLE b(x TEXT); INSERT INTO nowhere VALUES (1);",
    ],
};

fn path() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    (dir, path)
}

#[test]
fn an_old_file_is_brought_to_the_newest_form_with_what_it_holds() {
    let (_dir, path) = path();
    let old = open(&path, &ONE).unwrap();
    old.execute_batch("INSERT INTO a VALUES ('kept')").unwrap();
    drop(old);
    let new = open(&path, &TWO).unwrap();
    let row: (String, i64) = new
        .query_row("SELECT x, y FROM a", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(row, ("kept".to_owned(), 7));
    drop(new);
    let problem = open(&path, &ONE).unwrap_err();
    assert_eq!(problem.code, Code::STORE_UNUSABLE);
    assert!(problem.message.contains("newer"), "{problem}");
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let (_dir, path) = path();
    drop(open(&path, &ONE).unwrap());
    assert!(open(&path, &BROKEN).is_err());
    let same = open(&path, &ONE).unwrap();
    let tables: i64 = same
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn what_is_not_ours_or_damaged_is_told_and_left_alone() {
    let (_dir, path) = path();
    let refused = |text: &str| {
        let before = std::fs::read(&path).unwrap();
        let problem = open(&path, &ONE).unwrap_err();
        assert_eq!(problem.code, Code::STORE_UNUSABLE, "{problem}");
        assert!(problem.message.contains(text), "{problem}");
        assert!(problem.hint.unwrap().contains("mv "));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    };
    let private = |bytes: &[u8]| hub::home::write_private(&path, bytes).unwrap();
    private(&b"this is a letter to somebody, and long enough to be one. ".repeat(30));
    refused("not a Kapelle store file");
    std::fs::remove_file(&path).unwrap();
    private(b"");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs(x)")
        .unwrap();
    refused("something else");
    std::fs::remove_file(&path).unwrap();
    let ours = open(&path, &ONE).unwrap();
    let filled = "INSERT INTO a SELECT hex(randomblob(2000)) FROM
        (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i FROM n)";
    ours.execute_batch(filled).unwrap();
    drop(ours);
    let mut bytes = std::fs::read(&path).unwrap();
    let page = 4096 * 20;
    bytes[page..page + 2048].fill(0x5a);
    private(&bytes);
    refused("is damaged");
}

#[cfg(unix)]
#[test]
fn a_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_dir, path) = path();
    let writer = open(&path, &ONE).unwrap();
    writer.execute_batch("INSERT INTO a VALUES ('x')").unwrap();
    for file in [&path, &log_of(&path)] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    drop(writer);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let problem = open(&path, &ONE).unwrap_err();
    assert_eq!(problem.code, Code::HOME_UNSAFE);
    assert!(problem.hint.unwrap().contains("chmod 600"));
}
