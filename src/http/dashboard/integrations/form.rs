//! An integration as a form: a row for each connector, and spare ones. Rows without a connector are none.

use vouchsafe_entity::json::Need;

use super::offer::Offer;
use crate::domain::connector::is_key;
use crate::domain::integration::Integration;
use crate::http::dashboard::form::{Form, FormView};
use crate::http::dashboard::words::listed;
use crate::service::integrations::NewIntegration;
use crate::service::{Error, Seen, Violation};

/// Empty rows that are offered.
pub(super) const SPARE_ROWS: usize = 2;
/// The most rows that are read; one more than an integration may have, so that too many are told.
const MOST_ROWS: usize = 51;

/// The form as it is first shown.
pub(super) fn of(integration: &Integration) -> FormView {
    let mut form = FormView::new()
        .with("name", integration.name.clone())
        .with("description", integration.description.clone().unwrap_or_default())
        .seeing(Seen(Some(integration.updated_at)));
    for (at, need) in integration.connectors.iter().enumerate() {
        let optional: &[&str] = if need.optional { &["on"] } else { &[] };
        form = form
            .with(&format!("connector-{at}"), need.connector.clone())
            .with(&format!("scopes-{at}"), need.scopes.join(" "))
            .with_chosen(&format!("optional-{at}"), optional);
    }
    form
}

/// How many rows were sent.
pub(super) fn rows(form: &Form) -> usize {
    (0..MOST_ROWS).take_while(|at| form.has(&format!("connector-{at}"))).count()
}

/// What the form asks for, and the row of each connector. A connector is named by its key or by its app.
pub(super) fn read(form: &Form, offer: &Offer) -> (NewIntegration, Vec<usize>) {
    let filled = (0..rows(form)).filter(|at| !form.text(&format!("connector-{at}")).is_empty());
    let places: Vec<usize> = filled.collect();
    let need = |at: &usize| Need {
        connector: offer.meant(&form.text(&format!("connector-{at}"))),
        scopes: form.raw(&format!("scopes-{at}")).split_whitespace().map(str::to_owned).collect(),
        optional: form.has(&format!("optional-{at}")),
    };
    let new = NewIntegration {
        name: form.text("name"),
        description: form.optional("description"),
        connectors: places.iter().map(need).collect(),
    };
    (new, places)
}

/// What users lose by `new`; none where it has all the connectors that are `there`.
pub(super) fn loses(new: &NewIntegration, there: &Integration) -> Option<String> {
    // A name that stands for none is told first.
    if !new.connectors.iter().all(|need| is_key(&need.connector)) {
        return None;
    }
    let stays = |key: &str| new.connectors.iter().any(|need| need.connector == key);
    let gone: Vec<_> =
        there.connectors.iter().map(|need| need.connector.clone()).filter(|key| !stays(key)).collect();
    if gone.is_empty() {
        return None;
    }
    Some(lost(&gone))
}

/// The sentence about connectors that are taken out.
pub(super) fn lost(gone: &[String]) -> String {
    let (is, it) = if gone.len() == 1 { ("is", "it") } else { ("are", "them") };
    let gone = listed(gone);
    format!(
        "{gone} {is} no longer part of it: users are not asked for {it} here, and calls that name this integration \
         use {it} no more. What users have connected stays."
    )
}

/// The same error with its mistakes at the rows.
pub(super) fn placed(error: Error, places: &[usize]) -> Error {
    let Error::Invalid(violations) = error else {
        return error;
    };
    let place = |mut violation: Violation| {
        let mut parts = violation.pointer.split('/').skip(1);
        if parts.next() == Some("connectors") {
            let row = parts.next().and_then(|at| at.parse::<usize>().ok()).and_then(|at| places.get(at));
            let member = parts.next().unwrap_or("connector");
            if let Some(row) = row {
                violation.pointer = format!("/{member}-{row}");
            }
        }
        violation
    };
    Error::Invalid(violations.into_iter().map(place).collect())
}
