//! The same as [`super::json`] for codex, which keeps its servers in TOML: `[mcp_servers.kapelle]`.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, value};

use super::entry::{Entry, HOME_VARIABLE, NAME};

const SERVERS: &str = "mcp_servers";

pub(crate) fn put(text: &str, entry: &Entry) -> Result<String, String> {
    let mut document = read(text)?;
    let servers = document.entry(SERVERS).or_insert_with(|| {
        let mut servers = Table::new();
        // No `[mcp_servers]` of its own above the first one.
        servers.set_implicit(true);
        Item::Table(servers)
    });
    // An inline table takes only another one, and toml_edit panics where it is given a table.
    let is_inline = servers.is_inline_table();
    let empty = || match is_inline {
        true => value(InlineTable::new()),
        false => Item::Table(Table::new()),
    };
    let servers = servers
        .as_table_like_mut()
        .ok_or_else(|| format!("`{SERVERS}` is not a table"))?;
    let ours = servers
        .entry(NAME)
        .or_insert_with(empty)
        .as_table_like_mut()
        .ok_or_else(|| format!("`{SERVERS}.{NAME}` is not a table"))?;
    set(ours, "command", value(entry.command.as_str()));
    set(ours, "args", value(entry.args.iter().collect::<Array>()));
    match &entry.home {
        Some(home) => {
            let env = ours
                .entry("env")
                .or_insert_with(|| value(InlineTable::new()))
                .as_table_like_mut()
                .ok_or_else(|| format!("`{SERVERS}.{NAME}.env` is not a table"))?;
            set(env, HOME_VARIABLE, value(home.as_str()));
        }
        None => {
            if let Some(env) = ours.get_mut("env").and_then(Item::as_table_like_mut) {
                env.remove(HOME_VARIABLE);
            }
        }
    }
    Ok(document.to_string())
}

pub(crate) fn take_out(text: &str) -> Result<String, String> {
    let mut document = read(text)?;
    let servers = document.get_mut(SERVERS).and_then(Item::as_table_like_mut);
    if let Some(servers) = servers {
        servers.remove(NAME);
    }
    Ok(document.to_string())
}

fn read(text: &str) -> Result<DocumentMut, String> {
    text.parse::<DocumentMut>()
        .map_err(|error| error.to_string().trim().to_owned())
}

/// Leaves a value alone that is the same but for its spelling.
fn set(table: &mut dyn TableLike, key: &str, wanted: Item) {
    let plain = |item: &Item| item.to_string().split_whitespace().collect::<String>();
    if table.get(key).map(plain) != Some(plain(&wanted)) {
        table.insert(key, wanted);
    }
}

#[cfg(fuzzing)]
pub(super) fn fuzzing(text: &str, entry: &Entry) {
    let Ok(with) = put(text, entry) else {
        return;
    };
    assert_eq!(put(&with, entry).as_ref(), Ok(&with), "twice: {text:?}");
    let out = take_out(&with).expect("what was written can be read");
    assert!(read(&out).is_ok_and(|out| out.get(SERVERS).and_then(|all| all.get(NAME)).is_none()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(home: Option<&str>) -> Entry {
        Entry {
            command: "/bin/kapelle".into(),
            args: vec!["mcp".into()],
            home: home.map(str::to_owned),
        }
    }

    #[test]
    fn comments_and_other_tables_stay() {
        let text = "# mine\nmodel = \"o\" # which\n\n[mcp_servers.other]\ncommand = 'x'\n\n[profiles.a]\nb = 1\n";
        let new = put(text, &entry(Some("/k"))).unwrap();
        insta::assert_snapshot!(new, @r#"
        # mine
        model = "o" # which

        [mcp_servers.other]
        command = 'x'

        [mcp_servers.kapelle]
        command = "/bin/kapelle"
        args = ["mcp"]
        env = { KAPELLE_HOME = "/k" }

        [profiles.a]
        b = 1
        "#);
        assert_eq!(put(&new, &entry(Some("/k"))).unwrap(), new);
        assert_eq!(take_out(&new).unwrap(), text);
        assert_eq!(take_out(text).unwrap(), text);
    }

    #[test]
    fn an_inline_table_takes_an_inline_one() {
        for text in ["mcp_servers = {}\n", "mcp_servers = { other = 'x', }\n"] {
            let new = put(text, &entry(Some("/k"))).unwrap();
            let read: DocumentMut = new.parse().unwrap();
            assert_eq!(
                read["mcp_servers"]["kapelle"]["env"]["KAPELLE_HOME"].as_str(),
                Some("/k"),
                "{new}"
            );
            assert_eq!(put(&new, &entry(Some("/k"))).unwrap(), new);
        }
    }

    #[test]
    fn other_forms_of_a_table_are_understood() {
        let text = "mcp_servers = { kapelle = { command = 'old', startup_timeout_sec = 5, env = { KAPELLE_HOME = '/o', A = '1' } } }\n";
        let new: DocumentMut = put(text, &entry(None)).unwrap().parse().unwrap();
        let ours = &new["mcp_servers"]["kapelle"];
        assert_eq!(ours["command"].as_str(), Some("/bin/kapelle"));
        assert_eq!(ours["startup_timeout_sec"].as_integer(), Some(5));
        assert!(ours["env"].get("KAPELLE_HOME").is_none());
        assert_eq!(ours["env"]["A"].as_str(), Some("1"));
        assert!(put("a = ", &entry(None)).unwrap_err().contains("line 1"));
        assert!(put("mcp_servers = 1", &entry(None)).is_err());
        let begun = put("", &entry(None)).unwrap();
        assert!(begun.starts_with("[mcp_servers.kapelle]"), "{begun}");
    }
}
