//! Arrangements of rounded forms around the middle: where each stands and how large it is.

use std::f64::consts::TAU;

use super::random::Random;

/// A mesh to be made; metres and degrees.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) material: String,
    pub(super) location: [f64; 3],
    pub(super) rotation: [f64; 3],
    pub(super) scale: [f64; 3],
    pub(super) size: f64,
    pub(super) thickness: Option<f64>,
    pub(super) segments: u32,
}

impl Form {
    fn new(kind: &'static str, name: String, material: impl Into<String>) -> Self {
        Self {
            kind,
            name,
            material: material.into(),
            location: [0.0; 3],
            rotation: [0.0; 3],
            scale: [1.0; 3],
            size: 1.0,
            thickness: None,
            segments: 48,
        }
    }
}

pub(super) struct Arrangement {
    pub(super) name: &'static str,
    /// Where the middle of the glow is, in metres above the floor.
    pub(super) glow_height: f64,
    pub(super) arrange: fn(&mut Random) -> Vec<Form>,
}

pub(super) const ARRANGEMENTS: [Arrangement; 4] = [
    Arrangement {
        name: "a flower",
        glow_height: 1.15,
        arrange: flower,
    },
    Arrangement {
        name: "a spiral of pebbles",
        glow_height: 0.7,
        arrange: spiral,
    },
    Arrangement {
        name: "rings",
        glow_height: 1.55,
        arrange: rings,
    },
    Arrangement {
        name: "a crown of domes",
        glow_height: 0.85,
        arrange: crown,
    },
];

/// Seeds of a sunflower stand at multiples of this angle, in degrees, and never in a row.
const GOLDEN_ANGLE: f64 = 137.507_764;

/// The colour of a form at this part (0 to 1) of the way from the middle outwards.
fn color(part: f64) -> String {
    let number = match part {
        part if part < 0.25 => 1,
        part if part < 0.5 => 2,
        part if part < 0.75 => 3,
        _ => 4,
    };
    format!("Form {number}")
}

/// A point on a circle around the middle; the angle in degrees.
fn around(radius: f64, angle: f64, height: f64) -> [f64; 3] {
    let turn = angle / 360.0 * TAU;
    [radius * turn.cos(), radius * turn.sin(), height]
}

/// Beads in a circle on the floor.
fn beads(random: &mut Random, radius: f64) -> Vec<Form> {
    let count = *random.pick(&[16_u32, 20, 24]);
    (0..count)
        .map(|number| {
            let size = if number % 4 == 0 { 0.3 } else { 0.15 };
            Form {
                location: around(
                    radius,
                    f64::from(number) * 360.0 / f64::from(count),
                    size / 2.0,
                ),
                size,
                segments: 32,
                ..Form::new("sphere", format!("Bead {}", number + 1), "Metal")
            }
        })
        .collect()
}

/// Petals in layers that lean further outwards from one to the next.
fn flower(random: &mut Random) -> Vec<Form> {
    let petals = *random.pick(&[6_u32, 7, 8]);
    let width = random.between(0.5, 0.64);
    let twist = random.between(-10.0, 10.0);
    let mut forms = Vec::new();
    for layer in 0..4_u32 {
        let outwards = f64::from(layer);
        let count = petals + 2 * layer;
        for number in 0..count {
            let angle = f64::from(number) * 360.0 / f64::from(count) + outwards * 23.0;
            let length = 1.35 + 0.22 * outwards;
            let lean = 16.0 + 19.0 * outwards;
            forms.push(Form {
                location: around(0.85 + 0.5 * outwards, angle, 0.95 - 0.17 * outwards),
                // Leaned outwards first, then turned to its place.
                rotation: [twist, lean, angle],
                scale: [0.13, width, length / 1.6],
                size: 1.6,
                ..Form::new(
                    "sphere",
                    format!("Petal {}.{}", layer + 1, number + 1),
                    format!("Form {}", layer + 1),
                )
            });
        }
    }
    forms.extend(beads(random, 4.1));
    forms
}

/// Pebbles as the seeds of a sunflower, larger outwards, in a gentle wave.
fn spiral(random: &mut Random) -> Vec<Form> {
    const COUNT: u32 = 72;
    let start = random.between(0.0, 360.0);
    let waves = *random.pick(&[2.0, 3.0, 5.0]);
    let flatness = random.between(0.62, 0.85);
    (0..COUNT)
        .map(|number| {
            let part = f64::from(number) / f64::from(COUNT);
            let radius = 0.7 + 2.75 * part.sqrt();
            let angle = start + f64::from(number) * GOLDEN_ANGLE;
            let wave = 1.0 + 0.28 * (angle / 360.0 * TAU * waves).sin();
            let size = (0.3 + 0.38 * part) * wave;
            let material = if number % 9 == 4 {
                "Metal".to_owned()
            } else {
                color(part)
            };
            Form {
                location: around(radius, angle, size * flatness / 2.0),
                rotation: [0.0, 0.0, angle],
                scale: [1.0, 1.0, flatness],
                size,
                ..Form::new("sphere", format!("Pebble {}", number + 1), material)
            }
        })
        .collect()
}

/// Rings around the glow, each tilted its own way, and a dish of rings on the floor.
fn rings(random: &mut Random) -> Vec<Form> {
    let mut forms = Vec::new();
    for number in 0..5_u32 {
        let outwards = f64::from(number);
        let material = if number == 2 {
            "Metal".to_owned()
        } else {
            color(outwards / 5.0)
        };
        forms.push(Form {
            location: [0.0, 0.0, 1.55],
            rotation: [
                random.between(-55.0, 55.0),
                random.between(-40.0, 40.0),
                random.between(0.0, 180.0),
            ],
            size: 1.75 + 0.42 * outwards,
            thickness: Some(0.16 - 0.015 * outwards),
            segments: 128,
            ..Form::new("torus", format!("Ring {}", number + 1), material)
        });
    }
    for number in 0..4_u32 {
        let outwards = f64::from(number);
        forms.push(Form {
            location: [0.0, 0.0, 0.12 + 0.02 * outwards],
            size: 2.6 + 1.5 * outwards,
            thickness: Some(0.3 + 0.06 * outwards),
            segments: 128,
            ..Form::new(
                "torus",
                format!("Wave {}", number + 1),
                format!("Form {}", 4 - number),
            )
        });
    }
    forms.extend(beads(random, 4.6));
    forms
}

/// Domes in circles, their heights in a wave.
fn crown(random: &mut Random) -> Vec<Form> {
    let waves = *random.pick(&[2.0, 3.0, 4.0]);
    let phase = random.between(0.0, TAU);
    let circles = [
        (0_u32, 12_u32, 1.3, 0.52),
        (1, 18, 2.05, 0.56),
        (2, 24, 2.8, 0.6),
        (3, 30, 3.55, 0.62),
    ];
    let mut forms = Vec::new();
    for (circle, count, radius, width) in circles {
        let outwards = f64::from(circle);
        for number in 0..count {
            let angle = f64::from(number) * 360.0 / f64::from(count) + outwards * 7.5;
            let wave = 0.5 + 0.5 * (angle / 360.0 * TAU * waves + phase + 0.7 * outwards).sin();
            let height = 0.25 + (1.15 - 0.17 * outwards) * wave;
            forms.push(Form {
                // Half of it is below the floor.
                location: around(radius, angle, 0.0),
                scale: [1.0, 1.0, 2.0 * height / width],
                size: width,
                ..Form::new(
                    "sphere",
                    format!("Dome {}.{}", circle + 1, number + 1),
                    color(1.0 - wave),
                )
            });
        }
    }
    forms
}
