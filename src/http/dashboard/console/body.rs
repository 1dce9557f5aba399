//! A secret in the body of a call: put in where the caret was, and the next that is chosen takes its place. A body may
//! refer to several that somebody typed, so that only the one which the picker put in is replaced.

use std::ops::Range;

use serde::Serialize;

use crate::http::dashboard::form::Form;
use crate::http::dashboard::secrets::reference;

/// Where in the body the picker puts in, and what it put in last.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Spot {
    /// Where the caret was, in units of UTF-16 as browsers count; empty where no script says so: then at the end.
    caret: String,
    /// The key that was chosen last; empty where none was.
    picked: String,
    /// Where it was put, in bytes.
    picked_at: usize,
}

impl Spot {
    /// The spot as a form carries it.
    pub(super) fn of(form: &Form) -> Self {
        Self {
            caret: form.text("caret"),
            picked: form.text("picked"),
            picked_at: form.text("picked-at").parse().unwrap_or(0),
        }
    }

    /// Puts the secret of this key into `body`.
    pub(super) fn put(&mut self, body: &mut String, key: &str) {
        let standing = if self.picked.is_empty() { None } else { self.standing(body) };
        let place = standing.unwrap_or_else(|| {
            let at = self.caret.parse().map_or(body.len(), |units| byte_at(body, units));
            at..at
        });
        // Behind a dollar it would be none.
        let apart = if body[..place.start].ends_with('$') { " " } else { "" };
        self.picked_at = place.start + apart.len();
        key.clone_into(&mut self.picked);
        self.caret.clear();
        body.replace_range(place, &format!("{apart}{}", reference(key)));
    }

    /// The reference that was put in last, where it is still there; what was typed before it may have moved it.
    fn standing(&self, body: &str) -> Option<Range<usize>> {
        let reference = reference(&self.picked);
        let found = body.match_indices(&reference).map(|(at, _)| at);
        // Behind a dollar it is none.
        let meant = found.filter(|at| !body[..*at].ends_with('$'));
        let at = meant.min_by_key(|at| at.abs_diff(self.picked_at))?;
        Some(at..at + reference.len())
    }
}

/// The place in `text` that is so many units of UTF-16 behind its beginning; its end where it has fewer.
fn byte_at(text: &str, units: usize) -> usize {
    let mut passed = 0;
    for (at, letter) in text.char_indices() {
        if passed >= units {
            return at;
        }
        passed += letter.len_utf16();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(caret: &str) -> Spot {
        Spot { caret: caret.to_owned(), ..Spot::default() }
    }

    #[test]
    fn a_secret_goes_where_the_caret_was_and_else_to_the_end() {
        for (body, caret, wanted) in [
            (r#"{"k": ""}"#, "7", r#"{"k": "$Secret{A}"}"#),
            ("é𝄞x", "3", "é𝄞$Secret{A}x"),
            ("k=", "", "k=$Secret{A}"),
            ("k=", "99", "k=$Secret{A}"),
            ("k=", "nonsense", "k=$Secret{A}"),
            ("", "0", "$Secret{A}"),
            ("k=$", "", "k=$ $Secret{A}"),
        ] {
            let mut written = body.to_owned();
            spot(caret).put(&mut written, "A");
            assert_eq!(written, wanted, "{body} {caret}");
        }
    }

    #[test]
    fn the_next_takes_the_place_of_the_one_that_was_picked_and_of_no_other() {
        let (mut spot, mut body) = (spot("2"), "a=&b=$Secret{A}".to_owned());
        spot.put(&mut body, "A");
        assert_eq!(body, "a=$Secret{A}&b=$Secret{A}");
        body.insert_str(0, "c=$$Secret{A}&");
        spot.caret = "0".to_owned();
        spot.put(&mut body, "B");
        assert_eq!(body, "c=$$Secret{A}&a=$Secret{B}&b=$Secret{A}");
        // One that somebody took out again does not come back.
        let mut body = "x".to_owned();
        spot.caret = "0".to_owned();
        spot.put(&mut body, "C");
        assert_eq!(body, "$Secret{C}x");
    }
}
