//! The parts that several connect pages share.
//!
//! They must not know the pages.

use std::fmt;

use serde::Serialize;
use url::form_urlencoded;

use crate::domain::theme::Theme;
use crate::http::icons;

/// How many tints the stylesheet has for monograms.
const TINTS: u32 = 6;

/// An app as it is named and pictured.
#[derive(Debug, Clone, Serialize)]
pub struct Connector {
    /// The connector's key, in requests.
    pub key: String,
    /// The provider's name, for people.
    pub name: String,
    /// One letter or digit for the tile.
    pub monogram: String,
    /// Which tint the tile has; the same key always has the same.
    pub tint: u32,
    /// The address of its icon, which takes the tile's place; none for an app without one.
    pub icon: Option<String>,
}

impl Connector {
    /// The connector `key`, called `name`.
    pub fn new(key: impl Into<String>, name: impl Into<String>) -> Self {
        let (key, name) = (key.into(), name.into());
        let letter = name.chars().find(|letter| letter.is_alphanumeric());
        let monogram = letter.map_or_else(|| "·".to_owned(), |letter| letter.to_uppercase().collect());
        let tint =
            key.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % TINTS;
        Self { key, name, monogram, tint, icon: None }
    }

    /// The same with the icon of the provider `slug`, where that has one.
    #[must_use]
    pub fn with_icon(self, slug: Option<&str>) -> Self {
        Self { icon: slug.map(|slug| format!("/{}", icons::path(slug))), ..self }
    }
}

/// What a page takes from the host app's theme.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Look {
    /// The stylesheet with its tokens.
    stylesheet: Option<String>,
    /// Its logo, as a `data:` address.
    logo: Option<String>,
    /// Whether the page leaves out that the hub made it.
    unbranded: bool,
}

impl Look {
    /// The look that `theme` asks for.
    pub fn of(theme: &Theme) -> Self {
        let style = || {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(theme.style()).finish();
            format!("/connect/theme.css?{query}")
        };
        Self {
            stylesheet: (!theme.is_plain()).then(style),
            logo: theme.logo.clone(),
            unbranded: theme.unbranded,
        }
    }
}

/// Another method of the same connector.
#[derive(Debug, Clone, Serialize)]
pub struct MethodLink {
    /// The method's name in requests: `oauth2`, `client_credentials`, `api_key`, `basic`, `session` or `jwt`.
    pub method: String,
}

/// One choice of a field.
#[derive(Debug, Clone, Serialize)]
pub struct FieldOption {
    /// What people read.
    pub label: String,
    /// What is sent.
    pub value: String,
}

/// One input, named like the provider's field.
#[derive(Debug, Clone, Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts")]
pub struct Field {
    /// The provider's name for it.
    pub name: String,
    /// Its label.
    pub label: String,
    /// An https page that shows where to find the value.
    pub help: Option<String>,
    /// A sample for the empty field.
    pub example: Option<String>,
    /// What stands before the input (`https://`).
    pub prefix: Option<String>,
    /// What stands after it (`.zendesk.com`).
    pub suffix: Option<String>,
    /// Whether it has to be filled in.
    pub required: bool,
    /// Whether it is masked, and never sent back to the page.
    pub secret: bool,
    /// Whether it holds several lines, such as a private key.
    pub multiline: bool,
    /// Whether capitals count as small letters, as in a host.
    pub lower: bool,
    /// What the whole value has to match.
    pub pattern: Option<String>,
    /// The choices; none for free text.
    pub options: Vec<FieldOption>,
    /// What is typed or chosen already. Ignored for secrets.
    pub value: Option<String>,
    /// What is wrong with what was sent, in the user's language or the app's own words.
    pub error: Option<String>,
}

/// Why a form was refused as a whole.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum KeyProblem {
    /// The app said that it doesn't know this key.
    Rejected {
        /// The field that says so: the first secret one, since it comes back empty.
        field: Option<String>,
    },
    /// The key belongs to another account than the one being reconnected.
    OtherAccount {
        /// The account so far.
        expected: String,
        /// The account of the new key.
        found: String,
    },
    /// The app did not answer.
    Unreachable,
    /// The app was not asked: it is called as often as it allows.
    Busy,
    /// The app answered with something that says nothing about the key.
    Unexpected {
        /// The HTTP status.
        status: u16,
    },
    /// The embedder has switched this app off.
    Unavailable,
}

/// What else there is to know when an app is connected.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum DoneNote {
    /// The key is genuine but may not do everything; it was stored.
    MissingPermission {
        /// What is missing, in the provider's words.
        access: Vec<String>,
    },
    /// The key was stored without a test, since there is none or the app could not be reached.
    Untested,
    /// The host app still has to confirm.
    Pending,
}

/// Why an app was not connected.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum FailureReason {
    /// The user said no at the app.
    Denied,
    /// The app refused, in words of its own (see [`Failure::app_message`]).
    Refused,
    /// The app did not answer.
    Unreachable,
    /// The app was not asked: it is called as often as it allows.
    Busy,
    /// The app answered otherwise than it should.
    NotUnderstood,
    /// The user kept the account that was connected before.
    OtherAccount {
        /// The account so far.
        expected: String,
        /// The account that came back.
        found: String,
    },
    /// The sign-in took longer than ten minutes, or was used already.
    TimedOut,
    /// The answer did not come from the browser that started.
    WrongBrowser,
    /// What the hub knows of the app changed meanwhile.
    Changed,
    /// The embedder has switched this app off, or set it up wrongly.
    Unavailable,
    /// Something went wrong in the hub.
    Unexpected,
}

/// What went wrong: in our words, in the app's, and as a code.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Which of our explanations fits.
    pub reason: FailureReason,
    /// The stable code, for support.
    pub code: String,
    /// What the app said. Untrusted text.
    pub app_message: Option<String>,
}

/// A one-time code for the window that opened the popup. `Debug` hides it.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct ConfirmationCode(String);

impl ConfirmationCode {
    /// Takes a code that is about to be shown to the browser that finished the flow.
    pub fn new(code: impl Into<String>) -> Self {
        Self(code.into())
    }
}

impl fmt::Debug for ConfirmationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmationCode(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monogram_is_the_first_letter_or_digit() {
        for (name, monogram) in
            [("hubSpot", "H"), ("  @4me", "4"), ("ßharp", "SS"), ("سلة", "س"), ("...", "·")]
        {
            assert_eq!(Connector::new("k", name).monogram, monogram);
        }
    }

    #[test]
    fn a_tile_keeps_its_tint() {
        let tint = Connector::new("hubspot", "HubSpot").tint;
        assert_eq!(tint, Connector::new("hubspot", "HubSpot EU").tint);
        assert!(tint < TINTS);
    }

    #[test]
    fn a_confirmation_code_is_not_printed() {
        assert_eq!(format!("{:?}", ConfirmationCode::new("abc123")), "ConfirmationCode(***)");
    }
}
