//! The demo's scene as a plan: which commands with which arguments, following from a seed alone.
//!
//! Rounded forms stand around a glowing sphere on a soft floor and turn slowly. The seed chooses palette,
//! arrangement and all measures. Nothing is run here. Metres and degrees, as the commands take them.

use serde_json::{Map, Value, json};

use super::forms::{ARRANGEMENTS, Form};
use super::palette::{PALETTES, Palette, linear, rounded};
use super::random::Random;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) command: &'static str,
    pub(super) args: Map<String, Value>,
}

/// Calls that are told as one line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// For people: `lotus in lagoon colours`.
    pub(super) title: String,
    pub(super) chapters: Vec<Chapter>,
}

/// Everything turns below this.
const CAROUSEL: &str = "Carousel";
const GLOW: &str = "Glow";
const CAMERA: &str = "Demo Camera";
/// The name in front of all scenes of the demo, by which an earlier one is found and removed.
const SCENE: &str = "Kapelle Demo";

/// Five seconds at 24 frames a second.
const FRAME_LAST: u32 = 120;

const TIDY: &str = include_str!("tidy.py");
const ANIMATE: &str = include_str!("animate.py");

/// The picture.
pub(super) const WIDTH: u32 = 960;
pub(super) const HEIGHT: u32 = 540;

pub(super) fn plan(seed: u64, samples: u32) -> Plan {
    let mut random = Random::new(seed);
    let palette = random.pick(&PALETTES);
    let arrangement = random.pick(&ARRANGEMENTS);
    let forms = (arrangement.arrange)(&mut random);
    Plan {
        title: format!("{} in the colours of {}", arrangement.name, palette.name),
        chapters: vec![
            Chapter {
                title: "scene",
                steps: scene(palette, samples),
            },
            Chapter {
                title: "materials",
                steps: materials(palette),
            },
            Chapter {
                title: "forms",
                steps: objects(&forms, arrangement.glow_height),
            },
            Chapter {
                title: "light and camera",
                steps: light_and_camera(palette, &mut random),
            },
            Chapter {
                title: "animation",
                steps: animation(),
            },
        ],
    }
}

fn step(command: &'static str, args: Value) -> Step {
    let args = match args {
        Value::Object(args) => args,
        _ => Map::new(),
    };
    Step { command, args }
}

fn scene(palette: &Palette, samples: u32) -> Vec<Step> {
    vec![
        step("scene.new", json!({"name": SCENE, "copy_settings": false})),
        step(
            "code.run",
            json!({"code": TIDY, "namespace": "demo", "reset": true}),
        ),
        step(
            "scene.set",
            json!({
                "engine": "cycles", "samples": samples, "width": WIDTH, "height": HEIGHT, "percentage": 100,
                "frame_start": 1, "frame_end": FRAME_LAST, "fps": 24, "frame": 30,
                "background": linear(palette.sky), "background_strength": 1.0
            }),
        ),
    ]
}

/// `Form 1` to `Form 4`, and those with a name.
fn materials(palette: &Palette) -> Vec<Step> {
    let mut steps: Vec<Step> = (1..)
        .zip(palette.forms)
        .map(|(number, color)| {
            step(
                "material.create",
                json!({"name": format!("Form {number}"), "base_color": linear(color), "roughness": 0.32, "coat": 0.6}),
            )
        })
        .collect();
    steps.push(step(
        "material.create",
        json!({"name": "Metal", "base_color": linear(palette.metal), "metallic": 1.0, "roughness": 0.18}),
    ));
    steps.push(step(
        "material.create",
        json!({"name": "Floor", "base_color": linear(palette.floor), "roughness": 0.55}),
    ));
    steps.push(step(
        "material.create",
        json!({
            "name": GLOW, "base_color": linear(palette.glow), "emission_color": linear(palette.glow), "emission_strength": 3.0
        }),
    ));
    steps
}

fn objects(forms: &[Form], glow_height: f64) -> Vec<Step> {
    let mut steps = vec![
        step(
            "object.create",
            json!({"kind": "plane", "name": "Floor", "size": 120, "material": "Floor"}),
        ),
        step(
            "object.create",
            json!({"kind": "empty", "name": CAROUSEL, "size": 0.5}),
        ),
        step(
            "object.create",
            json!({
                "kind": "sphere", "name": GLOW, "size": 1.1, "location": [0, 0, glow_height], "segments": 64, "smooth": true,
                "material": GLOW, "parent": CAROUSEL
            }),
        ),
    ];
    steps.extend(forms.iter().map(create));
    steps
}

