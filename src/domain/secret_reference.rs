//! References to secrets, `$Secret{KEY}` (alias `$Token{KEY}`), in texts. `$$Secret{` is a literal `$Secret{`.
//!
//! It reads texts; it must not know what a secret is worth or where a text is used.

use zeroize::Zeroizing;

const WORDS: [&str; 2] = ["$Secret{", "$Token{"];

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text as it is.
    Text(&'a str),
    /// A reference, by its key. What stands between the braces may be no key at all.
    Reference(&'a str),
}

/// The parts of `text`, in order. A reference that is not closed is text.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    Pieces { rest: text }
}

/// The keys that `text` refers to, in order, with repetitions.
pub fn keys(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Text(_) => None,
        Piece::Reference(key) => Some(key),
    })
}

/// Whether `text` has a reference or an escaped one, so that it is sent differently from how it is written.
pub fn is_dynamic(text: &[u8]) -> bool {
    text.contains(&b'$')
        && WORDS.iter().any(|word| text.windows(word.len()).any(|part| part == word.as_bytes()))
}

/// `text` with each reference replaced by what `value` gives for its key, and escapes taken away.
///
/// # Errors
/// The first error of `value`.
pub fn fill<'v, E>(
    text: &str,
    mut value: impl FnMut(&str) -> Result<&'v str, E>,
) -> Result<Zeroizing<String>, E> {
    let mut parts = Vec::new();
    for piece in pieces(text) {
        parts.push(match piece {
            Piece::Text(text) => text,
            Piece::Reference(key) => value(key)?,
        });
    }
    // One allocation of the right size: a growing buffer would leave copies behind that nobody wipes.
    let mut filled = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        filled.push_str(part);
    }
    Ok(filled)
}

/// `text` with `key` as its only reference: in the place of the first that is there, else at the end. One that somebody
/// began to type gives way to it.
pub fn with_only(text: &str, key: &str) -> String {
    let reference = format!("$Secret{{{key}}}");
    let mut written = String::with_capacity(text.len() + reference.len());
    let mut placed = false;
    for piece in pieces(text) {
        match piece {
            Piece::Text(part) if is_escape(text, part) => {
                written.push('$');
                written.push_str(part);
            }
            Piece::Text(part) => {
                let begun = WORDS.iter().filter_map(|word| part.find(word)).min();
                written.push_str(&part[..begun.unwrap_or(part.len())]);
                if begun.is_some() {
                    break;
                }
            }
            Piece::Reference(_) if !placed => {
                written.push_str(&reference);
                placed = true;
            }
            Piece::Reference(_) => {}
        }
    }
    if !placed {
        // Behind a dollar it would be none.
        written.push_str(if written.ends_with('$') { " " } else { "" });
        written.push_str(&reference);
    }
    written
}

/// Whether `part` of `text` is a word that a dollar before it guards.
fn is_escape(text: &str, part: &str) -> bool {
    let at = part.as_ptr() as usize - text.as_ptr() as usize;
    WORDS.contains(&part) && text[..at].ends_with('$')
}

struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(at) = self.rest[from..].find('$').map(|at| at + from) {
            let tail = &self.rest[at..];
            if let Some(escaped) = tail.strip_prefix('$').and_then(|next| Some((next, opened(next)?))) {
                // The first dollar is the escape; what it guards is text.
                let (next, inner) = escaped;
                if at > 0 {
                    return Some(self.text(at));
                }
                let word = next.len() - inner.len();
                self.rest = inner;
                return Some(Piece::Text(&next[..word]));
            }
            if let Some(inner) = opened(tail)
                && let Some(end) = inner.find('}')
            {
                if at > 0 {
                    return Some(self.text(at));
                }
                self.rest = &inner[end + 1..];
                return Some(Piece::Reference(&inner[..end]));
            }
            from = at + 1;
        }
        Some(self.text(self.rest.len()))
    }
}

impl<'a> Pieces<'a> {
    fn text(&mut self, length: usize) -> Piece<'a> {
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        Piece::Text(text)
    }
}

