//! The demo and a call in a real Blender. Runs where KAPELLE_TEST_BPY45 (a Python with the wheel), KAPELLE_TEST_BPY52
//! or KAPELLE_TEST_BLENDER names one; without them there is nothing to test, and the test says so.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::environment::{Environment, Ran};

const VARIABLES: [&str; 3] = [
    "KAPELLE_TEST_BPY45",
    "KAPELLE_TEST_BPY52",
    "KAPELLE_TEST_BLENDER",
];

#[test]
#[expect(clippy::disallowed_macros, reason = "for who runs the tests")]
fn the_demo_makes_a_picture_a_model_and_a_file() {
    let programs: Vec<String> = VARIABLES
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .collect();
    if programs.is_empty() {
        eprintln!("not tested: set one of {}", VARIABLES.join(", "));
    }
    for program in programs {
        let environment = Environment::new();
        let _ends = crate::hub::HubEnds(&environment);
        let first = demo(&environment, &program);
        check(&first, &environment.home().join("demo"));
        // The second time takes the same instance.
        let second = demo(&environment, &program);
        assert_eq!(first["instance"]["pid"], second["instance"]["pid"]);
        let objects = environment.run(&[
            "code",
            "blender",
            "-i",
            "demo",
            "-c",
            "len(bpy.context.scene.objects)",
        ]);
        let made = &first["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|step| step["title"] == "forms")
            .unwrap()["calls"];
        // Three lights and a camera beside the forms: nothing was left from the first time.
        assert_eq!(
            objects.out.trim(),
            (made.as_u64().unwrap() + 4).to_string(),
            "{objects:?}"
        );
        let scenes = environment.run(&[
            "code",
            "blender",
            "-i",
            "demo",
            "-c",
            "[scene.name for scene in bpy.data.scenes]",
        ]);
        assert_eq!(scenes.out, "[\"Kapelle Demo\"]\n", "{scenes:?}");
        let raised = environment.run(&[
            "code",
            "blender",
            "-i",
            "demo",
            "-c",
            "print('so far')\n1/0",
        ]);
        assert_eq!((raised.exit, raised.out.as_str()), (Some(1), "so far\n"));
        assert_eq!(
            raised
                .err
                .matches("ZeroDivisionError: division by zero\n")
                .count(),
            1,
            "{}",
            raised.err
        );
    }
}

fn demo(environment: &Environment, program: &str) -> Value {
    let mut command = environment.command(&["demo", "--samples", "1", "--json"]);
    command.env("KAPELLE_BLENDER", program);
    let output: Output = command.output().unwrap();
    let ran = Ran::new(output, environment);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    ran.document()
}

fn check(report: &Value, out: &Path) {
    let begins = |name: &str, with: &[u8]| {
        let bytes = std::fs::read(out.join(name)).unwrap();
        assert!(
            bytes.starts_with(with) && bytes.len() > 10_000,
            "{name}: {} bytes",
            bytes.len()
        );
        bytes
    };
    let picture = begins("demo-7.png", b"\x89PNG\r\n\x1a\n");
    assert_eq!(picture[16..24], [0, 0, 3, 192, 0, 0, 2, 28], "960 by 540");
    begins("demo-7.glb", b"glTF");
    begins("demo-7.blend", b"BLENDER");
    assert_eq!(report["files"].as_array().unwrap().len(), 3);
    assert!(report["calls"].as_u64().unwrap() > 20, "{report}");
}
