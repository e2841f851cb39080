//! Instances that the system itself keeps to the folders that are allowed.
//!
//! In comes a request to start a program; out comes a [`Plan`] for the launcher, a hidden verb of the `kapelle`
//! binary that takes the plan on its stdin, gives up its rights by [`enter`], and becomes the program. What it
//! gave up, neither the program nor any child of it gets back. A confined bridge reads no token: it has an open
//! file with the hub's address and a secret of its own, see [`link_file`].
//!
//! It decides what a confined process may reach and nothing else: which caller may name which path is the
//! business of [`crate::file_access`] and of the bridges.
//!
//! | module | what it is |
//! |---|---|
//! | [`kernel`] | what the running system can do |
//! | [`plan`] | what the launcher is told |
//! | [`rules`] | pure: which places a plan opens, without what is private |
//! | `syscalls` | what the rules on files leave open |
//! | [`enter`] | gives up the rights and becomes the program |
//! | `walls` | what was open to a process when it was launched |
//! | [`link_file`] | the address and the secret of a confined bridge |

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use wire::link::Confine;
use wire::{Code, Mode, Problem};

use crate::callers::{Caller, Scope};
use crate::launch::LaunchRequest;
use crate::policy;

pub mod enter;
pub mod kernel;
pub(crate) mod link_file;
pub mod plan;
pub mod rules;
#[cfg(target_os = "linux")]
mod syscalls;
pub(crate) mod walls;

pub use kernel::Kernel;
pub use plan::Plan;

/// Whether and how this hub can confine a process.
pub(crate) struct Confinement {
    kernel: Result<Kernel, String>,
    launcher: OnceLock<PathBuf>,
    /// Where confined bridges dial.
    address: OnceLock<SocketAddr>,
}

impl Confinement {
    pub(crate) fn look() -> Self {
        Self {
            kernel: kernel::look(),
            launcher: OnceLock::new(),
            address: OnceLock::new(),
        }
    }

    /// Names the `kapelle` binary, once.
    pub(crate) fn use_launcher(&self, path: PathBuf) {
        self.launcher.set(path).ok();
    }

    /// Names the address at which bridges are served, once.
    pub(crate) fn serve_at(&self, address: SocketAddr) {
        self.address.set(address).ok();
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }

    /// # Errors
    /// Why nothing can be confined here, for people.
    pub(crate) fn launcher(&self) -> Result<&PathBuf, String> {
        self.kernel.as_ref().map_err(Clone::clone)?;
        self.launcher
            .get()
            .ok_or_else(|| "this hub has no launcher".to_owned())
    }

    pub(crate) fn why_not(&self) -> Option<String> {
        self.launcher().err()
    }

    /// What a bridge is told, so that it can confine a child of its own.
    pub(crate) fn for_bridges(&self) -> Confine {
        let launcher = self.launcher().and_then(|path| {
            let text = path.to_str().map(str::to_owned);
            text.ok_or_else(|| "the path of the launcher is not plain text".to_owned())
        });
        match launcher {
            Ok(launcher) => Confine {
                launcher: Some(launcher),
                why_not: None,
            },
            Err(why) => Confine {
                launcher: None,
                why_not: Some(why),
            },
        }
    }

    /// Settles whether a start is confined: because it was asked for, or because its caller may not run code.
    ///
    /// # Errors
    /// `arguments_invalid` with a window, `not_supported` where the system cannot, `forbidden` when a caller without
    /// `code` asks for none.
    pub(crate) fn settle(
        &self,
        caller: &Caller,
        request: &mut LaunchRequest,
    ) -> Result<(), Problem> {
        let may_run_code = caller.scopes.has(Scope::Code);
        if request.mode == Mode::Gui && !may_run_code && self.why_not().is_none() {
            policy::require(caller, Scope::Code, || {
                "start a program with a window, which cannot be confined".to_owned()
            })?;
        }
        let possible = request.mode != Mode::Gui && self.why_not().is_none();
        request.confined = match request.confined {
            Some(true) if request.mode == Mode::Gui => {
                return Err(Problem::new(
                    Code::ARGUMENTS_INVALID,
                    "A program with a window cannot be confined: it needs the display, and your \
                     files and settings.",
                )
                .hint("Start it without a window to have it confined, or leave out `confined`."));
            }
            Some(true) => {
                self.launcher().map_err(|why| impossible(&why))?;
                Some(true)
            }
            Some(false) if possible => {
                policy::require(caller, Scope::Code, || {
                    "start a program that is not confined".to_owned()
                })?;
                Some(false)
            }
            Some(false) => Some(false),
            None => Some(possible && !may_run_code),
        };
        Ok(())
    }

