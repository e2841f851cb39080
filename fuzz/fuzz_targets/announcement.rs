//! A third party's bridge announces commands with schemas of its own; then a call's arguments are checked by
//! them.
#![no_main]

use hub::catalog::Catalog;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use wire::link::Announcement;

fuzz_target!(|data: &[u8]| {
    // The announcement ends where a line of its own begins the arguments.
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let Ok(said) = serde_json::from_slice::<Announcement>(&data[..at]) else {
        return;
    };
    let catalog = Catalog::default();
    match catalog.check_announced(&said.app, said.commands.clone()) {
        Ok(announced) => catalog.announce(&said.app, &"one".into(), announced),
        Err(problem) => {
            assert!(!problem.message.is_empty());
            return;
        }
    }
    let app = catalog.app(&said.app).expect("it was announced");
    let args: Map<String, Value> = serde_json::from_slice(data.get(at..).unwrap_or_default()).unwrap_or_default();
    for spec in &said.commands {
        let command = app.command(&spec.name).expect("it was announced");
        if let Err(problem) = command.check(args.clone()) {
            assert!(!problem.message.is_empty());
        }
    }
});
