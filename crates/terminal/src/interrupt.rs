//! Ctrl-C while a call runs: the first one cancels the call, the second one leaves it alone and goes.
//!
//! A client that goes away cancels nothing, so somebody has to say it. The signal arrives on a thread of
//! its own; the main thread goes on reading the stream and sees the call end.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use client::follow::Watcher;
use client::{Client, problems, typed};
use serde_json::Value;
use wire::call::CallView;
use wire::problem::exit;
use wire::{CallId, Problem, Progress};

use crate::answer::{self, Shown};
use crate::ui::Ui;

/// How many of the newest calls are looked through for those of one request to all instances.
const CALLS_LOOKED_THROUGH: usize = 500;

/// Which calls a Ctrl-C cancels.
#[derive(Clone, Debug)]
pub enum Target {
    /// Nothing was accepted yet.
    Unknown,
    Call(CallId),
    /// All calls with this correlation id.
    Correlated(String),
}

/// Whether Ctrl-C was heard in this process, for its exit code.
static HEARD: AtomicBool = AtomicBool::new(false);

pub fn was_heard() -> bool {
    HEARD.load(Ordering::Relaxed)
}

#[derive(Debug)]
struct State {
    target: Target,
    presses: u32,
}

#[derive(Clone, Debug)]
pub struct Interrupt {
    client: Client,
    ui: Ui,
    state: Arc<Mutex<State>>,
}

impl Interrupt {
    /// From here on Ctrl-C is ours. At most once per process.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub fn arm(client: &Client, ui: Ui, target: Target) -> Result<Self, Box<Problem>> {
        let interrupt = Self {
            client: client.clone(),
            ui,
            state: Arc::new(Mutex::new(State { target, presses: 0 })),
        };
        let pressed = interrupt.clone();
        ctrlc::set_handler(move || pressed.press()).map_err(|error| {
            problems::new(
                wire::Code::INTERNAL,
                format!("Ctrl-C cannot be handled: {error}"),
                "please report this",
            )
        })?;
        Ok(interrupt)
    }

    /// The hub took the call. Cancels it when Ctrl-C came before.
    pub fn watch(&self, target: Target) {
        let late = self.with(|state| {
            state.target = target;
            state.presses > 0
        });
        if late {
            self.cancel_aside();
        }
    }

    /// A watcher that also learns here which call a Ctrl-C cancels.
    pub fn around<'a>(&'a self, watcher: &'a mut dyn Watcher) -> Interruptible<'a> {
        Interruptible {
            interrupt: self,
            watcher,
        }
    }

    fn press(&self) {
        HEARD.store(true, Ordering::Relaxed);
        let (presses, target) = self.with(|state| {
            state.presses += 1;
            (state.presses, state.target.clone())
        });
        if presses > 1 {
            self.ui
                .say("left; the call carries on until it ends by itself");
            process::exit(exit::CTRL_C.into());
        }
        self.ui
            .say("cancelling; Ctrl-C again leaves without waiting");
        if !matches!(target, Target::Unknown) {
            self.cancel_aside();
        }
    }

    /// On a thread of its own, so that a second Ctrl-C is heard meanwhile.
    fn cancel_aside(&self) {
        let this = self.clone();
        std::thread::spawn(move || match this.cancel() {
            // The main thread sees the end and speaks.
            Ok(None) => {}
            Ok(Some(document)) => this.give_up(&document),
            Err(problem) => {
                this.ui.show_problem(&problem);
                process::exit(exit::CTRL_C.into());
            }
        });
    }

    /// Cancels; gives a call that did not end by it.
    fn cancel(&self) -> Result<Option<Value>, Box<Problem>> {
        let ids = match self.with(|state| state.target.clone()) {
            Target::Unknown => Vec::new(),
            Target::Call(id) => vec![id],
            Target::Correlated(mark) => self.calls_marked(&mark)?,
        };
        let mut held_up = None;
        for id in ids {
            let document = self.client.cancel(&id)?;
            if !typed::<CallView>(&document)?.status.is_end() {
                held_up = Some(document);
            }
        }
        Ok(held_up)
    }

    fn calls_marked(&self, mark: &str) -> Result<Vec<CallId>, Box<Problem>> {
        let document = self
            .client
            .get(&format!("/v1/calls?limit={CALLS_LOOKED_THROUGH}"))?;
        let calls: Vec<CallView> = typed(&document["calls"])?;
        Ok(calls
            .into_iter()
            .filter(|call| call.correlation_id.as_deref() == Some(mark) && !call.status.is_end())
            .map(|call| call.call_id)
            .collect())
    }

    /// The call is held up by something that cannot be interrupted; nobody has to wait for it.
    fn give_up(&self, document: &Value) {
        if self.ui.json {
            answer::show(self.ui, &*Shown::boxed(document.clone(), |_| Ok(()))).ok();
        } else {
            let id = document["call_id"].as_str().unwrap_or_default();
            self.ui.warn(format_args!(
                "{id} was told to stop but is in native code; it ends when that returns"
            ));
            self.ui.hint(format_args!("see the outcome with `kapelle history {id}`; kill the program with `kapelle stop NAME --force`"));
        }
        process::exit(exit::CTRL_C.into());
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// See [`Interrupt::around`].
pub struct Interruptible<'a> {
    interrupt: &'a Interrupt,
    watcher: &'a mut dyn Watcher,
}

impl Watcher for Interruptible<'_> {
    fn queued(&mut self, call: &CallView) {
        self.interrupt.watch(Target::Call(call.call_id.clone()));
        self.watcher.queued(call);
    }

    fn started(&mut self) {
        self.watcher.started();
    }

    fn output(&mut self, stream: &str, text: &str) {
        self.watcher.output(stream, text);
    }

    fn progress(&mut self, progress: &Progress) {
        self.watcher.progress(progress);
    }

    fn lagged(&mut self) {
        self.watcher.lagged();
    }
}
