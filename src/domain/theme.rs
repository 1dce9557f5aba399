//! The look that an embedder gives the connect pages: a name, a colour, corners, letters, a logo. Whatever colour is
//! given, text stays readable: it is moved towards black or white until it is.
//!
//! It must not know where a theme is kept or shown.

mod colour;

use std::fmt::Write as _;

use serde_json::{Map, Value};

pub use colour::Colour;

/// The greatest radius of corners, in pixels.
const MOST_RADIUS: u64 = 24;
/// The longest logo, as a `data:` address.
const LONGEST_LOGO: usize = 12_000;
const LONGEST_NAME: usize = 100;

/// Where text in the accent stands, the least favourable of each: a light ground and a dark one.
const GROUNDS: [Colour; 2] = [Colour::new(0xf4, 0xf5, 0xf7), Colour::new(0x22, 0x26, 0x2e)];
/// What is written on the accent.
const INKS: [&str; 2] = ["#fff", "#0d1117"];

/// Families of letters. None of them is loaded from anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Font {
    /// What the device uses.
    System,
    /// With serifs.
    Serif,
    /// With round ends, where the device has such.
    Rounded,
}

impl Font {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::System, Self::Serif, Self::Rounded];

    /// The word in themes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Serif => "serif",
            Self::Rounded => "rounded",
        }
    }

    const fn stack(self) -> &'static str {
        match self {
            Self::System => "system-ui, sans-serif",
            Self::Serif => "ui-serif, Georgia, \"Times New Roman\", serif",
            Self::Rounded => "ui-rounded, \"Arial Rounded MT Bold\", Nunito, system-ui, sans-serif",
        }
    }
}

/// A theme as it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// What the host app is called.
    pub app_name: Option<String>,
    /// The colour of buttons and links.
    pub accent: Option<Colour>,
    /// The radius of corners, in pixels.
    pub radius: Option<u64>,
    /// The letters.
    pub font: Option<Font>,
    /// The host app's logo, as a `data:` address.
    pub logo: Option<String>,
    /// Whether the pages leave out whose they are.
    pub unbranded: bool,
}

/// What is wrong with a member of a theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThemeError {
    /// The member.
    pub name: &'static str,
    /// In words.
    pub message: &'static str,
}

impl Theme {
    /// Reads the members that the hub knows; the others are the embedder's own business. Those that can't be used are
    /// left out and told.
    pub fn read(given: &Map<String, Value>) -> (Self, Vec<ThemeError>) {
        let (mut theme, mut wrong) = (Self::default(), Vec::new());
        let mut take = |name: &'static str, message: &'static str, fits: &mut dyn FnMut(&Value) -> bool| {
            let value = given.get(name).filter(|value| !value.is_null());
            if value.is_some_and(|value| !fits(value)) {
                wrong.push(ThemeError { name, message });
            }
        };
        take("appName", "Write at most 100 characters.", &mut |value| {
            let name = value.as_str().filter(|name| name.chars().count() <= LONGEST_NAME);
            let name = name.filter(|name| !name.chars().any(char::is_control));
            theme.app_name = name.map(str::to_owned);
            name.is_some()
        });
        take("accent", "Write a colour such as #2c56dd.", &mut |value| {
            theme.accent = value.as_str().and_then(Colour::parse);
            theme.accent.is_some()
        });
        take("radius", "Write a whole number of pixels from 0 to 24.", &mut |value| {
            theme.radius = value.as_u64().filter(|radius| *radius <= MOST_RADIUS);
            theme.radius.is_some()
        });
        take("font", "Choose system, serif or rounded.", &mut |value| {
            theme.font = Font::ALL.into_iter().find(|font| value.as_str() == Some(font.as_str()));
            theme.font.is_some()
        });
        let logo = "Give a PNG, JPEG, WebP or SVG image as a data: address of at most 12,000 characters.";
        take("logo", logo, &mut |value| {
            theme.logo = value.as_str().filter(|logo| is_image(logo)).map(str::to_owned);
            theme.logo.is_some()
        });
        take("unbranded", "Write true or false.", &mut |value| {
            theme.unbranded = value.as_bool().unwrap_or_default();
            value.is_boolean()
        });
        (theme, wrong)
    }

    /// Whether a stylesheet says anything about it.
    pub const fn is_plain(&self) -> bool {
        self.accent.is_none() && self.radius.is_none() && self.font.is_none()
    }

