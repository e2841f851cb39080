//! Where things are on this machine: what turns the table's paths into real ones, and tells which clients
//! are here. Looks at files and variables; runs nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::table::{CLIENTS, Client};

/// The place of packaged programs.
const PACKAGES: &str = "$PACKAGES";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Linux,
    Macos,
    Windows,
}

/// A machine as far as clients are concerned. `variable` gives an environment variable.
pub(crate) struct Machine<'a> {
    pub(crate) system: System,
    pub(crate) home: PathBuf,
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Machine<'_> {
    /// The file in which a client keeps its servers; it need not be there.
    pub(crate) fn config(&self, client: &Client) -> PathBuf {
        if let Some((variable, file)) = client.moved_by
            && let Some(dir) = self.set(variable)
        {
            return PathBuf::from(dir).join(file);
        }
        let paths = match self.system {
            System::Linux => client.linux,
            System::Macos => client.macos,
            System::Windows => client.windows,
        };
        let is_there = |path: &&&str| {
            let whole = self.whole(path);
            whole.exists() || (is_packaged(path) && whole.parent().is_some_and(Path::is_dir))
        };
        let usual = || paths.iter().find(|path| !is_packaged(path));
        let path = paths.iter().find(is_there).or_else(usual);
        path.map(|path| self.whole(path)).unwrap_or_default()
    }

    /// Whether a client is here: its file, its own folder, or its program.
    pub(crate) fn has(&self, client: &Client) -> bool {
        let config = self.config(client);
        // `~/.claude.json` lies in the home folder itself, which says nothing.
        let own_folder = config.parent().filter(|dir| **dir != *self.home);
        config.is_file() || own_folder.is_some_and(Path::is_dir) || self.runs(client)
    }

    pub(crate) fn found(&self) -> Vec<&'static Client> {
        CLIENTS.iter().filter(|client| self.has(client)).collect()
    }

    fn runs(&self, client: &Client) -> bool {
        let Some(program) = client.program else {
            return false;
        };
        let endings: &[&str] = match self.system {
            System::Windows => &[".exe", ".cmd"],
            _ => &[""],
        };
        let path = self.set("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| {
            let there = |ending: &&str| dir.join(format!("{program}{ending}")).is_file();
            endings.iter().any(there)
        })
    }

    fn whole(&self, path: &str) -> PathBuf {
        let (place, rest) = path.split_once('/').unwrap_or((path, ""));
        let place = match place {
            "$CONFIG" => self
                .set("XDG_CONFIG_HOME")
                .map_or_else(|| self.home.join(".config"), PathBuf::from),
            "$SUPPORT" => self.home.join("Library/Application Support"),
            PACKAGES => self
                .set("LOCALAPPDATA")
                .map_or_else(|| self.home.join("AppData/Local"), PathBuf::from)
                .join("Packages"),
            "$APPDATA" => self
                .set("APPDATA")
                .map_or_else(|| self.home.join("AppData/Roaming"), PathBuf::from),
            _ => self.home.clone(),
        };
        place.join(rest)
    }

    fn set(&self, variable: &str) -> Option<OsString> {
        (self.variable)(variable).filter(|value| !value.is_empty())
    }
}

fn is_packaged(path: &str) -> bool {
    path.starts_with(PACKAGES)
}

/// The system that this program was built for.
pub(crate) fn this_system() -> System {
    if cfg!(windows) {
        System::Windows
    } else if cfg!(target_os = "macos") {
        System::Macos
    } else {
        System::Linux
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp_clients::table::named;

    fn path(system: System, client: &str, variable: &dyn Fn(&str) -> Option<OsString>) -> String {
        let machine = Machine {
            system,
            home: "/h".into(),
            variable,
        };
        let path = machine.config(named(client).unwrap());
        path.to_string_lossy().replace('\\', "/")
    }

    #[test]
    fn each_system_has_its_places() {
        let none = |_: &str| None;
        let cases = [
            (System::Linux, "vscode", "/h/.config/Code/User/mcp.json"),
            (
                System::Macos,
                "vscode",
                "/h/Library/Application Support/Code/User/mcp.json",
            ),
            (
                System::Windows,
                "vscode",
                "/h/AppData/Roaming/Code/User/mcp.json",
            ),
            (System::Windows, "cursor", "/h/.cursor/mcp.json"),
            (System::Macos, "zed", "/h/.config/zed/settings.json"),
            (System::Linux, "claude-code", "/h/.claude.json"),
            (System::Linux, "codex", "/h/.codex/config.toml"),
        ];
        for (system, client, wanted) in cases {
            assert_eq!(path(system, client, &none), wanted, "{client}");
        }
        for client in CLIENTS {
            for system in [System::Linux, System::Macos, System::Windows] {
                assert!(path(system, client.id, &none).starts_with("/h/"));
            }
        }
    }

    #[test]
    fn variables_move_a_client() {
        let set = |name: &str| match name {
            "CODEX_HOME" => Some("/c".into()),
            "XDG_CONFIG_HOME" => Some("/x".into()),
            "APPDATA" => Some("/a".into()),
            "CLAUDE_CONFIG_DIR" => Some("".into()),
            _ => None,
        };
        assert_eq!(path(System::Linux, "codex", &set), "/c/config.toml");
        assert_eq!(path(System::Linux, "claude-code", &set), "/h/.claude.json");
        assert_eq!(
            path(System::Linux, "opencode", &set),
            "/x/opencode/opencode.json"
        );
        assert_eq!(path(System::Windows, "zed", &set), "/a/Zed/settings.json");
    }

    #[test]
    fn a_packaged_claude_on_windows_reads_its_own_folder() {
        let dir = tempfile::tempdir().unwrap();
        let none = |_: &str| None;
        let machine = Machine {
            system: System::Windows,
            home: dir.path().to_owned(),
            variable: &none,
        };
        let claude = named("claude-desktop").unwrap();
        let usual = dir.path().join("AppData/Roaming/Claude");
        assert_eq!(
            machine.config(claude),
            usual.join("claude_desktop_config.json")
        );
        std::fs::create_dir_all(&usual).unwrap();
        std::fs::write(usual.join("claude_desktop_config.json"), "{}").unwrap();
        let own = dir
            .path()
            .join("AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude");
        std::fs::create_dir_all(&own).unwrap();
        assert_eq!(
            machine.config(claude),
            own.join("claude_desktop_config.json"),
            "even where an older one has left its file"
        );
    }

    #[test]
    fn a_client_is_found_by_its_folder_or_its_program() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(dir.path().join(".cursor")).unwrap();
        std::fs::create_dir_all(dir.path().join(".config/opencode")).unwrap();
        std::fs::write(dir.path().join(".config/opencode/opencode.jsonc"), "{}").unwrap();
        std::fs::write(bin.join("codex"), "").unwrap();
        let variable = |name: &str| (name == "PATH").then(|| bin.clone().into_os_string());
        let machine = Machine {
            system: System::Linux,
            home: dir.path().to_owned(),
            variable: &variable,
        };
        let found: Vec<&str> = machine.found().iter().map(|client| client.id).collect();
        assert_eq!(found, ["cursor", "codex", "opencode"]);
        let opencode = machine.config(named("opencode").unwrap());
        assert!(
            opencode.ends_with("opencode.jsonc"),
            "the one that is there"
        );
    }
}
