//! How a connector stands, in words: on, off, refused by its app, or what it lacks with the step that mends it.

use serde::Serialize;

use crate::domain::connector::Connector;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::url::Url;
use crate::provider::Definition;
use crate::service::connectors::{Lack, Unusable};

/// Something that a connector lacks.
#[derive(Serialize)]
pub(super) struct Missing {
    word: &'static str,
    step: String,
    /// Where the step is taken, if that is not the page of the connector.
    url: Option<String>,
}

impl Missing {
    /// What the page of a connector says beside its settings. That a definition is not loaded it says elsewhere.
    pub(super) fn all(environment: &str, lacks: &[Lack], app: &str) -> Vec<Self> {
        let told = lacks.iter().filter(|lack| **lack != Lack::Definition);
        told.map(|lack| Self {
            word: missing_word(lack),
            step: step(lack, app),
            url: place(environment, lack),
        })
        .collect()
    }
}

fn place(environment: &str, lack: &Lack) -> Option<String> {
    match lack {
        Lack::Definition | Lack::ClientId | Lack::ClientSecret | Lack::Setting(_) => None,
        Lack::Secret(_, Unusable::Missing) => Some(Url::Secrets(environment).to_string()),
        Lack::Secret(key, Unusable::Off | Unusable::Ended | Unusable::Revoked) => {
            Some(Url::Secret(environment, key).to_string())
        }
    }
}

/// The kind of the mark and its word.
pub(super) fn mark(connector: &Connector, lacks: &[Lack]) -> (&'static str, &'static str) {
    if !connector.enabled {
        ("neutral", "Switched off")
    } else if connector.failing.is_some() {
        ("danger", "Refused by the app")
    } else {
        lacks.first().map_or(("good", "On"), |lack| ("warning", missing_word(lack)))
    }
}

/// The step that mends what the mark tells; none where it tells of something else.
pub(super) fn step_of_mark(connector: &Connector, lacks: &[Lack], app: &str) -> Option<String> {
    let told = connector.enabled && connector.failing.is_none();
    lacks.first().filter(|_| told).map(|lack| step(lack, app))
}

/// What is missing.
pub(in crate::http::dashboard) const fn missing_word(lack: &Lack) -> &'static str {
    match lack {
        Lack::Definition => "Definition missing",
        Lack::ClientId => "Client ID missing",
        Lack::ClientSecret => "Client secret missing",
        Lack::Setting(_) => "Setting missing",
        Lack::Secret(_, Unusable::Missing) => "Secret missing",
        Lack::Secret(_, Unusable::Off) => "Secret switched off",
        Lack::Secret(_, Unusable::Ended) => "Secret expired",
        Lack::Secret(_, Unusable::Revoked) => "Secret revoked",
    }
}

/// What to do about it.
pub(in crate::http::dashboard) fn step(lack: &Lack, app: &str) -> String {
    match lack {
        Lack::Definition => "The operator puts it back into the folder of definitions.".to_owned(),
        Lack::ClientId => format!("Make an OAuth client at {app} and enter its ID."),
        Lack::ClientSecret => format!("Enter the secret of your client at {app}."),
        Lack::Setting(label) => format!("Enter “{label}”, which {app} wants."),
        Lack::Secret(key, Unusable::Missing) => format!("Create the secret {key}, or enter a value instead."),
        Lack::Secret(key, Unusable::Off) => format!("Switch the secret {key} on."),
        Lack::Secret(key, Unusable::Ended) => format!("Give the secret {key} a new value and a later end."),
        Lack::Secret(key, Unusable::Revoked) => {
            format!("The value of {key} is gone. Refer to another secret.")
        }
    }
}

/// What the app of a connector is called.
pub(in crate::http::dashboard) fn app_name(desk: &InEnvironment, connector: &Connector) -> String {
    let known = desk.hub.get_provider(&connector.provider).ok();
    known.as_deref().map_or(connector.provider.as_str(), Definition::name).to_owned()
}

/// What is missing for samples.
pub(super) fn sample_lacks() -> Vec<Missing> {
    let lacks = [
        Lack::ClientSecret,
        Lack::Setting("Tenant <id>".to_owned()),
        Lack::Secret("HUBSPOT_SECRET".to_owned(), Unusable::Ended),
    ];
    Missing::all("production", &lacks, "HubSpot")
}
