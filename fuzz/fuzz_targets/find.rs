//! Plain words: any text finds something, in the bounds of an answer.
#![no_main]

use std::sync::OnceLock;

use hub::find::{HITS_MAX, Index, best};
use libfuzzer_sys::fuzz_target;
use wire::{AppId, CommandSpec};

fuzz_target!(|words: &str| {
    static INDEX: OnceLock<Index> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let specs = CommandSpec::from_toml("thing", include_str!("../thing.toml")).expect("a description");
        Index::new(&AppId::new("toy"), specs.iter())
    });
    let hits = best(index.search(words), HITS_MAX);
    assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
});
