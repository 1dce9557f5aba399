//! What the form of an integration offers: the connectors of the environment, by the names of their apps.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::connector::{Connector, is_key};
use crate::http::Problem;
use crate::http::connect::page::Connector as App;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::credentials::app;
use crate::service::Hub;

/// So many connectors are offered; others are named by their keys.
const OFFERED: u64 = 200;

/// A connector that can be needed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Choice {
    app: App,
    enabled: bool,
}

/// The connectors that are offered.
pub(super) struct Offer {
    choices: Vec<Choice>,
    hub: Arc<Hub>,
}

impl Choice {
    /// A choice for samples.
    pub(super) fn sample(key: &str, name: &str, enabled: bool) -> Self {
        Self { app: App::new(key, name), enabled }
    }

    /// Whether it has this key.
    pub(super) fn is(&self, key: &str) -> bool {
        self.app.key == key
    }
}

impl Offer {
    /// What is there.
    pub(super) async fn of(desk: &InEnvironment) -> Result<Self, Problem> {
        let found = desk.hub.first_connectors(&desk.actor, OFFERED).await?;
        let choice =
            |one: Connector| Choice { app: app(&desk.hub, &one.key, &one.provider), enabled: one.enabled };
        Ok(Self { choices: found.into_iter().map(choice).collect(), hub: Arc::clone(&desk.hub) })
    }

    /// In the order of their keys.
    pub(super) fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The connector of this key; that of an app which needs nothing of the embedder is there without being made.
    pub(super) fn find(&self, key: &str) -> Option<Choice> {
        let made = self.choices.iter().find(|choice| choice.is(key)).cloned();
        let by_itself = || {
            let definition = self.hub.get_provider(key).ok()?;
            let app = app(&self.hub, key, key);
            (!definition.needs_client()).then_some(Choice { app, enabled: true })
        };
        made.or_else(by_itself)
    }

    /// The key that was meant by what was typed: itself, or that of the one connector whose app has this name.
    pub(super) fn meant(&self, typed: &str) -> String {
        let full = u64::try_from(self.choices.len()).is_ok_and(|count| count < OFFERED);
        if typed.is_empty() || self.find(typed).is_some() || (is_key(typed) && !full) {
            return typed.to_owned();
        }
        let typed_name = typed.to_lowercase();
        let called = |name: &str| name.to_lowercase() == typed_name;
        let mut named = self.choices.iter().filter(|choice| called(&choice.app.name));
        match (named.next(), named.next()) {
            (Some(one), None) => one.app.key.clone(),
            // It takes the key to tell them apart.
            (Some(_), Some(_)) => typed.to_owned(),
            (None, _) => {
                let providers = self.hub.providers();
                let mut all = providers.all();
                let free = all.find(|definition| !definition.needs_client() && called(definition.name()));
                free.map_or_else(|| typed.to_owned(), |definition| definition.slug().to_owned())
            }
        }
    }
}
