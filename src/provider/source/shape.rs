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

/// Reads a file, or says all that is wrong with it.
pub(super) fn read(table: Spanned<DeTable<'_>>) -> Result<File, Vec<Flaw>> {
    let mut flaws: Vec<Flaw> = Vec::new();
    let span = table.span();
    let mut rest = table.into_inner();
    while flaws.len() < MAX_MISTAKES {
        match File::deserialize(Deserializer::from(Spanned::new(span.clone(), rest.clone()))) {
            Ok(file) if flaws.is_empty() => return Ok(file),
            Ok(_) => break,
            Err(error) => {
                flaws.push(flaw(&error));
                if !error.span().is_some_and(|span| take_out(&mut rest, &span)) {
                    break;
                }
            }
        }
    }
    Err(flaws)
}

/// Removes the smallest entry around `span`.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let inside = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let mut culprit = None;
    for (key, value) in table.iter_mut() {
        if let DeValue::Table(inner) = value.get_mut()
            && take_out(inner, span)
        {
            return true;
        }
        if inside(key.span()) || inside(value.span()) {
            culprit = Some(key.get_ref().to_string());
        }
    }
    culprit.is_some_and(|name| table.remove(name.as_str()).is_some())
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
