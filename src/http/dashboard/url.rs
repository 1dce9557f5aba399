//! The addresses of the dashboard.
//!
//! It must not know what is found there.

use std::fmt;

use vouchsafe_entity::id::{
    ApiKeyId, CredentialId, DeliveryId, EventId, InvitationId, MemberId, MemberSessionId, UserId,
    WebhookEndpointId,
};

/// An address of the dashboard; an environment is named by its name.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is named as its page")]
pub enum Url<'a> {
    Dashboard,
    SignIn,
    SignInCode,
    SignInElsewhere,
    SignOut,
    StepUp,
    StepUpElsewhere,
    Join,
    JoinElsewhere,
    Account,
    Password,
    Authenticator,
    NewAuthenticator,
    RemoveAuthenticator,
    EndSession(MemberSessionId),
    EndOtherSessions,
    Members,
    Invite,
    WorkspaceSettings,
    Member(MemberId),
    RemoveMember(MemberId),
    WithdrawInvitation(InvitationId),
    NewEnvironment,
    DeleteWorkspace,
    Overview(&'a str),
    Connectors(&'a str),
    Catalogue(&'a str),
    Provider(&'a str, &'a str),
    Connector(&'a str, &'a str),
    TestConnector(&'a str, &'a str),
    EnableConnector(&'a str, &'a str),
    DisableConnector(&'a str, &'a str),
    DeleteConnector(&'a str, &'a str),
    RemoveKept(&'a str, &'a str, &'a str),
    Integrations(&'a str),
    NewIntegration(&'a str),
    Integration(&'a str, &'a str),
    DeleteIntegration(&'a str, &'a str),
    Webhooks(&'a str),
    NewWebhook(&'a str),
    Webhook(&'a str, WebhookEndpointId),
    TestWebhook(&'a str, WebhookEndpointId),
    RotateWebhook(&'a str, WebhookEndpointId),
    ReplayWebhook(&'a str, WebhookEndpointId),
    EnableWebhook(&'a str, WebhookEndpointId),
    DisableWebhook(&'a str, WebhookEndpointId),
    DeleteWebhook(&'a str, WebhookEndpointId),
    Delivery(&'a str, WebhookEndpointId, DeliveryId),
    Events(&'a str),
    Event(&'a str, EventId),
    RedeliverEvent(&'a str, EventId),
    Audit(&'a str),
    ExportAudit(&'a str),
    CheckAudit(&'a str),
    Theme(&'a str),
    ThemePreview(&'a str),
    Credentials(&'a str),
    BulkCredentials(&'a str),
    Credential(&'a str, CredentialId),
    DeactivateCredential(&'a str, CredentialId),
    ReactivateCredential(&'a str, CredentialId),
    RevokeCredential(&'a str, CredentialId),
    DeleteCredential(&'a str, CredentialId),
    Users(&'a str),
    NewUser(&'a str),
    User(&'a str, UserId),
    LinkUser(&'a str, UserId),
    DeleteUser(&'a str, UserId),
    DisconnectCredential(&'a str, UserId, CredentialId),
    Attempts(&'a str),
    Settings(&'a str),
    DeleteEnvironment(&'a str),
    Secrets(&'a str),
    NewSecret(&'a str),
    SecretColumns(&'a str),
    ActOnSecrets(&'a str),
    Secret(&'a str, &'a str),
    EditSecret(&'a str, &'a str),
    RevealSecret(&'a str, &'a str),
    DeactivateSecret(&'a str, &'a str),
    ReactivateSecret(&'a str, &'a str),
    RevokeSecret(&'a str, &'a str),
    DeleteSecret(&'a str, &'a str),
    Console(&'a str),
    ApiKeys(&'a str),
    NewApiKey(&'a str),
    RotateApiKey(&'a str, ApiKeyId),
    DeactivateApiKey(&'a str, ApiKeyId),
    ReactivateApiKey(&'a str, ApiKeyId),
    RevokeApiKey(&'a str, ApiKeyId),
}

impl fmt::Display for Url<'_> {
    #[expect(clippy::too_many_lines, reason = "a table: one line for each address")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/dashboard")?;
        match self {
            Self::Dashboard => Ok(()),
            Self::SignIn => f.write_str("/sign-in"),
            Self::SignInCode => f.write_str("/sign-in/code"),
            Self::SignInElsewhere => f.write_str("/sign-in/single-sign-on"),
            Self::SignOut => f.write_str("/sign-out"),
            Self::StepUp => f.write_str("/step-up"),
            Self::StepUpElsewhere => f.write_str("/step-up/single-sign-on"),
            Self::Join => f.write_str("/join"),
            Self::JoinElsewhere => f.write_str("/join/single-sign-on"),
            Self::Account => f.write_str("/account"),
            Self::Password => f.write_str("/account/password"),
            Self::Authenticator => f.write_str("/account/authenticator"),
            Self::NewAuthenticator => f.write_str("/account/authenticator/new"),
            Self::RemoveAuthenticator => f.write_str("/account/authenticator/remove"),
            Self::EndSession(id) => write!(f, "/account/sessions/{id}/end"),
            Self::EndOtherSessions => f.write_str("/account/sessions/end"),
            Self::Members => f.write_str("/members"),
            Self::Invite => f.write_str("/members/invite"),
            Self::WorkspaceSettings => f.write_str("/members/settings"),
            Self::Member(id) => write!(f, "/members/{id}"),
            Self::RemoveMember(id) => write!(f, "/members/{id}/remove"),
            Self::WithdrawInvitation(id) => write!(f, "/invitations/{id}/withdraw"),
            Self::NewEnvironment => f.write_str("/environments/new"),
            Self::DeleteWorkspace => f.write_str("/workspace/delete"),
            Self::Overview(environment) => write!(f, "/{environment}/overview"),
            Self::Connectors(environment) => write!(f, "/{environment}/connectors"),
            Self::Catalogue(environment) => write!(f, "/{environment}/catalogue"),
            Self::Provider(environment, slug) => write!(f, "/{environment}/catalogue/{slug}"),
            Self::Connector(environment, key) => write!(f, "/{environment}/connectors/{key}"),
            Self::TestConnector(environment, key) => write!(f, "/{environment}/connectors/{key}/test"),
            Self::EnableConnector(environment, key) => write!(f, "/{environment}/connectors/{key}/enable"),
            Self::DisableConnector(environment, key) => write!(f, "/{environment}/connectors/{key}/disable"),
            Self::DeleteConnector(environment, key) => write!(f, "/{environment}/connectors/{key}/delete"),
            Self::RemoveKept(environment, key, field) => {
                write!(f, "/{environment}/connectors/{key}/kept/{field}/remove")
            }
            Self::Integrations(environment) => write!(f, "/{environment}/integrations"),
            Self::NewIntegration(environment) => write!(f, "/{environment}/new-integration"),
            Self::Integration(environment, id) => write!(f, "/{environment}/integrations/{id}"),
            Self::DeleteIntegration(environment, id) => write!(f, "/{environment}/integrations/{id}/delete"),
            Self::Webhooks(environment) => write!(f, "/{environment}/webhooks"),
            Self::NewWebhook(environment) => write!(f, "/{environment}/webhooks/new"),
            Self::Webhook(environment, id) => write!(f, "/{environment}/webhooks/{id}"),
            Self::TestWebhook(environment, id) => write!(f, "/{environment}/webhooks/{id}/test"),
            Self::RotateWebhook(environment, id) => write!(f, "/{environment}/webhooks/{id}/rotate"),
            Self::ReplayWebhook(environment, id) => write!(f, "/{environment}/webhooks/{id}/replay"),
            Self::EnableWebhook(environment, id) => write!(f, "/{environment}/webhooks/{id}/enable"),
            Self::DisableWebhook(environment, id) => write!(f, "/{environment}/webhooks/{id}/disable"),
            Self::DeleteWebhook(environment, id) => write!(f, "/{environment}/webhooks/{id}/delete"),
            Self::Delivery(environment, id, delivery) => {
                write!(f, "/{environment}/webhooks/{id}/deliveries/{delivery}")
            }
            Self::Events(environment) => write!(f, "/{environment}/events"),
            Self::Event(environment, id) => write!(f, "/{environment}/events/{id}"),
            Self::RedeliverEvent(environment, id) => write!(f, "/{environment}/events/{id}/redeliver"),
            Self::Audit(environment) => write!(f, "/{environment}/audit"),
            Self::ExportAudit(environment) => write!(f, "/{environment}/audit/export"),
            Self::CheckAudit(environment) => write!(f, "/{environment}/audit/check"),
            Self::Theme(environment) => write!(f, "/{environment}/theme"),
            Self::ThemePreview(environment) => write!(f, "/{environment}/theme/preview"),
            Self::Credentials(environment) => write!(f, "/{environment}/credentials"),
            Self::BulkCredentials(environment) => write!(f, "/{environment}/credentials/bulk"),
            Self::Credential(environment, id) => write!(f, "/{environment}/credentials/{id}"),
            Self::DeactivateCredential(environment, id) => {
                write!(f, "/{environment}/credentials/{id}/deactivate")
            }
            Self::ReactivateCredential(environment, id) => {
                write!(f, "/{environment}/credentials/{id}/reactivate")
            }
            Self::RevokeCredential(environment, id) => write!(f, "/{environment}/credentials/{id}/revoke"),
            Self::DeleteCredential(environment, id) => write!(f, "/{environment}/credentials/{id}/delete"),
            Self::Users(environment) => write!(f, "/{environment}/users"),
            Self::NewUser(environment) => write!(f, "/{environment}/new-user"),
            Self::User(environment, id) => write!(f, "/{environment}/users/{id}"),
            Self::LinkUser(environment, id) => write!(f, "/{environment}/users/{id}/link"),
            Self::DeleteUser(environment, id) => write!(f, "/{environment}/users/{id}/delete"),
            Self::DisconnectCredential(environment, user, id) => {
                write!(f, "/{environment}/users/{user}/credentials/{id}/disconnect")
            }
            Self::Attempts(environment) => write!(f, "/{environment}/attempts"),
            Self::Settings(environment) => write!(f, "/{environment}/settings"),
            Self::DeleteEnvironment(environment) => write!(f, "/{environment}/settings/delete"),
            Self::Secrets(environment) => write!(f, "/{environment}/secrets"),
            Self::NewSecret(environment) => write!(f, "/{environment}/secrets/new"),
            Self::SecretColumns(environment) => write!(f, "/{environment}/secrets/columns"),
            Self::ActOnSecrets(environment) => write!(f, "/{environment}/secrets/act"),
            Self::Secret(environment, key) => write!(f, "/{environment}/secret/{key}"),
            Self::EditSecret(environment, key) => write!(f, "/{environment}/secret/{key}/edit"),
            Self::RevealSecret(environment, key) => write!(f, "/{environment}/secret/{key}/reveal"),
            Self::DeactivateSecret(environment, key) => write!(f, "/{environment}/secret/{key}/deactivate"),
            Self::ReactivateSecret(environment, key) => write!(f, "/{environment}/secret/{key}/reactivate"),
            Self::RevokeSecret(environment, key) => write!(f, "/{environment}/secret/{key}/revoke"),
            Self::DeleteSecret(environment, key) => write!(f, "/{environment}/secret/{key}/delete"),
            Self::Console(environment) => write!(f, "/{environment}/console"),
            Self::ApiKeys(environment) => write!(f, "/{environment}/api-keys"),
            Self::NewApiKey(environment) => write!(f, "/{environment}/api-keys/new"),
            Self::RotateApiKey(environment, id) => write!(f, "/{environment}/api-keys/{id}/rotate"),
            Self::DeactivateApiKey(environment, id) => write!(f, "/{environment}/api-keys/{id}/deactivate"),
            Self::ReactivateApiKey(environment, id) => write!(f, "/{environment}/api-keys/{id}/reactivate"),
            Self::RevokeApiKey(environment, id) => write!(f, "/{environment}/api-keys/{id}/revoke"),
        }
    }
}

/// The address to go on to that somebody brought along, where it is one of the dashboard's own.
pub(super) fn own(next: Option<&str>) -> Option<&str> {
    let next = next?;
    // `+` and `*` stand in a query as forms write it.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/.~?=&%+*".contains(c);
    let own = next.len() <= 1_000
        && next.strip_prefix("/dashboard").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && next.chars().all(plain)
        && !next.contains("//")
        && !next.contains("..");
    own.then_some(next)
}

/// The address of a list with its filters; those that are none or empty are left out.
pub(super) fn filtered(page: &Url<'_>, filters: &[(&str, Option<&str>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in filters {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { page.to_string() } else { format!("{page}?{query}") }
}

/// The address of `page`, from which one goes on to `next`.
pub(super) fn going_on(page: Url<'_>, next: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("{page}?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_away() {
        let filters = [("action", Some("*.create")), ("target", Some("a&b c/ü"))];
        let filtered = filtered(&Url::ExportAudit("production"), &filters);
        for next in ["/dashboard", "/dashboard/production/api-keys?limit=2", filtered.as_str()] {
            assert_eq!(own(Some(next)), Some(next));
        }
        for next in [
            "https://evil.test/dashboard",
            "//evil.test/dashboard",
            "/dashboard//evil.test",
            "/dashboard\\evil.test",
            "/dashboard@evil.test",
            "/dashboards",
            "/dashboard/../connect",
            "/dashboard/\r\nSet-Cookie: x",
            "/connect",
            "",
        ] {
            assert_eq!(own(Some(next)), None, "{next}");
        }
        assert_eq!(own(None), None);
    }

    #[test]
    fn filters_stand_in_the_address() {
        let page = Url::Audit("production");
        assert_eq!(filtered(&page, &[("action", None), ("target", Some(""))]), "/dashboard/production/audit");
        let filters = [("action", Some("key.create")), ("target", Some("a&b c"))];
        let address = "/dashboard/production/audit?action=key.create&target=a%26b+c";
        assert_eq!(filtered(&page, &filters), address);
    }

    #[test]
    fn the_way_on_survives_the_sign_in() {
        let there = going_on(Url::SignIn, "/dashboard/production/api-keys?limit=2");
        assert_eq!(there, "/dashboard/sign-in?next=%2Fdashboard%2Fproduction%2Fapi-keys%3Flimit%3D2");
    }
}
