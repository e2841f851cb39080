//! What a Blender needs in its environment beside what everybody has.

use std::ffi::OsString;
use std::path::Path;

/// A Blender from the system's packages uses the system's Python and takes its folder from the first
/// `python3.x` on PATH: another one there hides its modules.
pub(super) fn environment(program: &Path) -> Vec<(String, OsString)> {
    let of_the_system = program.starts_with("/usr/bin") || program.starts_with("/bin");
    if !of_the_system {
        return Vec::new();
    }
    vec![(
        "PATH".into(),
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
    )]
}
