//! What the pages call what the API has a word for.

use vouchsafe_entity::kind::{SecretType, Visibility};

use crate::domain::secret::SecretState;

/// The kind of a value.
pub(in crate::http::dashboard) const fn type_word(kind: SecretType) -> &'static str {
    match kind {
        SecretType::Credential => "Credential",
        SecretType::ApiKey => "API key",
        SecretType::BearerToken => "Bearer token",
        SecretType::OAuthToken => "OAuth token",
        SecretType::RefreshToken => "Refresh token",
        SecretType::AccessToken => "Access token",
        SecretType::RequestToken => "Request token",
        SecretType::ClientToken => "Client token",
    }
}

/// Whether a value is ever shown.
pub(super) const fn visibility_word(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Masked => "Masked",
        Visibility::Restricted => "Restricted",
    }
}

/// Where a secret stands: the kind of its mark, and its word.
pub(in crate::http::dashboard) const fn state_word(state: SecretState) -> (&'static str, &'static str) {
    match state {
        SecretState::Active => ("good", "Active"),
        SecretState::Inactive => ("neutral", "Switched off"),
        SecretState::Expired => ("danger", "Expired"),
        SecretState::Revoked => ("danger", "Revoked"),
    }
}

/// Where a secret may go that lists no hosts; `issued`: its issuer is a provider.
pub(in crate::http::dashboard) const fn no_hosts_word(issued: bool) -> &'static str {
    if issued { "its issuer’s hosts alone" } else { "no hosts: calls can’t take it anywhere" }
}
