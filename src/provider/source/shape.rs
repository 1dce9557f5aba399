//! Reads a tree into the format's types. Serde stops at the first mistake, so the culprit is taken out and the
//! rest read again until nothing is left to complain about.

use std::ops::Range;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::{Flaw, Place};
use crate::provider::format::File;
use crate::provider::report::suggestion;

/// Mistakes shown for one file; whoever has more of them has another problem.
const MAX_MISTAKES: usize = 50;

/// Reads a file that is presumably right; whoever gets `None` asks [`read`] why.
pub(super) fn read_good(table: Spanned<DeTable<'_>>) -> Option<File> {
    File::deserialize(Deserializer::from(table)).ok()
}

/// What could be read of a file, and what not.
pub(super) struct Shape<'t> {
    /// The file without its mistakes; none where they can't be told from the rest.
    pub(super) file: Option<File>,
    /// The tree without them.
    pub(super) rest: DeTable<'t>,
    pub(super) flaws: Vec<Flaw>,
    /// Where they were.
    pub(super) unread: Vec<Vec<String>>,
}

/// Reads what can be read of a file, and says all that is wrong with the rest.
pub(super) fn read(table: Spanned<DeTable<'_>>) -> Shape<'_> {
    let span = table.span();
    let mut shape = Shape { file: None, rest: table.into_inner(), flaws: Vec::new(), unread: Vec::new() };
    while shape.flaws.len() < MAX_MISTAKES {
        let rest = Spanned::new(span.clone(), shape.rest.clone());
        match File::deserialize(Deserializer::from(rest)) {
            Ok(file) => {
                shape.file = Some(file);
                break;
            }
            Err(error) => {
                shape.flaws.push(flaw(&error));
                let Some(path) = error.span().and_then(|span| take_out(&mut shape.rest, &span)) else {
                    break;
                };
                shape.unread.push(path);
            }
        }
    }
    shape
}

/// Removes the smallest entry around `span`, and says which it was.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    let inside = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let mut culprit = None;
    for (key, value) in table.iter_mut() {
        if let DeValue::Table(inner) = value.get_mut()
            && let Some(mut path) = take_out(inner, span)
        {
            path.insert(0, key.get_ref().to_string());
            return Some(path);
        }
        if inside(key.span()) || inside(value.span()) {
            culprit = Some(key.get_ref().to_string());
        }
    }
    let name = culprit?;
    table.remove(name.as_str())?;
    Some(vec![name])
}

fn flaw(error: &toml::de::Error) -> Flaw {
    let message = error.message().trim();
    let place = error.span().map_or(Place::File, Place::Bytes);
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (code, message) = if message.starts_with("unknown field") {
        ("unknown-key", format!("`{}` is no key of this table", quoted.first().unwrap_or(&"")))
    } else if message.starts_with("unknown variant") {
        ("unknown-word", message.replace("unknown variant", "unknown word"))
    } else if message.starts_with("missing field") {
        ("missing-key", message.replace("missing field", "missing key"))
    } else {
        ("wrong-type", message.to_owned())
    };
    let flaw = Flaw::error(place, code, message);
    let Some((name, known)) = quoted.split_first().filter(|_| code.starts_with("unknown")) else {
        return flaw;
    };
    match suggestion(name, known.iter().copied()) {
        Some(near) => flaw.help(format!("did you mean `{near}`?")),
        None if code == "unknown-key" && !known.is_empty() => {
            flaw.help(format!("known here: {}", known.join(", ")))
        }
        None => flaw,
    }
}
