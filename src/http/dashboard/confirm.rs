//! The page that asks once before something that can't be undone: it names the thing and says what breaks.

use serde::Serialize;

use super::page::{DashboardPage, Place};
use super::url::Url;

/// A question, and where its answer goes.
#[derive(Serialize)]
pub(in crate::http) struct ConfirmPage {
    /// What is asked: `Revoke the key “billing”?`
    pub(in crate::http) title: String,
    /// What it means, a sentence each.
    pub(in crate::http) effects: Vec<String>,
    /// Where the form goes.
    pub(in crate::http) action: String,
    /// The verb on the button.
    pub(in crate::http) verb: &'static str,
    /// Where one goes who does not want to.
    pub(in crate::http) back: String,
    /// Whether something is lost by it.
    pub(in crate::http) danger: bool,
}

impl ConfirmPage {
    /// A question about something that is lost by it.
    pub(in crate::http) fn danger(
        title: String,
        effects: &[&str],
        (verb, action): (&'static str, &Url<'_>),
        back: &Url<'_>,
    ) -> Self {
        Self {
            title,
            effects: effects.iter().map(ToString::to_string).collect(),
            action: action.to_string(),
            verb,
            back: back.to_string(),
            danger: true,
        }
    }
}

impl DashboardPage for ConfirmPage {
    const TEMPLATE: &'static str = "dashboard/confirm.html";
    const PLACE: Place = Place::Elsewhere;

    fn samples() -> Vec<(&'static str, Self)> {
        vec![(
            "revoke",
            Self {
                title: "Revoke the key “billing service”?".to_owned(),
                effects: vec![
                    "Whatever uses it is refused from this moment on.".to_owned(),
                    "It can't be brought back.".to_owned(),
                ],
                action: "/dashboard/production/api-keys/x/revoke".to_owned(),
                verb: "Revoke key",
                back: "/dashboard/production/api-keys".to_owned(),
                danger: true,
            },
        )]
    }
}
