//! How the values of options are read, so that a mistake in one is a mistake of use.
//!
//! It must not know what they are for.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use vouchsafe_entity::kind::WorkspaceState;
use vouchsafe_entity::millis::Millis;

use crate::domain::period::{InvalidEnd, end};
use crate::domain::scope::Scope;

/// The scopes that a key may be given.
pub(super) fn scopes() -> PossibleValuesParser {
    PossibleValuesParser::new(std::iter::once("*").chain(Scope::ALL.iter().map(|scope| scope.as_str())))
}

/// The states of a subscription.
pub(super) fn states() -> impl TypedValueParser<Value = WorkspaceState> {
    let words = WorkspaceState::ALL.iter().map(|state| state.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<WorkspaceState>())
}

/// A period as it is written; whether it ends too late is for the moment of the call to say.
pub(super) fn period(text: &str) -> Result<String, &'static str> {
    match end(None, Some(text), Millis(0)) {
        Err(InvalidEnd::Period | InvalidEnd::Past) => Err("write an ISO 8601 period such as P90D"),
        Ok(_) | Err(InvalidEnd::Both | InvalidEnd::Date | InvalidEnd::TooFar) => Ok(text.to_owned()),
    }
}
