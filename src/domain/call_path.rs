//! Paths of calls that go through the hub: which are refused because they could lead elsewhere, and what is written
//! down of the others.

/// A path that could leave its place: a dot segment, a backslash, an empty segment, an address, a control character, a fragment;
/// as it is written, or once it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path could lead elsewhere")]
pub struct PathRefused;

/// A path is decoded so often at most; servers behind servers decode more than once.
const MOST_DECODED: usize = 4;

/// Checks a path as it is written, without the slash at its start.
///
/// # Errors
/// [`PathRefused`].
pub fn check(path: &str) -> Result<(), PathRefused> {
    // Behind a fragment nothing is sent, so what stands before would be the path.
    if path.contains("//") || path.contains('#') {
        return Err(PathRefused);
    }
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..MOST_DECODED {
        check_level(&bytes)?;
        let decoded = decode(&bytes);
        if decoded == bytes {
            return Ok(());
        }
        bytes = decoded;
    }
    Err(PathRefused)
}

fn check_level(path: &[u8]) -> Result<(), PathRefused> {
    let odd = |byte: &u8| byte.is_ascii_control() || *byte == b'\\';
    let dots = |segment: &[u8]| {
        // Some servers take `..;x` for `..`.
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        matches!(name, b"." | b"..")
    };
    let leads_away = path.starts_with(b"/")
        || is_address(path)
        || path.iter().any(odd)
        || path.split(|byte| *byte == b'/').any(dots);
    if leads_away { Err(PathRefused) } else { Ok(()) }
}

/// Whether it begins with a scheme and a slash.
fn is_address(path: &[u8]) -> bool {
    let end = path.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"+.-".contains(byte)));
    end.is_some_and(|end| end > 0 && path[end..].starts_with(b":/"))
}

/// Percent-decoded once; what is no escape stays.
fn decode(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| Some(digit(at + 1)? * 16 + digit(at + 2)?)).flatten();
        if let Some(byte) = escape.and_then(|byte| u8::try_from(byte).ok()) {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    decoded
}

/// The path with everything that may be an id, a name or a secret taken out: only plain words and versions stay.
pub fn template(path: &str) -> String {
    let mut template = String::with_capacity(path.len() + 1);
    for segment in path.trim_end_matches('/').split('/') {
        template.push('/');
        template.push_str(if is_word(segment) { segment } else { "{}" });
    }
    if template.len() > LONGEST_TEMPLATE {
        let mut end = LONGEST_TEMPLATE;
        while !template.is_char_boundary(end) {
            end -= 1;
        }
        template.truncate(end);
        template.push('…');
    }
    template
}

const LONGEST_TEMPLATE: usize = 200;

/// A word of a language or `v2`, `v1.1`, `v3beta1`.
fn is_word(segment: &str) -> bool {
    let letters =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_' | b'.'));
    let version =
        |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.');
    let short = segment.len() <= 8 && segment.starts_with('v');
    segment.len() <= 32 && (letters(segment) || (short && version(segment)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn escapes_are_refused_in_every_writing() {
        for path in [
            "..",
            ".",
            "../x",
            "a/../b",
            "a/..",
            "a/./b",
            "a//b",
            "/x",
            "//evil.test/x",
            "\\evil.test",
            "a\\..\\b",
            "%2e%2e/x",
            "a/%2E%2e/b",
            "a/.%2e/b",
            "%2e",
            "a%2f..%2fb",
            "..%2fx",
            "a/..%5cb",
            "%5c%5cevil.test",
            "%252e%252e/x",
            "%25252e%25252e",
            "..#x",
            "a#/x",
            "https://evil.test",
            "https:/evil.test",
            "http%3a%2f%2fevil.test/x",
            "%2fevil.test",
            "%2f%2fevil.test",
            "a/%0d%0ax",
            "a%00b",
            "a/..;/b",
            "a/..;x=1/b",
            "a/%2e%2e;/b",
            "a%7f",
            "%25252525252e",
        ] {
            assert_eq!(check(path), Err(PathRefused), "{path}");
        }
    }

    #[test]
    fn ordinary_paths_pass() {
        for path in [
            "",
            "me",
            "v1/me/",
            "crm/v3/objects/contacts/12",
            "files/a.b.c",
            "x/...",
            "x/..y",
            "x/y..",
            "group%2Fproject",
            "v1/users:search",
            "users:search",
            "sites/https%3A%2F%2Facme.test%2F/query",
            "a%20b",
            "100%25",
            "%zz",
            "a/%",
            "é",
            "a;b=1/c",
            "~user",
            "a@b",
            "a+b",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn only_words_are_written_down() {
        for (path, shown) in [
            ("", "/"),
            ("me", "/me"),
            ("crm/v3/objects/contacts/12345", "/crm/v3/objects/contacts/{}"),
            ("v1.1/users/jo@acme.test/", "/v1.1/users/{}"),
            ("files/0190-12ab/thumb_nail.png", "/files/{}/thumb_nail.png"),
            ("bot123:AAbb/getMe", "/{}/getMe"),
            ("a%20b/c", "/{}/c"),
        ] {
            assert_eq!(template(path), shown);
        }
        assert!(template(&"word/".repeat(100)).len() < 210);
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("..".to_owned()),
            Just(".".to_owned()),
            Just("/".to_owned()),
            Just("%2e".to_owned()),
            Just("%2f".to_owned()),
            Just("\\".to_owned()),
            Just("%5c".to_owned()),
            Just("%25".to_owned()),
            Just("@".to_owned()),
            Just(":".to_owned()),
            Just(";".to_owned()),
            Just("evil.test".to_owned()),
            "[a-z0-9]{1,4}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(10_000), ..ProptestConfig::default() })]

        #[test]
        fn what_passes_stays_below_its_base(parts in prop::collection::vec(part(), 0..8)) {
            let path = parts.concat();
            if check(&path).is_ok() {
                let text = format!("https://api.acme.test/v1/{path}");
                let url = Url::parse(&text).unwrap();
                prop_assert_eq!(url.host_str(), Some("api.acme.test"));
                prop_assert_eq!(url.port(), None);
                prop_assert_eq!(url.username(), "");
                prop_assert!(url.path().starts_with("/v1/"), "{}", url);
                // As a server would resolve it that decodes first.
                let decoded = String::from_utf8(decode(path.as_bytes())).unwrap();
                let resolved = Url::parse("https://api.acme.test/v1/").unwrap().join(&format!("./{decoded}")).unwrap();
                prop_assert_eq!(resolved.host_str(), Some("api.acme.test"));
                prop_assert!(resolved.path().starts_with("/v1/"), "{}", resolved);
            }
        }
    }
}
