//! Rules that several nouns share: lengths, emptiness, ends.

use chrono::DateTime;
use serde_json::{Map, Value};
use vouchsafe_entity::millis::Millis;

use super::{Error, Violation};
use crate::domain::period::{self, InvalidEnd};
use crate::provider::{Definition, FieldError};

/// Collects what is wrong, so that one answer names it all.
#[derive(Debug, Default)]
pub struct Checker(Vec<Violation>);

impl Checker {
    /// Notes a violation.
    pub fn add(&mut self, pointer: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.0.push(Violation::new(pointer, code, message));
    }

    /// Notes `violation` unless `holds`.
    pub fn ensure(&mut self, holds: bool, pointer: &str, code: &'static str, message: &str) {
        if !holds {
            self.add(pointer, code, message);
        }
    }

    /// A text that a person reads: 1 to `most` characters, none of them a control character.
    pub fn text(&mut self, pointer: &str, text: &str, most: usize) {
        let fits = !text.trim().is_empty() && text.chars().count() <= most;
        self.ensure(fits, pointer, "invalid_length", &format!("Write 1 to {most} characters."));
        let clean = !text.chars().any(char::is_control);
        self.ensure(clean, pointer, "invalid_characters", "Control characters are not allowed.");
    }

    /// The same, where it may be left out.
    pub fn optional_text(&mut self, pointer: &str, text: Option<&str>, most: usize) {
        if let Some(text) = text {
            self.text(pointer, text, most);
        }
    }

    /// An e-mail address, roughly: what a person would recognise as one.
    pub fn email(&mut self, pointer: &str, email: Option<&str>) {
        let fits = |email: &str| {
            email.len() <= 254
                && !email.chars().any(|c| c.is_whitespace() || c.is_control())
                && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.len() > 1)
        };
        self.ensure(email.is_none_or(fits), pointer, "invalid_email", "Write an e-mail address.");
    }

    /// A list of short words.
    pub fn words(&mut self, pointer: &str, words: &[String], most: usize) {
        self.ensure(words.len() <= most, pointer, "too_many", &format!("At most {most} are allowed."));
        for (at, word) in words.iter().enumerate().take(most) {
            self.text(&format!("{pointer}/{at}"), word, 200);
        }
    }

    /// Scopes, one in each word. `definition` is that of the app that is asked for them, where it is known.
    pub fn scopes(&mut self, pointer: &str, scopes: &[String], definition: Option<&Definition>) {
        const MOST: usize = 200;
        self.words(pointer, scopes, MOST);
        for (at, scope) in scopes.iter().enumerate().take(MOST) {
            // The app would grant several, and never the one that was asked for.
            let several = scope.contains(char::is_whitespace)
                || definition.is_some_and(|definition| definition.splits(scope));
            let message = "Write one scope here, and the others beside it.";
            self.ensure(!several, &format!("{pointer}/{at}"), "invalid_format", message);
        }
    }

    /// An object of the embedder's: at most 16 KiB as JSON.
    pub fn metadata(&mut self, pointer: &str, object: &Map<String, Value>) {
        let size = serde_json::to_vec(object).map_or(usize::MAX, |json| json.len());
        self.ensure(size <= 16 * 1024, pointer, "too_large", "At most 16 KiB are allowed.");
    }

    /// An end by date or period.
    pub fn end(&mut self, date: Option<&str>, period: Option<&str>, now: Millis) -> Option<Millis> {
        match period::end(date, period, now) {
            Ok(end) => end,
            Err(error) => {
                let at = if date.is_some() { "/expiresAt" } else { "/period" };
                let (code, message) = match error {
                    InvalidEnd::Both => ("exclusive", "Send expiresAt or period, not both."),
                    InvalidEnd::Date => ("invalid_date", "Write a time such as 2031-01-31T12:00:00Z."),
                    InvalidEnd::Period => ("invalid_period", "Write an ISO 8601 period such as P90D."),
                    InvalidEnd::Past => ("not_in_future", "The end must lie in the future."),
                    InvalidEnd::TooFar => ("too_far", "The end must lie within ten years."),
                };
                self.add(at, code, message);
                None
            }
        }
    }

    /// A moment that is not in the future.
    pub fn past(&mut self, pointer: &str, date: Option<&str>, now: Millis) -> Option<Millis> {
        let at = self.moment(pointer, date)?;
        self.ensure(at <= now, pointer, "in_future", "This may not lie in the future.");
        Some(at)
    }

    /// A moment.
    pub fn moment(&mut self, pointer: &str, date: Option<&str>) -> Option<Millis> {
        let at = DateTime::parse_from_rfc3339(date?).map(|at| Millis::from(at.to_utc()));
        if at.is_err() {
            self.add(pointer, "invalid_date", "Write a time such as 2031-01-31T12:00:00Z.");
        }
        at.ok()
    }

    /// Notes what is wrong with the fields of the form that stands at `base`.
    pub fn fields(&mut self, base: &str, errors: impl IntoIterator<Item = FieldError>) {
        self.0.extend(errors.into_iter().map(|error| Violation::of_field(base, error)));
    }

    /// Nothing, or everything that was noted.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}
