//! The provider definitions under which the hub knows the fake (`providers.md`).

use super::config::{RevokeScope, Settings};

/// The slug of the OAuth app.
pub const FERNHILL: &str = "fernhill";
/// The slug of the API-key app.
pub const QUILLPOST: &str = "quillpost";

/// Top of every definition. `documentation` must be https, so it names an address that never answers.
fn head(slug: &str, base_url: &str) -> String {
    let name = name(slug);
    format!(
        r#"name = "{name}"
documentation = "https://{slug}.example/docs/authentication"
categories = ["crm"]
base_url = "{base_url}/api"
account = "{{account_id}}"
account_label = "{{account_email}}"
"#
    )
}

const ACCOUNT: &str = r#"account_id = { from = "check.id", optional = true }
account_email = { from = "check.email", optional = true }
"#;

const CHECK: &str = r#"
[check]
path = "/me"
success = "id"
"#;

/// The definition of Fernhill, an OAuth app with the refresh kind and the revocation of `settings`.
/// `base_url` is [`super::FakeProvider::base_url`].
pub fn definition_toml(slug: &str, base_url: &str, settings: &Settings) -> String {
    let head = head(slug, base_url);
    let kind = settings.kind;
    let revoke_scope = match settings.revoke_scope {
        RevokeScope::Token => "token",
        RevokeScope::Grant | RevokeScope::Account => "grant",
    };
    format!(
        r#"{head}
[variables]
{ACCOUNT}
[oauth2]
authorization_endpoint = "{base_url}/oauth/authorize"
token_endpoint = "{base_url}/oauth/token"
revocation_endpoint = "{base_url}/oauth/revoke"
scopes = ["profile"]

[oauth2.refresh]
reuse = "{kind}"
revoke_scope = "{revoke_scope}"
{CHECK}"#
    )
}

/// The definition of Quillpost, an app that takes an API key in a header.
pub fn api_key_definition_toml(slug: &str, base_url: &str) -> String {
    let head = head(slug, base_url);
    format!(
        r#"{head}
[variables]
key = {{ label = "API key", help = "https://{slug}.example/docs/keys", example = "fake_live_0123456789abcdef", secret = true, pattern = 'fake_\S+' }}
{ACCOUNT}
[api_key]
headers = {{ X-Api-Key = "{{key}}" }}
{CHECK}"#
    )
}

/// An app that takes user name and password by Basic.
pub fn basic_definition_toml(slug: &str, base_url: &str) -> String {
    let head = head(slug, base_url);
    format!(
        r#"{head}
[variables]
username = {{ label = "User name" }}
password = {{ label = "Password", secret = true }}
{ACCOUNT}
[api_key]
basic = {{ username = "{{username}}", password = "{{password}}" }}
{CHECK}"#
    )
}

/// An app whose users bring a client id and secret of their own.
pub fn client_credentials_definition_toml(slug: &str, base_url: &str) -> String {
    let head = head(slug, base_url);
    format!(
        r#"{head}
[variables]
{ACCOUNT}
[client_credentials]
token_endpoint = "{base_url}/oauth/token"
scopes = ["profile", "items:read"]
{CHECK}"#
    )
}

/// An app with a session login.
pub fn session_definition_toml(slug: &str, base_url: &str) -> String {
    let head = head(slug, base_url);
    format!(
        r#"{head}
[variables]
username = {{ label = "User name" }}
password = {{ label = "Password", secret = true }}
{ACCOUNT}
[session]
token_endpoint = "{base_url}/session/login"
token_request_format = "json"
token_params = {{ username = "{{username}}", password = "{{password}}" }}
token_response = {{ access_token = "session_token" }}
{CHECK}"#
    )
}

/// The display name of a slug.
fn name(slug: &str) -> String {
    let words = slug.split('-').filter_map(|word| {
        let (first, rest) = word.split_at_checked(1)?;
        Some(format!("{}{rest}", first.to_ascii_uppercase()))
    });
    words.collect::<Vec<_>>().join(" ")
}
