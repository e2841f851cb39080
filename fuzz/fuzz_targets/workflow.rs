//! A workflow of ComfyUI's editor and an `/object_info`, both a stranger's: converted to a graph without links to nothing,
//! the same one each time, or refused; checked within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(document) = serde_json::from_slice(data) {
        apps::comfyui::fuzzing::workflow(&document);
    }
});