fn create(form: &Form) -> Step {
    let mut args = json!({
        "kind": form.kind, "name": form.name, "material": form.material, "parent": CAROUSEL, "smooth": true,
        "location": form.location.map(rounded), "rotation": form.rotation.map(rounded),
        "scale": form.scale.map(rounded), "size": rounded(form.size), "segments": form.segments
    });
    if let Some(thickness) = form.thickness {
        args["thickness"] = rounded(thickness).into();
    }
    step("object.create", args)
}

fn light_and_camera(palette: &Palette, random: &mut Random) -> Vec<Step> {
    let side = *random.pick(&[-1.0, 1.0]);
    let eye = [side * 1.2, -11.0, random.between(4.6, 5.6)].map(rounded);
    let aim = json!([0, 0, 0.75]);
    let area = |name: &str, location: [f64; 3], energy: f64, size: f64, color: [f64; 3]| {
        step(
            "light.create",
            json!({
                "kind": "area", "name": name, "location": location.map(rounded), "look_at": aim, "energy": energy,
                "size": size, "color": color
            }),
        )
    };
    let white = linear(0xfff1e0);
    vec![
        area("Key", [side * -5.5, -4.5, 7.5], 900.0, 5.0, white),
        area(
            "Fill",
            [side * 7.0, -5.0, 4.0],
            160.0,
            8.0,
            linear(palette.rim),
        ),
        area(
            "Rim",
            [side * 7.0, 19.0, 10.0],
            2600.0,
            6.0,
            linear(palette.rim),
        ),
        step(
            "camera.create",
            json!({
                "name": CAMERA, "location": eye, "look_at": [0, 0, 0.5], "lens": 48,
                "active": true
            }),
        ),
    ]
}

fn animation() -> Vec<Step> {
    vec![
        step("code.run", json!({"code": ANIMATE, "namespace": "demo"})),
        step(
            "code.run",
            json!({
                "code": format!("animate({CAROUSEL:?}, {GLOW:?}, {CAMERA:?}, {FRAME_LAST})"), "namespace": "demo"
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn steps(plan: &Plan) -> impl Iterator<Item = &Step> {
        plan.chapters.iter().flat_map(|chapter| &chapter.steps)
    }

    #[test]
    fn a_plan_follows_from_its_seed_and_seeds_differ() {
        assert_eq!(plan(7, 32), plan(7, 32));
        let titles: HashSet<String> = (0..60).map(|seed| plan(seed, 32).title).collect();
        assert_eq!(
            titles.len(),
            PALETTES.len() * ARRANGEMENTS.len(),
            "{titles:?}"
        );
        assert_ne!(plan(1, 32).chapters, plan(2, 32).chapters);
    }

    /// Every call of any plan passes the checks that the hub makes of names and forms.
    #[test]
    fn every_step_is_a_described_command_with_described_arguments() {
        let commands = crate::blender::commands();
        for seed in 0..60 {
            let plan = plan(seed, 32);
            for step in steps(&plan) {
                let spec = commands.iter().find(|spec| spec.name == step.command);
                let spec = spec.unwrap_or_else(|| panic!("{} is not described", step.command));
                for (key, value) in &step.args {
                    let (_, schema) = spec
                        .properties()
                        .find(|(name, _)| *name == key)
                        .unwrap_or_else(|| panic!("{key}"));
                    if let Some(choices) = schema["enum"].as_array() {
                        assert!(choices.contains(value), "{}: {key}={value}", step.command);
                    }
                }
                for (name, _) in spec.properties().filter(|(name, _)| spec.is_required(name)) {
                    assert!(
                        step.args.contains_key(name),
                        "{} without {name}",
                        step.command
                    );
                }
            }
        }
    }

    #[test]
    fn every_scene_has_what_was_promised() {
        for seed in 0..60 {
            let plan = plan(seed, 32);
            let made = |command: &str| steps(&plan).filter(|step| step.command == command).count();
            let meshes = steps(&plan)
                .filter(|step| step.command == "object.create" && step.args["kind"] != "empty")
                .count();
            assert!(meshes >= 8, "seed {seed}: {meshes}");
            assert!(
                made("material.create") >= 2
                    && made("light.create") >= 2
                    && made("camera.create") == 1
            );
            let mut names = HashSet::new();
            for step in steps(&plan).filter(|step| step.command == "object.create") {
                assert!(
                    names.insert(step.args["name"].clone()),
                    "seed {seed}: {} twice",
                    step.args["name"]
                );
            }
        }
    }
}
