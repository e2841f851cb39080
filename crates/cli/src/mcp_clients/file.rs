//! Writes another program's file so that it is never half written and the old one is never lost: a backup
//! beside it, a draft, and a rename.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

/// The text, or nothing when the file is not there.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the file and gives the path of the backup, if there was something to keep.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<Option<PathBuf>> {
    // Where the file is a link (dotfiles kept elsewhere), what it leads to is meant.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let rights = fs::metadata(path).ok().map(|found| found.permissions());
    let stamp = stamp();
    let backup = rights.is_some().then(|| beside(path, &stamp, "bak"));
    if let Some(backup) = &backup {
        fs::copy(path, backup)?;
    }
    let draft = beside(path, &format!("{stamp}-{}", std::process::id()), "new");
    let written = write_private(&draft, text)
        .and_then(|()| match rights {
            Some(rights) => fs::set_permissions(&draft, rights),
            None => Ok(()),
        })
        .and_then(|()| fs::rename(&draft, path));
    if let Err(error) = written {
        fs::remove_file(&draft).ok();
        return Err(error);
    }
    Ok(backup)
}

/// UTC, to the millisecond, in a form that sorts.
fn stamp() -> String {
    let now = OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// `mcp.json` becomes `mcp.json.STAMP.bak`.
fn beside(path: &Path, stamp: &str, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{stamp}.{ending}"));
    path.with_file_name(name)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn rights_links_and_the_old_text_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real.json");
        let link = dir.path().join("link.json");
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let backup = replace(&link, "new").unwrap().unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(fs::read_to_string(&backup).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);

        let fresh = dir.path().join("a/b/c.json");
        assert_eq!(replace(&fresh, "x").unwrap(), None);
        assert_eq!(
            fs::metadata(&fresh).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
