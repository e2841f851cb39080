//! The app as a whole: its descriptions, and its converter against the editor's own.

use serde_json::{Value, json};

mod as_the_editor;

/// A server with a few classes, as `/object_info` tells them.
pub(super) fn small_server() -> Value {
    json!({
        "Loader": {
            "input": {"required": {"model": [["sd/base.safetensors", "turbo.safetensors"], {}]}},
            "output": ["MODEL", "CLIP"],
        },
        "Prompt": {
            "input": {"required": {
                "text": ["STRING", {"multiline": true, "dynamicPrompts": true}],
                "clip": ["CLIP"],
            }},
            "output": ["CONDITIONING"],
        },
        "Sampler": {
            "input": {
                "required": {
                    "model": ["MODEL"],
                    "seed": ["INT", {"default": 0, "min": 0, "max": 1000}],
                    "steps": ["INT", {"default": 20, "min": 1, "max": 100}],
                    "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0}],
                    "sampler": [["euler", "heun"]],
                    "positive": ["CONDITIONING"],
                },
                "optional": {"mask": ["MASK"], "tiled": ["BOOLEAN", {"default": false}]},
            },
            "output": ["IMAGE"],
        },
        "Picture": {
            "input": {"required": {"image": [["a.png"], {"image_upload": true}]}},
            "output": ["IMAGE", "MASK"],
        },
        "Scale": {
            "input": {"required": {"image": ["IMAGE"], "width": ["INT", {"default": 512, "min": 16, "max": 4096}]}},
            "output": ["IMAGE"],
        },
        "Blend": {
            "input": {"required": {"first": ["IMAGE"], "second": ["IMAGE"]}},
            "output": ["IMAGE"],
        },
        "Batch": {
            "input": {"required": {"images": ["COMFY_AUTOGROW_V3", {"template": {
                "input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 1, "max": 4,
            }}]}},
            "output": ["IMAGE"],
        },
        "Resize": {
            "input": {"required": {
                "image": ["IMAGE"],
                "how": ["COMFY_DYNAMICCOMBO_V3", {"options": [
                    {"key": "size", "inputs": {"required": {"width": ["INT", {"default": 64}], "seed": ["INT", {}]}}},
                    {"key": "factor", "inputs": {"required": {"by": ["FLOAT", {"default": 1.0}]}}},
                ]}],
                "method": ["COMBO", {"options": ["area", "lanczos"]}],
            }},
            "output": ["IMAGE"],
        },
        "Boxes": {
            "input": {"required": {"boxes": ["BOUNDING_BOXES", {"default": []}], "image": ["IMAGE"]}},
            "output": ["IMAGE"],
        },
        "Number": {
            "input": {"required": {"value": ["INT", {"control_after_generate": true}]}},
            "output": ["INT"],
        },
        "Film": {
            "input": {"required": {"prompt": ["STRING", {}]}},
            "output": ["VIDEO"],
            "api_node": true,
            "display_name": "Film by a partner",
        },
        "Odd": {
            "input": {"required": {"curve": ["OWN_CURVE", {}], "size": ["INT", {}]}},
            "output": ["IMAGE"],
        },
        "Webcam": {
            "input": {"required": {"image": ["WEBCAM", {}], "width": ["INT", {}]}},
            "output": ["IMAGE"],
        },
        "Save": {
            "input": {"required": {"images": ["IMAGE"], "prefix": ["STRING", {"default": "out"}]}},
            "output": [],
            "output_node": true,
        },
        "Show": {
            "input": {"required": {"source": ["*"]}},
            "output": [],
            "output_node": true,
        },
    })
}
