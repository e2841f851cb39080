//! The launcher's part: takes a [`Plan`](super::Plan), gives up its rights for good, and becomes the program.
//!
//! What is kept is opened first: the log that it inherited, its link file. It runs on the only thread of its process. What
//! the kernel does not enforce ends it: the program is never started unconfined.

/// Reads the plan on stdin and becomes its program. Comes back only with the reason why not, for people.
#[must_use]
pub fn enter() -> String {
    imp::enter()
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn enter() -> String {
        match crate::confine::kernel::look() {
            Ok(_) => "nothing can be confined here".to_owned(),
            Err(why) => why,
        }
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::io::{BufRead as _, Read as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::process::CommandExt as _;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort,
        PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _,
        RulesetError, RulesetStatus, Scope,
    };

    use crate::confine::plan::{DESCRIPTOR, Plan};
    use crate::confine::rules::{self, May};
    use crate::confine::{kernel, syscalls};
    use crate::limits::CONFINED_PLAN_BYTES_MAX;

    pub(super) fn enter() -> String {
        match become_program() {
            Ok(never) => match never {},
            Err(why) => why,
        }
    }

    fn become_program() -> Result<std::convert::Infallible, String> {
        kernel::look()?;
        let plan = read_plan()?;
        let mut environment = plan.environment(utf8_environment());
        let link = plan.link.as_deref().map(open_link).transpose()?;
        let number = link.as_ref().map_or(0, |file| file.as_raw_fd());
        environment.insert(DESCRIPTOR.to_owned(), number.to_string());
        let person = std::env::home_dir();
        let rules = rules::of(&plan, person.as_deref())?;
        restrict(&rules, &plan.ports)?;
        syscalls::restrict()?;
        let error = Command::new(&plan.program)
            .args(&plan.args)
            .env_clear()
            .envs(environment)
            .current_dir(&plan.folder)
            .exec();
        Err(format!(
            "{} cannot be started confined: {error}",
            plan.program.display()
        ))
    }

    fn read_plan() -> Result<Plan, String> {
        let mut line = String::new();
        let max = CONFINED_PLAN_BYTES_MAX;
        std::io::stdin()
            .lock()
            .take(max)
            .read_line(&mut line)
            .map_err(|error| format!("the plan on stdin cannot be read: {error}"))?;
        serde_json::from_str(&line).map_err(|error| format!("stdin brought no plan: {error}"))
    }

    fn utf8_environment() -> impl Iterator<Item = (String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
    }

    /// Opened to be read, and left open for the program.
    fn open_link(path: &Path) -> Result<std::fs::File, String> {
        let file = std::fs::File::open(path)
            .map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())
            .map_err(|error| format!("the link file cannot be passed on: {error}"))?;
        Ok(file)
    }

    fn restrict(rules: &[(PathBuf, May)], ports: &[u16]) -> Result<(), String> {
        let failed = |error: RulesetError| format!("Landlock refuses: {error}");
        let mut ruleset = create().map_err(failed)?;
        for (path, may) in rules {
            let Some(place) = open(path) else { continue };
            let rule = PathBeneath::new(place, access(*may, path.is_dir()));
            ruleset = ruleset.add_rule(rule).map_err(failed)?;
        }
        for port in ports {
            let rule = NetPort::new(*port, AccessNet::ConnectTcp);
            ruleset = ruleset.add_rule(rule).map_err(failed)?;
        }
        let status = ruleset.restrict_self().map_err(failed)?;
        if status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
            return Err("the kernel did not enforce the rules".to_owned());
        }
        Ok(())
    }

    /// The rules on files must hold; the rest as far as the kernel has it.
    fn create() -> Result<RulesetCreated, RulesetError> {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V3))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V9))?
            .handle_access(AccessNet::from_all(ABI::V4))?
            .scope(Scope::from_all(ABI::V6))?
            .create()
    }

    /// The place itself: one that has turned into a link since it was looked at is none.
    fn open(path: &Path) -> Option<PathFd> {
        let place = PathFd::new(path).ok()?;
        let fd = std::os::fd::AsFd::as_fd(&place).as_raw_fd();
        let real = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
        (real == path).then_some(place)
    }

    fn access(may: May, is_dir: bool) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let devices = AccessFs::MakeChar | AccessFs::MakeBlock;
        let others = devices | AccessFs::MakeSym | AccessFs::MakeSock | AccessFs::MakeFifo;
        let all = AccessFs::from_all(ABI::V3);
        let wanted = match may {
            May::Read => read,
            May::Run => read | AccessFs::Execute,
            May::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev | read,
            May::Write => all & !(others | AccessFs::Execute),
            May::Own => all & !devices,
        };
        if is_dir {
            wanted
        } else {
            wanted & AccessFs::from_file(ABI::V9)
        }
    }
}
