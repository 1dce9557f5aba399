//! Known secrets and the search for them: raw, base64 (each alignment, both alphabets), hex, percent-encoded, as a
//! list of numbers, and in UTF-16.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::bytes::{RegexSet, RegexSetBuilder};
use vouchsafe::random::{Random, SystemRandom};

/// Secrets by name, with every form that is searched for.
#[derive(Default)]
pub(super) struct Canaries(BTreeMap<String, Vec<(&'static str, Vec<u8>)>>);

/// A secret value that nothing else contains. The signs in it are those that encodings change.
pub(super) fn secret(mark: &str) -> String {
    format!("{mark}{}+/&{}", letters(), letters())
}

/// What the search must find: text with a secret of its own in each way in which one may be written.
pub(super) struct Leak {
    pub(super) text: String,
    /// How many there are in it.
    pub(super) secrets: usize,
}

/// Text as others may write it.
fn disguises(text: &str) -> [(&'static str, String); 9] {
    let (bytes, double) = (text.as_bytes(), text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    [
        ("plain", text.to_owned()),
        ("base64", STANDARD_NO_PAD.encode(bytes)),
        ("base64url", URL_SAFE_NO_PAD.encode(bytes)),
        ("hex", hex::encode(bytes)),
        ("upper-case hex", hex::encode_upper(bytes)),
        ("percent-encoded", url::form_urlencoded::byte_serialize(bytes).collect()),
        ("a list", format!("{bytes:?}")),
        ("a list of JSON", serde_json::to_string(bytes).unwrap()),
        ("UTF-16", String::from_utf8(double).unwrap()),
    ]
}

/// Random letters and digits.
pub(super) fn letters() -> String {
    let random: &dyn Random = &SystemRandom;
    hex::encode(random.bytes::<12>())
}

impl Canaries {
    /// Watches a value from now on.
    pub(super) fn watch(&mut self, name: &str, value: &str) {
        assert!(value.len() >= 16, "{name} is too short to be told from chance");
        let bytes = value.as_bytes();
        let percent: String = url::form_urlencoded::byte_serialize(bytes).collect();
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        let mut forms = vec![
            ("raw", bytes.to_vec()),
            ("hex", hex::encode(bytes).into_bytes()),
            ("upper-case hex", hex::encode_upper(bytes).into_bytes()),
            ("percent-encoded", percent.into_bytes()),
            ("numbers", numbers.join(", ").into_bytes()),
            ("numbers", numbers.join(",").into_bytes()),
            ("UTF-16", value.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ];
        for offset in 0..3 {
            forms.push(("base64", inner_base64(&STANDARD_NO_PAD, bytes, offset)));
            forms.push(("base64url", inner_base64(&URL_SAFE_NO_PAD, bytes, offset)));
        }
        self.0.insert(name.to_owned(), forms);
    }

    /// Makes a leak, whose secrets are watched from now on.
    pub(super) fn leak(&mut self) -> Leak {
        let secrets = disguises("").len();
        let mut text = String::new();
        for number in 0..secrets {
            let value = secret("leak-");
            let before = ["", "a", "ab"][number % 3];
            let mut ways = disguises(&format!("{before}{value} and more"));
            let (way, written) = std::mem::take(&mut ways[number]);
            self.watch(&format!("leak as {way}"), &value);
            text.push_str(&written);
            text.push('\n');
        }
        Leak { text, secrets }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A search for all of them at once.
    pub(super) fn search(&self) -> Search {
        let mut names = Vec::new();
        let mut patterns = Vec::new();
        for (name, forms) in &self.0 {
            for (form, bytes) in forms {
                names.push((name.clone(), *form));
                // Every byte by its number, so that none has a meaning.
                let pattern = bytes.iter().map(|byte| format!("\\x{byte:02x}"));
                patterns.push(format!("(?-u){}", pattern.collect::<String>()));
            }
        }
        let set = RegexSetBuilder::new(patterns).size_limit(1 << 28).build().unwrap();
        Search { names, set }
    }
}

/// Looks for secrets.
pub(super) struct Search {
    names: Vec<(String, &'static str)>,
    set: RegexSet,
}

impl Search {
    /// What is found in `bytes`: each secret once, with the form it is in.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<String> {
        let found: BTreeMap<&str, &str> = self
            .set
            .matches(bytes)
            .into_iter()
            .map(|index| (self.names[index].0.as_str(), self.names[index].1))
            .collect();
        found.iter().map(|(name, form)| format!("{name} ({form})")).collect()
    }

    /// What is found in the files below `folder`, but for those named in `spared`.
    pub(super) fn find_below(&self, folder: &Path, spared: &[&str]) -> Vec<String> {
        let mut hits = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                hits.extend(self.find_below(&path, spared));
                continue;
            }
            if spared.iter().any(|name| path.ends_with(name)) {
                continue;
            }
            // A journal may go while the folder is read.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let found = self.find(&bytes).into_iter();
            hits.extend(found.map(|hit| format!("{hit} in {}", path.display())));
        }
        hits
    }
}

/// The part of the base64 text that says `bytes` alone, where they begin at `offset` of a group of three.
fn inner_base64(alphabet: &impl base64::Engine, bytes: &[u8], offset: usize) -> Vec<u8> {
    let padded = [&vec![0; offset], bytes].concat();
    let text = alphabet.encode(&padded);
    let start = [0, 2, 3][offset];
    let end = padded.len() / 3 * 4;
    text.as_bytes()[start..end].to_vec()
}

#[test]
fn a_secret_is_found_in_every_form() {
    let mut canaries = Canaries::default();
    let value = secret("x");
    canaries.watch("secret", &value);
    let search = canaries.search();
    assert!(search.find(b"nothing of it").is_empty());
    assert!(search.find(&value.as_bytes()[1..]).is_empty(), "a part is no hit");
    for before in ["", "a", "ab"] {
        for (form, written) in disguises(&format!("{before}{value} and more")) {
            assert_eq!(search.find(written.as_bytes()).len(), 1, "{form}: {written}");
        }
    }
}