    /// What of it a stylesheet is made of, as names and values of a query.
    pub fn style(&self) -> Vec<(&'static str, String)> {
        let accent = self.accent.map(|accent| ("accent", accent.to_string()));
        let radius = self.radius.map(|radius| ("radius", radius.to_string()));
        let font = self.font.map(|font| ("font", font.as_str().to_owned()));
        [accent, radius, font].into_iter().flatten().collect()
    }

    /// The accent as it stands on a light ground or a dark one: as it was given, or moved until it can be read.
    pub fn accent_on(&self, dark: bool) -> Option<Colour> {
        self.accent.map(|accent| accent.readable_on(GROUNDS[usize::from(dark)], dark))
    }

    /// The stylesheet: the tokens of `app.css` that are otherwise.
    pub fn stylesheet(&self) -> String {
        let mut common = String::new();
        if let Some(radius) = self.radius {
            let small = radius.saturating_sub(radius / 4);
            let _ = write!(common, "--vs-radius:{radius}px;--vs-radius-small:{small}px;");
        }
        if let Some(font) = self.font {
            let _ = write!(common, "--vs-font:{};", font.stack());
        }
        let accents = |dark: bool| {
            self.accent_on(dark).map_or_else(String::new, |accent| {
                let (strong, ink) = (accent.towards(dark, 3), INKS[usize::from(dark)]);
                format!("--vs-accent:{accent};--vs-accent-strong:{strong};--vs-on-accent:{ink};")
            })
        };
        let (light, dark) = (accents(false), accents(true));
        format!(
            ":root{{{common}{light}}}\n@media (prefers-color-scheme:dark){{:root:not([data-theme=\"light\"]){{{dark}}}}}\n"
        )
    }
}

/// Whether `text` is an image that stands in the page itself.
fn is_image(text: &str) -> bool {
    let kinds = ["png", "jpeg", "webp", "svg+xml"];
    let data = text.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
    data.is_some_and(|(kind, data)| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        text.len() <= LONGEST_LOGO && kinds.contains(&kind) && !data.is_empty() && data.bytes().all(letters)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(theme: &Value) -> (Theme, Vec<ThemeError>) {
        Theme::read(theme.as_object().unwrap())
    }

    #[test]
    fn a_theme_is_read_and_what_the_hub_does_not_know_is_left_alone() {
        let given = json!({
            "appName": "Acme", "accent": "#0A7", "radius": 0, "font": "serif", "unbranded": true,
            "logo": "data:image/png;base64,iVBORw0KGgo=", "tone": ["anything"],
        });
        let (theme, wrong) = read(&given);
        assert_eq!(wrong, []);
        assert_eq!(theme.accent.map(|accent| accent.to_string()).as_deref(), Some("#00aa77"));
        assert_eq!((theme.radius, theme.font, theme.unbranded), (Some(0), Some(Font::Serif), true));
        assert!(theme.logo.is_some() && theme.app_name.as_deref() == Some("Acme"));
        assert_eq!(read(&json!({"accent": null})), (Theme::default(), Vec::new()));
    }

    #[test]
    fn what_cannot_be_used_is_told_and_left_out() {
        for (theme, name) in [
            (json!({"appName": "x".repeat(101)}), "appName"),
            (json!({"accent": "red;}"}), "accent"),
            (json!({"accent": 7}), "accent"),
            (json!({"radius": 25}), "radius"),
            (json!({"radius": "8px"}), "radius"),
            (json!({"font": "https://fonts.test"}), "font"),
            (json!({"logo": "https://cdn.test/logo.png"}), "logo"),
            (json!({"logo": "data:text/html;base64,PGI+"}), "logo"),
            (json!({"logo": "data:image/png;base64,\" onload=x"}), "logo"),
            (json!({"unbranded": "yes"}), "unbranded"),
        ] {
            let (read, wrong) = read(&theme);
            assert_eq!(wrong.iter().map(|error| error.name).collect::<Vec<_>>(), [name], "{theme}");
            assert_eq!(read, Theme::default(), "{theme}");
        }
    }

    #[test]
    fn the_stylesheet_says_only_what_was_given() {
        let (theme, _) = read(&json!({"radius": 8}));
        assert!(!theme.is_plain());
        assert!(theme.stylesheet().starts_with(":root{--vs-radius:8px;--vs-radius-small:6px;}"));
        assert!(!theme.stylesheet().contains("accent"));
        let (theme, _) = read(&json!({"accent": "#ff0", "font": "rounded"}));
        let pairs: Vec<_> =
            theme.style().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["accent=#ffff00", "font=rounded"]);
        assert!(read(&json!({"appName": "Acme"})).0.is_plain());
    }
}
