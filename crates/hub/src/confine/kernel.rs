//! What the running system can do to keep a process to some folders. Only looks: nothing is restricted here.

/// Switches confinement off when it is `off`: it can only refuse, never loosen. For tests, and for who wants to see
/// what a system without it does.
pub const SWITCH: &str = "KAPELLE_CONFINE";

/// What the kernel enforces beside the rules on files, without which there is none of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// TCP by port.
    pub network: bool,
    /// Signals and abstract sockets.
    pub scopes: bool,
}

impl Kernel {
    /// For people.
    #[must_use]
    pub fn says(self) -> &'static str {
        match (self.network, self.scopes) {
            (true, true) => "files, TCP ports, signals and abstract sockets",
            (true, false) => "files and TCP ports (signals from Linux 6.12 on)",
            _ => "files (TCP ports from Linux 6.7 on, signals from 6.12 on)",
        }
    }
}

/// # Errors
/// Why nothing can be confined here, for people.
pub fn look() -> Result<Kernel, String> {
    if std::env::var_os(SWITCH).is_some_and(|value| value == "off") {
        return Err(format!("it is switched off by {SWITCH}=off"));
    }
    of_system()
}

#[cfg(target_os = "linux")]
fn of_system() -> Result<Kernel, String> {
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset,
        RulesetAttr as _, RulesetError, Scope,
    };
    if !cfg!(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )) {
        return Err("there is no filter of system calls for this kind of processor".to_owned());
    }
    let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let has = |set: Result<Ruleset, RulesetError>| set.and_then(Ruleset::create).is_ok();
    let files = |abi| has(strict().handle_access(AccessFs::from_all(abi)));
    if !files(ABI::V1) {
        return Err("this kernel has no Landlock, or has it switched off".to_owned());
    }
    if !files(ABI::V3) {
        return Err(
            "this kernel's Landlock is older than ABI 3 (Linux 6.2) and would let files be \
             truncated"
                .to_owned(),
        );
    }
    Ok(Kernel {
        network: has(strict().handle_access(AccessNet::from_all(ABI::V4))),
        scopes: has(strict().scope(Scope::from_all(ABI::V6))),
    })
}

#[cfg(not(target_os = "linux"))]
fn of_system() -> Result<Kernel, String> {
    Err("it needs Landlock, which only Linux has".to_owned())
}
