//! The settings of a webhook endpoint as a form. No type of event ticked = all of them.

use crate::domain::webhook::WebhookEndpoint;
use crate::http::dashboard::form::{Form, FormView};
use crate::service::Seen;
use crate::service::webhooks::{EndpointChange, NewEndpoint};

/// The form as it is first shown.
pub(super) fn of(endpoint: &WebhookEndpoint) -> FormView {
    let events: Vec<&str> = endpoint.events.iter().flatten().map(|kind| kind.as_str()).collect();
    FormView::new()
        .with("url", endpoint.url.clone())
        .with("description", endpoint.description.clone().unwrap_or_default())
        .with_chosen("events", &events)
        .seeing(Seen(Some(endpoint.updated_at)))
}

fn events(form: &Form) -> Option<Vec<String>> {
    Some(form.all("events")).filter(|events| !events.is_empty())
}

pub(super) fn new_endpoint(form: &Form) -> NewEndpoint {
    NewEndpoint { url: form.text("url"), events: events(form), description: form.optional("description") }
}

pub(super) fn change(form: &Form) -> EndpointChange {
    EndpointChange {
        url: Some(form.text("url")),
        events: Some(events(form)),
        description: Some(form.optional("description")),
        enabled: None,
    }
}

/// What a field for date and time gives, as RFC 3339; such fields are UTC here. Anything else stays as it is.
pub(super) fn moment(text: &str) -> String {
    match text.len() {
        16 if text.contains('T') => format!("{text}:00Z"),
        19 if text.contains('T') => format!("{text}Z"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_gives_for_a_moment_is_read_as_utc() {
        assert_eq!(moment("2030-01-31T12:00"), "2030-01-31T12:00:00Z");
        assert_eq!(moment("2030-01-31T12:00:07"), "2030-01-31T12:00:07Z");
        for other in ["2030-01-31T12:00:00Z", "soon", ""] {
            assert_eq!(moment(other), other);
        }
    }
}
