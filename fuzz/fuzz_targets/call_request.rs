//! The body of a call, and its arguments against a command's schema.
#![no_main]

use std::sync::{Arc, OnceLock};

use hub::app::App;
use hub::launch::{Launch, LaunchRequest};
use hub::catalog::Catalog;
use hub::home::Home;
use libfuzzer_sys::fuzz_target;
use wire::{AppId, CallRequest, Code, CommandSpec, Problem};

struct Toy;

impl App for Toy {
    fn id(&self) -> AppId {
        AppId::new("toy")
    }

    fn title(&self) -> &str {
        "Toy"
    }

    fn commands(&self) -> Vec<CommandSpec> {
        CommandSpec::from_toml("thing", include_str!("../thing.toml")).expect("a description")
    }

    fn launch(&self, _: &Home, _: &LaunchRequest) -> Result<Launch, Problem> {
        Err(Problem::new(Code::NOT_SUPPORTED, "It cannot be started."))
    }
}

fuzz_target!(|data: &[u8]| {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    let catalog = CATALOG.get_or_init(|| Catalog::new(vec![Arc::new(Toy)]).expect("one app"));
    let Ok(request) = serde_json::from_slice::<CallRequest>(data) else {
        return;
    };
    let Ok(app) = catalog.app(&request.app) else {
        return;
    };
    let Ok(command) = app.command(&request.command) else {
        return;
    };
    match command.check(request.args) {
        // Defaults are filled in once: the same arguments pass again, unchanged.
        Ok(args) => assert_eq!(command.check(args.clone()).expect("checked already"), args),
        Err(problem) => assert!(!problem.message.is_empty()),
    }
});