/// What follows the word that opens a reference at the start of `text`.
fn opened(text: &str) -> Option<&str> {
    WORDS.iter().find_map(|word| text.strip_prefix(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_field_holds_exactly_the_secret_that_was_chosen_last() {
        for (text, wanted) in [
            ("", "$Secret{K}"),
            ("Bearer ", "Bearer $Secret{K}"),
            ("Bearer $Secret{A}", "Bearer $Secret{K}"),
            ("$Token{A}:$Secret{B}!", "$Secret{K}:!"),
            ("$$Secret{A} ", "$$Secret{A} $Secret{K}"),
            ("$5 $Secret{STRI", "$5 $Secret{K}"),
            ("$Secret{ $$Secret{", "$Secret{K}"),
        ] {
            assert_eq!(with_only(text, "K"), wanted, "{text}");
        }
        assert_eq!(with_only(&with_only("Bearer ", "A"), "B"), "Bearer $Secret{B}");
    }

    fn filled(text: &str) -> String {
        fill(text, |key| match key {
            "A" => Ok("alpha"),
            "B" => Ok("$Secret{A}"),
            other => Err(other.to_owned()),
        })
        .unwrap_or_else(|key| panic!("no {key}"))
        .to_string()
    }

    #[test]
    fn references_are_replaced_and_escaped_ones_are_not() {
        for (text, result) in [
            ("$Secret{A}", "alpha"),
            ("Bearer $Token{A}", "Bearer alpha"),
            ("$Secret{A}$Token{A}!", "alphaalpha!"),
            ("$$Secret{A}", "$Secret{A}"),
            ("$$Token{A} $Secret{A}", "$Token{A} alpha"),
            ("$$$Secret{A}", "$$Secret{A}"),
            ("$5 and $Secret{A}", "$5 and alpha"),
            ("$Secret{A", "$Secret{A"),
            ("$Secret {A}", "$Secret {A}"),
            ("$secret{A}", "$secret{A}"),
            ("Secret{A}", "Secret{A}"),
            ("$", "$"),
            ("", ""),
            ("é$Secret{A}é", "éalphaé"),
            ("$Secret{B}", "$Secret{A}"),
        ] {
            assert_eq!(filled(text), result, "{text}");
        }
    }

    #[test]
    fn what_stands_between_the_braces_is_the_key_whatever_it_is() {
        let read = |text: &'static str| keys(text).collect::<Vec<_>>();
        assert_eq!(read("$Secret{} $Secret{a b} $Token{$Secret{A}}"), ["", "a b", "$Secret{A"]);
        assert_eq!(fill("x$Secret{nope}", |key| Err::<&str, _>(key.to_owned())), Err("nope".to_owned()));
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("$Secret{".to_owned()),
            Just("$Token{".to_owned()),
            Just("}".to_owned()),
            Just("$".to_owned()),
            "[A-Za-z0-9_]{0,5}",
            "\\PC{0,4}",
        ]
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(part(), 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn pieces_lose_nothing_but_the_dollars_of_escapes(text in text()) {
            let mut length = 0;
            let mut references = 0;
            for piece in pieces(&text) {
                match piece {
                    Piece::Text(part) => { prop_assert!(!part.is_empty()); length += part.len(); }
                    Piece::Reference(key) => { references += 1; length += key.len(); }
                }
            }
            prop_assert!(length <= text.len());
            prop_assert_eq!(references > 0, keys(&text).next().is_some());
            if !is_dynamic(text.as_bytes()) {
                prop_assert_eq!(length, text.len());
            }
        }

        #[test]
        fn an_escaped_text_reads_as_itself(text in text()) {
            let escaped = text.replace("$Secret{", "$$Secret{").replace("$Token{", "$$Token{");
            let back = fill(&escaped, |key| Err::<&str, _>(key.to_owned()));
            prop_assert_eq!(back.map(|back| back.to_string()), Ok(text));
        }

        #[test]
        fn every_key_is_found_where_it_was_put(keys_put in prop::collection::vec("[A-Z_]{1,8}", 0..5), around in "[^$]{0,5}") {
            let placed: Vec<_> = keys_put.iter().map(|key| format!("{around}$Secret{{{key}}}")).collect();
            let text = placed.concat();
            prop_assert_eq!(keys(&text).map(str::to_owned).collect::<Vec<_>>(), keys_put);
        }

        #[test]
        fn whatever_a_field_holds_it_has_one_secret_once_one_is_chosen(text in text()) {
            let chosen = with_only(&text, "K");
            prop_assert_eq!(keys(&chosen).collect::<Vec<_>>(), ["K"], "{}", chosen);
        }

        #[test]
        fn a_value_is_never_read_again(value in text()) {
            let result = fill("$Secret{K}", |_| Ok::<_, ()>(value.as_str())).unwrap();
            prop_assert_eq!(result.as_str(), value.as_str());
        }
    }
}
