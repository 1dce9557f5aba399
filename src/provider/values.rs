//! The values that templates are filled with: what a user typed, what was captured, and built-ins such as
//! `access_token`. Never shown: neither `Debug` nor `Serialize` gives a value away.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// Values by the name of their variable or built-in, in the order of the names.
#[derive(Clone, Default)]
pub struct Values(BTreeMap<String, SecretString>);

/// The text is not a JSON object of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object of strings")]
pub struct NotValues;

impl Values {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value, replacing an older one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<SecretString>) {
        self.0.insert(name.into(), value.into());
    }

    /// The same, for building in one expression.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.set(name, value);
        self
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// Takes the value of `name` out.
    pub fn remove(&mut self, name: &str) -> Option<SecretString> {
        self.0.remove(name)
    }

    /// Every name that has a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the values as one JSON object, in the clear, for sealing. The buffer is wiped when dropped and
    /// made large enough at once, since growing it would leave copies behind.
    pub fn expose_json(&self) -> Zeroizing<String> {
        // A character takes at most six bytes (`\u001f`); quotes, colon and comma take six more an entry.
        let size: usize =
            self.0.iter().map(|(name, value)| 6 * (name.len() + value.expose_secret().len()) + 6).sum();
        let mut json = Zeroizing::new(String::with_capacity(size + 2));
        json.push('{');
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            push_json_string(&mut json, name);
            json.push(':');
            push_json_string(&mut json, value.expose_secret());
        }
        json.push('}');
        json
    }

    /// Reads what [`expose_json`](Self::expose_json) wrote.
    pub fn from_exposed_json(json: &str) -> Result<Self, NotValues> {
        serde_json::from_str::<BTreeMap<String, SecretString>>(json).map(Self).map_err(|_| NotValues)
    }
}

fn push_json_string(json: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            control @ '\0'..='\u{1f}' => {
                let code = control as usize;
                json.push_str("\\u00");
                json.push(char::from(HEX[code >> 4]));
                json.push(char::from(HEX[code & 15]));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

impl Extend<(String, SecretString)> for Values {
    fn extend<I: IntoIterator<Item = (String, SecretString)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn never_prints_a_value() {
        let values = Values::new().with("api_key", "sk-canary").with("shop", "canary-too");
        let shown = format!("{values:?} {values:#?}");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("api_key") && shown.contains("shop"));
    }

    #[test]
    fn refuses_what_is_no_object_of_strings() {
        for bad in ["", "[]", "{\"a\":1}", "{\"a\":null}", "{\"a\":{}}", "{"] {
            assert_eq!(Values::from_exposed_json(bad).err(), Some(NotValues), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn json_round_trips(entries in prop::collection::btree_map(".*", ".*", 0..6)) {
            let mut values = Values::new();
            values.extend(entries.iter().map(|(name, value)| (name.clone(), SecretString::from(value.as_str()))));
            let json = values.expose_json();
            let plain: BTreeMap<String, String> = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&plain, &entries);
            let back = Values::from_exposed_json(&json).unwrap();
            prop_assert_eq!(back.expose_json(), json);
        }

        #[test]
        fn the_buffer_never_grows(value in "[\\x00-\\x1f\"\\\\é]{0,40}") {
            let values = Values::new().with("v", value.as_str());
            let json = values.expose_json();
            prop_assert!(json.len() <= 6 * (1 + value.len()) + 8);
        }
    }
}
