//! Which places a plan opens, and how: the list that the kernel is given.
//!
//! Pure but for looks at folders. The kernel knows only what is allowed, below a folder or at a file; a folder
//! with something private below it is therefore given as its parts, without what is private. The rule for a
//! part holds for what is there at the start: nothing new can be made beside the parts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Plan;
use crate::file_access::{HOME_KEPT, HOME_PRIVATE};
use crate::limits::CONFINED_RULES_MAX;

/// How a place may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum May {
    Read,
    /// Read, and run as a program.
    Run,
    /// A device of the system: read, written, told what to do.
    Device,
    /// Read and written; no links, sockets or devices are made there.
    Write,
    /// All but devices: the process's own folder.
    Own,
}

/// Where programs and their libraries lie.
const PROGRAMS: [&str; 9] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/nix/store",
    "/gnu/store",
    "/opt/rocm",
];
/// What libraries read of the system: where other libraries and fonts are, the time zone, the processors. No list of
/// users, no name of the machine, no other process.
const SYSTEM: [&str; 21] = [
    "/etc/alternatives",
    "/etc/drirc",
    "/etc/fonts",
    "/etc/glvnd",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/OpenCL",
    "/etc/timezone",
    "/etc/vulkan",
    "/proc/cpuinfo",
    "/proc/driver/nvidia",
    "/proc/meminfo",
    "/proc/self",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];
/// What the drivers of a graphics card look at, where there is one.
const GRAPHICS: [&str; 4] = [
    "/sys/bus/pci",
    "/sys/class/drm",
    "/sys/dev/char",
    "/sys/devices",
];
/// Never a part of a folder that is allowed: the system's view of other processes and of the machine.
const SYSTEM_PRIVATE: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];

/// The whole list, each place once with the most that it may be used for.
///
/// # Errors
/// When it is longer than [`CONFINED_RULES_MAX`].
pub fn of(plan: &Plan, person: Option<&Path>) -> Result<Vec<(PathBuf, May)>, String> {
    let mut rules = Rules {
        guard: Guard::new(plan, person),
        all: BTreeMap::new(),
    };
    for place in PROGRAMS {
        rules.give(Path::new(place), May::Run)?;
    }
    for place in SYSTEM {
        rules.own(Path::new(place), May::Read);
    }
    for place in below("/etc", "python3") {
        rules.own(&place, May::Read);
    }
    rules.own(Path::new("/dev/null"), May::Device);
    let cards = ["dri", "nvidia", "kfd", "dxg"].map(|begin| below("/dev", begin));
    let cards: Vec<PathBuf> = cards.into_iter().flatten().collect();
    if !cards.is_empty() {
        for place in GRAPHICS {
            rules.own(Path::new(place), May::Read);
        }
        for card in &cards {
            rules.own(card, May::Device);
        }
    }
    // The bridge and a wheel lie in the home, each at a place that is named.
    for place in &plan.run {
        rules.program(place)?;
    }
    for place in &plan.read {
        rules.give(place, May::Read)?;
    }
    for place in &plan.write {
        rules.give(place, May::Write)?;
    }
    rules.own(&plan.folder, May::Own);
    Ok(rules.all.into_iter().collect())
}

/// The folders and files of Kapelle's home that are nobody's secret: those to write in, and those to read.
/// `programs`: see [`Plan::programs`].
#[must_use]
pub fn public_of(home: &Path, programs: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut write, mut read) = (Vec::new(), Vec::new());
    for path in parts(home) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_one_of = |names: &[&str]| names.iter().any(|one| one.eq_ignore_ascii_case(&name));
        if is_one_of(&HOME_PRIVATE) {
            continue;
        }
        if path.is_dir() && !is_one_of(&HOME_KEPT) && !programs.contains(&path) {
            write.push(path);
        } else {
            read.push(path);
        }
    }
    (write, read)
}

struct Rules {
    guard: Guard,
    all: BTreeMap<PathBuf, May>,
}

/// What no folder opens.
struct Guard {
    home: PathBuf,
    /// Real paths.
    private: Vec<PathBuf>,
    /// The person's own folder: what is hidden in it is never a part of it.
    person: Option<PathBuf>,
    /// Programs that others run: not to be written.
    programs: Vec<PathBuf>,
}

impl Rules {
    /// A place as it is named, though it may lie in a private one.
    fn own(&mut self, place: &Path, may: May) {
        if let Ok(real) = place.canonicalize() {
            self.set(real, may);
        }
    }

