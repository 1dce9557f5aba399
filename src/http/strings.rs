//! The words on the pages: one catalogue per locale, read from `templates/strings/<locale>.toml`.
//!
//! It must not know which page says what.

use std::collections::BTreeMap;

use super::files;

/// A locale that the pages are written in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locale {
    /// English, also what is spoken to those whose language is missing.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Japanese.
    Ja,
}

impl Locale {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::En, Self::De, Self::Fr, Self::Es, Self::Ja];

    /// The language tag (BCP 47), which is also the name of the catalogue.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Es => "es",
            Self::Ja => "ja",
        }
    }

    /// The locale for a language tag such as `de-AT`, judged by its first part alone.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let language = tag.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|locale| locale.tag().eq_ignore_ascii_case(language))
    }

    /// The best locale for an `Accept-Language` header (RFC 9110, 12.5.4); English when none fits.
    pub fn from_accept_language(header: &str) -> Self {
        let mut best = (0.0_f32, Self::default());
        for range in header.split(',') {
            let mut parts = range.split(';');
            let Some(locale) = parts.next().and_then(Self::from_tag) else {
                continue;
            };
            let weight =
                parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
            if let Some(weight) = weight
                && weight > best.0
            {
                best = (weight, locale);
            }
        }
        best.1
    }
}

/// Why a catalogue could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StringsError {
    /// There is no file for the locale.
    #[error("no catalogue for {0}")]
    Missing(&'static str),
    /// The file isn't TOML.
    #[error("the catalogue for {0} can't be read")]
    Syntax(&'static str, #[source] toml::de::Error),
    /// A value is neither text nor a table of texts.
    #[error("`{1}` in the catalogue for {0} is not text")]
    NotText(&'static str, String),
}

/// All texts of one locale, by dotted key (`choose.title`).
#[derive(Debug, Clone)]
pub struct Catalogue {
    texts: BTreeMap<String, String>,
}

impl Catalogue {
    /// Reads the catalogue of `locale`.
    pub fn load(locale: Locale) -> Result<Self, StringsError> {
        let tag = locale.tag();
        let text = files::read_text(&format!("strings/{tag}.toml")).ok_or(StringsError::Missing(tag))?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| StringsError::Syntax(tag, error))?;
        let mut texts = BTreeMap::new();
        flatten(tag, "", table, &mut texts)?;
        Ok(Self { texts })
    }

    /// The text of `key` with its placeholders still in it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str)
    }

    /// The keys in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }
}

fn flatten(
    tag: &'static str,
    prefix: &str,
    table: toml::Table,
    texts: &mut BTreeMap<String, String>,
) -> Result<(), StringsError> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::String(text) => {
                texts.insert(key, text);
            }
            toml::Value::Table(inner) => flatten(tag, &key, inner, texts)?,
            toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_) => return Err(StringsError::NotText(tag, key)),
        }
    }
    Ok(())
}

/// A piece of a text: words, or the name of a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Words, as they stand.
    Words(&'a str),
    /// The name between `{` and `}`.
    Placeholder(&'a str),
}

/// Splits a text at its `{placeholders}`. A brace that is never closed is words.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            found.push(Piece::Words(before));
        }
        found.push(Piece::Placeholder(name));
        rest = tail;
    }
    if !rest.is_empty() {
        found.push(Piece::Words(rest));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Placeholder(name) => Some(name),
                Piece::Words(_) => None,
            })
            .collect()
    }

    #[test]
    fn every_locale_says_everything_with_the_same_placeholders() {
        let english = Catalogue::load(Locale::En).unwrap();
        for locale in Locale::ALL {
            let catalogue = Catalogue::load(locale).unwrap();
            assert_eq!(
                catalogue.keys().collect::<Vec<_>>(),
                english.keys().collect::<Vec<_>>(),
                "{locale:?}"
            );
            for key in english.keys() {
                let (ours, theirs) = (catalogue.get(key).unwrap(), english.get(key).unwrap());
                assert_eq!(placeholders(ours), placeholders(theirs), "{key} in {locale:?}");
                assert!(!ours.trim().is_empty(), "{key} in {locale:?} is empty");
            }
        }
    }

    #[test]
    fn no_page_shouts() {
        for locale in Locale::ALL {
            let catalogue = Catalogue::load(locale).unwrap();
            for key in catalogue.keys() {
                assert!(!catalogue.get(key).unwrap().contains(['!', '！', '¡']), "{key} in {locale:?}");
            }
        }
    }

    #[test]
    fn the_wished_language_is_found() {
        assert_eq!(Locale::from_tag("de-AT"), Some(Locale::De));
        assert_eq!(Locale::from_tag("FR_ca"), Some(Locale::Fr));
        assert_eq!(Locale::from_tag("nl"), None);
        assert_eq!(Locale::from_accept_language("nl, es;q=0.5, ja;q=0.8, *;q=0.1"), Locale::Ja);
        assert_eq!(Locale::from_accept_language("fr;q=0, de;q=0.1"), Locale::De);
        assert_eq!(Locale::from_accept_language("xx;q=,"), Locale::En);
        assert_eq!(Locale::from_accept_language("de;q=abc, es;q=0.2"), Locale::Es);
    }

    #[test]
    fn a_text_is_split_at_its_placeholders() {
        let found = pieces("{app} asks for {user}.");
        let expected = [
            Piece::Placeholder("app"),
            Piece::Words(" asks for "),
            Piece::Placeholder("user"),
            Piece::Words("."),
        ];
        assert_eq!(found, expected);
        assert_eq!(pieces("a {b"), [Piece::Words("a {b")]);
    }
}
