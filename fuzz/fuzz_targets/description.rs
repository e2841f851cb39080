//! A command's description: any TOML is described or refused with a sentence, and what comes out can be
//! served and indexed.
#![no_main]

use hub::find::Index;
use libfuzzer_sys::fuzz_target;
use wire::{AppId, CommandSpec};

fuzz_target!(|data: &str| {
    match CommandSpec::from_toml("noun", data) {
        Ok(specs) => {
            for spec in &specs {
                let text = serde_json::to_vec(spec).expect("a description is JSON");
                serde_json::from_slice::<CommandSpec>(&text).expect("and can be read again");
            }
            let index = Index::new(&AppId::new("toy"), specs.iter());
            assert!(index.search(data).len() <= specs.len());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