    /// A program's place: it may lie in the home, and is never opened wider than without what is private.
    fn program(&mut self, place: &Path) -> Result<(), String> {
        match place.canonicalize() {
            Ok(real) if self.guard.is_private(&real) => {
                self.set(real, May::Run);
                Ok(())
            }
            Ok(_) => self.give(place, May::Run),
            Err(_) => Ok(()),
        }
    }

    /// A place, or its parts without what is private.
    fn give(&mut self, place: &Path, may: May) -> Result<(), String> {
        let Ok(real) = place.canonicalize() else {
            return Ok(());
        };
        if self.guard.is_private(&real) || (may == May::Write && self.guard.is_kept(&real)) {
            return Ok(());
        }
        if !self.guard.has_private(&real) {
            self.set(real, may);
        } else {
            for part in parts(&real) {
                if !self.guard.is_hidden(&real, &part) {
                    self.give(&part, may)?;
                }
            }
        }
        if self.all.len() > CONFINED_RULES_MAX {
            return Err(format!(
                "{} has more than {CONFINED_RULES_MAX} entries besides what is private",
                place.display()
            ));
        }
        Ok(())
    }

    fn set(&mut self, real: PathBuf, may: May) {
        let kept = self.all.entry(real).or_insert(may);
        // To run and to write are different rights; a place that is asked for as both is one to write.
        *kept = (*kept).max(may);
    }
}

impl Guard {
    fn new(plan: &Plan, person: Option<&Path>) -> Self {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let home = real(&plan.home);
        let own = HOME_PRIVATE.iter().map(|name| home.join(name));
        let of_system = SYSTEM_PRIVATE.iter().map(PathBuf::from);
        Self {
            private: own.chain(of_system).map(|path| real(&path)).collect(),
            person: person.map(real),
            programs: plan.programs.iter().map(|path| real(path)).collect(),
            home,
        }
    }

    fn is_private(&self, real: &Path) -> bool {
        self.private.iter().any(|own| real.starts_with(own))
    }

    /// Whether it may be read at most.
    fn is_kept(&self, real: &Path) -> bool {
        let is_kept = |name: &&str| real == self.home.join(name);
        self.programs.iter().any(|own| real.starts_with(own)) || HOME_KEPT.iter().any(is_kept)
    }

    fn has_private(&self, real: &Path) -> bool {
        let kept: Vec<PathBuf> = HOME_KEPT.iter().map(|name| self.home.join(name)).collect();
        let mut private = self
            .private
            .iter()
            .chain(&kept)
            .chain(&self.programs)
            .chain(&self.person);
        private.any(|own| own.starts_with(real))
    }

    fn is_hidden(&self, folder: &Path, part: &Path) -> bool {
        let name = part.file_name().unwrap_or_default().to_string_lossy();
        self.person.as_deref() == Some(folder) && name.starts_with('.')
    }
}

/// The folders and files in a folder; links lead elsewhere and are left out.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            entry
                .file_type()
                .is_ok_and(|kind| kind.is_dir() || kind.is_file())
        })
        .map(|entry| entry.path())
        .collect()
}

