//! Wire types: `…In` and `…Patch` come in, `…Out` go out. They are neither rows nor domain.
//!
//! Members of inputs that nobody declared are refused. Absent members of answers are null.

mod connector;
mod credential;
mod environment;
mod event;
mod integration;
mod key;
mod provider;
mod scalar;
mod secret;
mod session;
mod token;
mod user;
mod webhook;

pub(super) use connector::{ConnectorIn, ConnectorOut};
pub(super) use credential::{
    CredentialIn, CredentialOut, CredentialPatch, EndedOut, UserIntegrationOut, VerificationOut,
};
pub(super) use environment::{EnvironmentOut, EnvironmentPatch};
pub(super) use event::{AuditEventOut, EventOut};
pub(super) use integration::{IntegrationIn, IntegrationOut};
pub(super) use key::{ApiKeyIn, ApiKeyOut, ApiKeyPatch, NewApiKeyOut};
pub(super) use provider::ProviderOut;
pub(super) use scalar::{
    BindingWord, DeliveryStatusWord, DisabledReasonWord, MethodWord, SecretTypeWord, StatusWord, Time,
    VisibilityWord,
};
pub(super) use secret::{RevealedOut, SecretIn, SecretOut, SecretPatch};
pub(super) use session::{ConfirmationIn, NewSessionOut, SessionIn, SessionOut};
pub(super) use token::{TokenOut, TokenShape};
pub(super) use user::{BatchIn, BatchOut, UserIn, UserOut, UserPatch};
pub(super) use webhook::{
    DeliveryOut, NewWebhookEndpointOut, RedeliveryOut, ReplayIn, ReplayOut, WebhookEndpointIn,
    WebhookEndpointOut, WebhookEndpointPatch,
};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::page::Page;

/// One page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageOut<T> {
    /// The items.
    data: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

impl<T> PageOut<T> {
    /// The page of the views of `page`.
    pub(super) fn of<U>(page: Page<U>, view: impl FnMut(U) -> T) -> Self {
        let page = page.map(view);
        Self { data: page.items, next_cursor: page.next_cursor }
    }
}

/// The parameters of every list; [`super::extract::Listing`] reads them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described here")]
pub(super) struct PageParams {
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// What a deletion answers.
#[derive(Serialize, ToSchema)]
pub(super) struct DeletedOut {
    /// Always true: what isn't so is a problem.
    #[schema(example = true)]
    success: bool,
}

impl DeletedOut {
    /// It is gone.
    pub(super) const DONE: Self = Self { success: true };
}

/// Reads a member that may be left out, and that null can't clear.
fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a member that may be null, apart from one that is not there.
fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
