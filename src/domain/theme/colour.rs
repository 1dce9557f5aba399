//! A colour, and how well one is read on another (WCAG 2.2, contrast ratio).

use std::fmt;

/// The least contrast of text.
const TEXT: f64 = 4.5;
/// Steps from a colour to black or white.
const STEPS: u8 = 20;

/// A colour of sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colour {
    /// A colour of its parts.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Reads `#rgb` or `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .strip_prefix('#')?
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let parts: Vec<u8> = match digits.len() {
            3 => digits.iter().map(|digit| digit * 17).collect(),
            6 => digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect(),
            _ => return None,
        };
        parts.try_into().ok().map(Self)
    }

    /// Relative luminance, 0 to 1.
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.0722_f64.mul_add(blue, 0.2126_f64.mul_add(red, 0.7152 * green))
    }

    /// The contrast with another, 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The same, `steps` of twenty towards white or black.
    #[must_use]
    pub fn towards(self, white: bool, steps: u8) -> Self {
        let end = if white { 255_u16 } else { 0 };
        let (steps, all) = (u16::from(steps.min(STEPS)), u16::from(STEPS));
        let mix = |part: u8| (u16::from(part) * (all - steps) + end * steps) / all;
        Self(self.0.map(|part| u8::try_from(mix(part)).unwrap_or(u8::MAX)))
    }

    /// The same, moved towards white or black until text in it can be read on `ground`.
    #[must_use]
    pub fn readable_on(self, ground: Self, white: bool) -> Self {
        let moved = (0..=STEPS).map(|steps| self.towards(white, steps));
        moved.into_iter().find(|one| one.contrast(ground) >= TEXT).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Colour = Colour::new(255, 255, 255);
    const BLACK: Colour = Colour::new(0, 0, 0);

    #[test]
    fn colours_are_read_and_written() {
        for (text, read) in [("#fff", Some("#ffffff")), ("#2C56DD", Some("#2c56dd")), ("#12", None)] {
            assert_eq!(Colour::parse(text).map(|colour| colour.to_string()).as_deref(), read, "{text}");
        }
        for text in ["red", "2c56dd", "#2c56dg", "#2c56dd;", "", "#é00"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((WHITE.contrast(BLACK) - 21.0).abs() < 1e-9);
        assert!((Colour::new(0x76, 0x76, 0x76).contrast(WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn whatever_is_given_can_be_read() {
        let grounds = [(Colour::new(0xf4, 0xf5, 0xf7), false), (Colour::new(0x22, 0x26, 0x2e), true)];
        for given in ["#ff0", "#fff", "#000", "#777", "#2c56dd", "#ff7a59"] {
            for (ground, white) in grounds {
                let colour = Colour::parse(given).unwrap().readable_on(ground, white);
                assert!(colour.contrast(ground) >= 4.5, "{given} as {colour} on {ground}");
            }
        }
        // What can be read stays as it was given.
        assert_eq!(Colour::parse("#2c56dd").unwrap().readable_on(WHITE, false).to_string(), "#2c56dd");
    }
}