/// `folder/begin…`, whatever it is.
fn below(folder: &str, begin: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(begin))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            for folder in [
                "ann/.ssh",
                "ann/work/textures",
                "ann/.kapelle/tokens",
                "ann/.kapelle/run/confined/1",
                "ann/.kapelle/renders",
                "ann/.kapelle/recovery/stage",
                "ann/.kapelle/bridges/kapelle_toy-1",
                "ann/.kapelle/toy/own-4.5",
            ] {
                std::fs::create_dir_all(place.at(folder)).unwrap();
            }
            std::fs::write(place.at("ann/.kapelle/tokens/owner"), "x").unwrap();
            std::fs::write(place.at("ann/.kapelle/config.toml"), "").unwrap();
            std::fs::write(place.at("ann/scene.blend"), "").unwrap();
            place
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().canonicalize().unwrap().join(path)
        }

        /// The rules below this place, by their path.
        fn rules(&self, change: impl FnOnce(&mut Plan)) -> BTreeMap<String, May> {
            let mut plan = Plan {
                home: self.at("ann/.kapelle"),
                folder: self.at("ann/.kapelle/run/confined/1"),
                programs: vec![self.at("ann/.kapelle/toy")],
                ..Plan::default()
            };
            change(&mut plan);
            let all = of(&plan, Some(&self.at("ann"))).unwrap();
            let root = self.at("");
            let mine = all.into_iter().filter_map(|(path, may)| {
                let path = path.strip_prefix(&root).ok()?;
                Some((path.display().to_string(), may))
            });
            mine.collect()
        }
    }

    #[test]
    fn its_own_folder_is_all_that_a_plan_opens_by_itself() {
        let rules = Place::new().rules(|_| ());
        let own = ("ann/.kapelle/run/confined/1".to_owned(), May::Own);
        assert_eq!(rules, BTreeMap::from([own]));
    }

    #[test]
    fn a_folder_around_private_places_is_given_without_them() {
        let place = Place::new();
        let rules = place.rules(|plan| plan.write = vec![place.at("ann")]);
        assert_eq!(rules.get("ann/work"), Some(&May::Write));
        assert_eq!(rules.get("ann/scene.blend"), Some(&May::Write));
        assert!(!rules.contains_key("ann"), "{rules:?}");
        let hidden = |path: &&String| path.starts_with("ann/.");
        let hidden: Vec<_> = rules.keys().filter(hidden).collect();
        assert_eq!(hidden, ["ann/.kapelle/run/confined/1"]);
        // The home named by itself: its public parts, and nothing that others run or keep.
        let rules = place.rules(|plan| plan.write = vec![place.at("ann/.kapelle")]);
        let written: Vec<_> = rules.keys().map(String::as_str).collect();
        assert_eq!(
            written,
            ["ann/.kapelle/renders", "ann/.kapelle/run/confined/1"]
        );
    }

    #[test]
    fn what_is_private_is_never_opened_by_its_name_or_by_a_link() {
        let place = Place::new();
        std::os::unix::fs::symlink(place.at("ann/.kapelle/tokens"), place.at("ann/work/link"))
            .unwrap();
        let rules = place.rules(|plan| {
            plan.read = vec![
                place.at("ann/.kapelle/tokens"),
                place.at("ann/.kapelle/tokens/owner"),
                place.at("ann/.kapelle/config.toml"),
                place.at("ann/work/link"),
                PathBuf::from("/proc/1"),
                place.at("ann/is/not/there"),
            ];
            plan.write = vec![place.at("ann/.kapelle/toy/own-4.5")];
        });
        let paths: Vec<_> = rules.keys().map(String::as_str).collect();
        assert_eq!(paths, ["ann/.kapelle/run/confined/1"]);
    }

    #[test]
    fn programs_in_the_home_run_and_the_system_is_read() {
        let place = Place::new();
        let rules = place.rules(|plan| {
            plan.run = vec![
                place.at("ann/.kapelle/bridges/kapelle_toy-1"),
                place.at("ann/.kapelle/toy/own-4.5"),
            ];
            plan.write = vec![place.at("ann/.kapelle/recovery/stage")];
        });
        assert_eq!(
            rules.get("ann/.kapelle/bridges/kapelle_toy-1"),
            Some(&May::Run)
        );
        assert_eq!(rules.get("ann/.kapelle/toy/own-4.5"), Some(&May::Run));
        assert_eq!(rules.get("ann/.kapelle/recovery/stage"), Some(&May::Write));
        let all = of(&Plan::default(), None).unwrap();
        let of_path = |path: &str| {
            let found = all.iter().find(|(one, _)| one == Path::new(path));
            found.map(|(_, may)| *may)
        };
        assert_eq!(of_path("/usr"), Some(May::Run));
        assert_eq!(of_path("/dev/null"), Some(May::Device));
        for other in [
            "/",
            "/etc",
            "/etc/passwd",
            "/proc",
            "/home",
            "/root",
            "/tmp",
            "/run",
        ] {
            assert_eq!(of_path(other), None, "{other}");
        }
    }

    #[test]
    fn the_public_parts_of_a_home_are_told() {
        let place = Place::new();
        let (write, read) = public_of(&place.at("ann/.kapelle"), &[place.at("ann/.kapelle/toy")]);
        assert_eq!(write, [place.at("ann/.kapelle/renders")]);
        let mut read = read;
        read.sort();
        assert_eq!(
            read,
            [
                place.at("ann/.kapelle/recovery"),
                place.at("ann/.kapelle/toy")
            ]
        );
    }
}
