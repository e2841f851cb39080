//! Arguments as they are typed, `key=value`, one a line; sizes and times.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use wire::CommandSpec;

fuzz_target!(|text: &str| {
    static SPEC: OnceLock<CommandSpec> = OnceLock::new();
    let spec = SPEC.get_or_init(|| {
        let specs = CommandSpec::from_toml("thing", include_str!("../thing.toml"));
        specs.expect("a description").remove(0)
    });
    cli::fuzzing::key_values(spec, text);
    cli::fuzzing::words(text);
    apps::blender::fuzzing(text.as_bytes());
});