    /// Why a process that this hub starts is not confined, for people.
    pub(crate) fn why_unconfined(&self, mode: Mode) -> String {
        if mode == Mode::Gui {
            return "A program with a window cannot be confined.".to_owned();
        }
        match self.why_not() {
            Some(why) => format!("It cannot be confined here: {why}."),
            None => {
                "Confinement was not asked for, and whoever started it may run code.".to_owned()
            }
        }
    }
}

fn impossible(why: &str) -> Problem {
    Problem::new(
        Code::NOT_SUPPORTED,
        format!("A program cannot be confined here: {why}. Nothing was started."),
    )
    .hint(wire::hint![
        "See what this system can do: ",
        wire::Step::terminal("doctor"),
        ". Or start it unconfined.",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callers::Scopes;

    fn request(mode: Mode, confined: Option<bool>) -> LaunchRequest {
        let mut request: LaunchRequest =
            serde_json::from_value(serde_json::json!({ "app": "toy" })).unwrap();
        request.mode = mode;
        request.confined = confined;
        request
    }

    fn confinement(can: bool) -> Confinement {
        let kernel = if can {
            Ok(Kernel {
                network: true,
                scopes: true,
            })
        } else {
            Err("this kernel has no Landlock".to_owned())
        };
        let made = Confinement {
            kernel,
            launcher: OnceLock::new(),
            address: OnceLock::new(),
        };
        made.use_launcher("/usr/bin/kapelle".into());
        made
    }

    fn settled(can: bool, scopes: &[Scope], request: LaunchRequest) -> Result<bool, Code> {
        let caller = Caller {
            scopes: scopes.iter().copied().collect(),
            ..Caller::owner()
        };
        let mut request = request;
        confinement(can)
            .settle(&caller, &mut request)
            .map_err(|problem| problem.code)?;
        Ok(request.confined.unwrap())
    }

    #[test]
    fn who_may_not_run_code_is_confined_where_that_can_be() {
        let all: Vec<Scope> = Scope::ALL
            .into_iter()
            .filter(|one| Scopes::ALL.has(*one))
            .collect();
        let writer = [Scope::Read, Scope::Write];
        let table = [
            (true, &all[..], Mode::Background, None, Ok(false)),
            (true, &all[..], Mode::Background, Some(true), Ok(true)),
            (true, &all[..], Mode::Background, Some(false), Ok(false)),
            (true, &writer[..], Mode::Background, None, Ok(true)),
            (
                true,
                &writer[..],
                Mode::Background,
                Some(false),
                Err(Code::FORBIDDEN),
            ),
            (true, &writer[..], Mode::Gui, None, Err(Code::FORBIDDEN)),
            (false, &writer[..], Mode::Gui, None, Ok(false)),
            (
                true,
                &all[..],
                Mode::Gui,
                Some(true),
                Err(Code::ARGUMENTS_INVALID),
            ),
            (
                false,
                &all[..],
                Mode::Background,
                Some(true),
                Err(Code::NOT_SUPPORTED),
            ),
            (
                false,
                &writer[..],
                Mode::Background,
                Some(true),
                Err(Code::NOT_SUPPORTED),
            ),
            (false, &writer[..], Mode::Background, None, Ok(false)),
        ];
        for (can, scopes, mode, asked, expected) in table {
            let what = format!("{can} {scopes:?} {mode:?} {asked:?}");
            assert_eq!(
                settled(can, scopes, request(mode, asked)),
                expected,
                "{what}"
            );
        }
    }

    #[test]
    fn a_bridge_is_told_the_launcher_or_why_there_is_none() {
        assert_eq!(
            confinement(true).for_bridges().launcher.as_deref(),
            Some("/usr/bin/kapelle")
        );
        let told = confinement(false).for_bridges();
        assert_eq!(told.launcher, None);
        assert!(told.why_not.unwrap().contains("Landlock"));
        assert!(
            confinement(false)
                .why_unconfined(Mode::Background)
                .contains("no Landlock")
        );
    }
}
