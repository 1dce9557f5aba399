//! What a form that changes something was made from goes along with it: of two people who have it open, the second is
//! told of the first. Whether something has changed the use case finds out; what is changed it must not know.

use std::fmt::Display;

use axum::http::StatusCode;
use serde::Serialize;
use vouchsafe_entity::millis::Millis;

use super::{Form, FormView};
use crate::http::dashboard::moment::Moment;
use crate::service::Seen;

/// The hidden field, which the component `Seen` writes.
const FIELD: &str = "seen";
/// What it holds where nothing was there.
const NOTHING: &str = "nothing";

/// Somebody changed what the form is about after it was shown.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Changed {
    /// When; none where it is gone.
    at: Option<Moment>,
    /// Where it is shown as it is now.
    open: String,
}

impl Form {
    /// What the form was made from; none where it does not say.
    pub(in crate::http) fn seen(&self) -> Option<Seen> {
        match self.raw(FIELD) {
            NOTHING => Some(Seen(None)),
            text => text.parse().ok().map(|at| Seen(Some(Millis(at)))),
        }
    }
}

impl FormView {
    /// The same, made from what last changed at that moment.
    pub(in crate::http) fn seeing(self, Seen(at): Seen) -> Self {
        self.with(FIELD, at.map_or_else(|| NOTHING.to_owned(), |at| at.0.to_string()))
    }

    /// The same where it was refused because of a change: it says so and leads to `open`, where what is `there` now is
    /// shown. Sent again it takes the place of that.
    pub(in crate::http) fn renewed(self, there: Seen, now: Millis, open: &impl Display) -> Self {
        if self.changed.is_none() {
            return self;
        }
        let at = there.0.map(|at| Moment::new(at, now));
        Self { changed: Some(Changed { at, open: open.to_string() }), ..self.seeing(there) }
    }

    /// The status of the page that shows it again.
    pub(in crate::http) const fn status(&self) -> StatusCode {
        if self.changed.is_some() { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST }
    }

    /// The same after somebody changed what it is about, for samples.
    pub(in crate::http) fn overtaken(self) -> Self {
        let now = Millis(1_893_456_000_000);
        let there = Seen(Some(now.plus_seconds(-180)));
        Self { changed: Some(Changed::default()), ..self }.renewed(there, now, &"/dashboard/production")
    }
}
