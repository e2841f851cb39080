//! What the launcher is told: one line of JSON on its stdin.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A program to become, and what it may reach. Written by the hub, and by a bridge for a child of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub program: PathBuf,
    #[serde(default)]
    pub args: Vec<String>,
    /// Set beside what passes of the launcher's own environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Its own folder: where it works, its `HOME`, its temporary files.
    pub folder: PathBuf,
    /// Kapelle's home: what is private in it is never opened.
    pub home: PathBuf,
    /// Folders of the home that hold programs which others run as well: never written.
    #[serde(default)]
    pub programs: Vec<PathBuf>,
    /// What it reads and runs: its program and libraries.
    #[serde(default)]
    pub run: Vec<PathBuf>,
    /// What it reads.
    #[serde(default)]
    pub read: Vec<PathBuf>,
    /// What it reads and writes.
    #[serde(default)]
    pub write: Vec<PathBuf>,
    /// A file that is opened for it before it is confined; its descriptor goes by `KAPELLE_CONFINED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<PathBuf>,
    /// TCP ports that it may connect to.
    #[serde(default)]
    pub ports: Vec<u16>,
}

/// The variable that tells a confined process which descriptor its link file is; 0: it is confined and has none.
pub const DESCRIPTOR: &str = "KAPELLE_CONFINED";

/// Whole names of the launcher's environment that pass. All others may be secrets of the person: keys, sockets.
const ENV_NAMES: [&str; 16] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "USER",
    "LOGNAME",
    "CI",
    "NO_COLOR",
    "LD_LIBRARY_PATH",
    "OCIO",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONFAULTHANDLER",
    "PYTHONUTF8",
    "DRI_PRIME",
];
/// Beginnings of names that pass: the language, threads, and graphics drivers.
const ENV_PREFIXES: [&str; 18] = [
    "LC_", "OMP_", "KMP_", "TBB_", "MESA_", "LIBGL_", "GALLIUM_", "LP_", "EGL_", "__EGL", "__GL",
    "VK_", "NVIDIA_", "CUDA_", "HIP_", "ROCR_", "SYCL_", "CYCLES_",
];

impl Plan {
    /// The whole environment of the program, from that of the launcher.
    pub fn environment(
        &self,
        around: impl Iterator<Item = (String, String)>,
    ) -> BTreeMap<String, String> {
        let passes = |name: &str| {
            ENV_NAMES.contains(&name) || ENV_PREFIXES.iter().any(|begin| name.starts_with(begin))
        };
        let mut all: BTreeMap<String, String> = around.filter(|(name, _)| passes(name)).collect();
        all.extend(self.env.clone());
        let own = self.folder.display().to_string();
        for name in ["HOME", "TMPDIR", "TEMP", "TMP"] {
            all.insert(name.to_owned(), own.clone());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_environment_do_not_pass() {
        let plan = Plan {
            folder: "/own".into(),
            env: [("KAPELLE_NAME".to_owned(), "stage".to_owned())].into(),
            ..Plan::default()
        };
        let around = [
            ("PATH", "/usr/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("HOME", "/home/ann"),
            ("KAPELLE_TOKEN", "kapelle_1"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("SSH_AUTH_SOCK", "/run/ssh"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/bus"),
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
            ("PYTHONPATH", "/home/ann/lib"),
        ];
        let passed = plan.environment(
            around
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let names: Vec<&str> = passed.keys().map(String::as_str).collect();
        let expected = [
            "HOME",
            "KAPELLE_NAME",
            "LC_ALL",
            "PATH",
            "TEMP",
            "TMP",
            "TMPDIR",
        ];
        assert_eq!(names, expected);
        assert_eq!(passed["HOME"], "/own");
    }
}
