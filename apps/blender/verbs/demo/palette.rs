//! Colours that go together.

/// Colours as people write them, `0xRRGGBB` in sRGB.
#[derive(Debug)]
pub(super) struct Palette {
    pub(super) name: &'static str,
    pub(super) floor: u32,
    pub(super) sky: u32,
    /// From the middle outwards.
    pub(super) forms: [u32; 4],
    pub(super) glow: u32,
    pub(super) metal: u32,
    /// The light that comes from behind.
    pub(super) rim: u32,
}

pub(super) const PALETTES: [Palette; 6] = [
    Palette {
        name: "lotus",
        floor: 0x5a3a78,
        sky: 0x4a3068,
        forms: [0xffe3ec, 0xffa9c6, 0xf2689b, 0xb83a86],
        glow: 0xffc06a,
        metal: 0xf0c060,
        rim: 0xa78bff,
    },
    Palette {
        name: "lagoon",
        floor: 0x1d6274,
        sky: 0x1b5568,
        forms: [0xe4fff4, 0x8ff0dc, 0x35b8ae, 0x1d6f94],
        glow: 0xffdf80,
        metal: 0xe8d3a0,
        rim: 0x7fd8ff,
    },
    Palette {
        name: "ember",
        floor: 0x6b3531,
        sky: 0x57282c,
        forms: [0xffe0b0, 0xffa45c, 0xee5a3a, 0x9c2743],
        glow: 0xffcf70,
        metal: 0xd9a066,
        rim: 0xff7ab0,
    },
    Palette {
        name: "meadow",
        floor: 0xe4ddc6,
        sky: 0xcfe3ea,
        forms: [0xfff7d6, 0xc8dc78, 0x7cb260, 0x2f6f4e],
        glow: 0xffc64a,
        metal: 0xc69049,
        rim: 0xffffff,
    },
    Palette {
        name: "porcelain",
        floor: 0xd5deea,
        sky: 0xc2d2e6,
        forms: [0xffffff, 0xc9dcf6, 0x7da6e0, 0x2f5fae],
        glow: 0xffb45e,
        metal: 0xd6a757,
        rim: 0xffffff,
    },
    Palette {
        name: "aurora",
        floor: 0x26345c,
        sky: 0x202c50,
        forms: [0xdffff0, 0x7cf0c0, 0x4f9dff, 0x8f6bff],
        glow: 0xa8ffe0,
        metal: 0xb9c8e4,
        rim: 0x66ffcc,
    },
];

/// Linear, as Blender takes colours.
pub(super) fn linear(color: u32) -> [f64; 3] {
    [16, 8, 0].map(|shift| {
        let part = f64::from((color >> shift) & 0xff) / 255.0;
        let linear = if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        };
        rounded(linear)
    })
}

/// Four decimals: what a person could read in the history.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::linear;

    #[test]
    fn colours_become_linear() {
        assert_eq!(linear(0xff_00_80), [1.0, 0.0, 0.2159]);
    }
}
