//! What the files hold, counted: facts, those that nobody has confirmed, and the kinds of quirks that apps have.

use toml::{Table, Value};

use super::raw::{Raw, at, list, table, text, texts};

/// Keys that tell people something and no machine.
const WORDS: [&str; 8] =
    ["name", "documentation", "categories", "extends", "label", "help", "example", "account_label"];

/// How many facts a file states, as it is written.
pub(super) fn facts(raw: &Raw) -> usize {
    let own: Table = raw.text.parse().unwrap();
    leaves(&own)
}

fn leaves(table: &Table) -> usize {
    let own = table.iter().filter(|(key, _)| !WORDS.contains(&key.as_str()));
    own.map(|(_, value)| value.as_table().map_or(1, leaves)).sum()
}

/// Where a kind of quirk is shown to work.
pub(super) enum Shown {
    /// By the files that have it.
    Files(fn(&Raw) -> bool),
    /// By a test of its own, since it is behaviour of the hub in every file.
    Test(&'static str),
    /// The format leaves it out, for this reason.
    LeftOut(&'static str),
}

use Shown::{Files, LeftOut, Test};

fn oauth(raw: &Raw) -> Table {
    table(&raw.table, "oauth2")
}

fn any_variable(raw: &Raw, holds: fn(&Value) -> bool) -> bool {
    table(&raw.table, "variables").values().any(holds)
}

fn from(raw: &Raw, source: &str) -> bool {
    let of = |variable: &Value| {
        variable.get("from").and_then(Value::as_str).is_some_and(|f| f.starts_with(source))
    };
    table(&raw.table, "variables").values().any(of)
}

fn separated_by(raw: &Raw, separator: &str) -> bool {
    text(&oauth(raw), "scope_separator") == Some(separator)
}

/// Whether a URL has a placeholder in its host.
fn host_varies(url: Option<&str>) -> bool {
    let Some(url) = url else { return false };
    let rest = url.trim_start_matches("https://");
    rest[..rest.find('/').unwrap_or(rest.len())].contains('{')
}

fn placed(raw: &Raw, of: &str) -> Table {
    table(&raw.table, &format!("{of}.headers"))
}

fn authorization(raw: &Raw) -> Option<String> {
    text(&placed(raw, "api_key"), "Authorization").map(str::to_owned)
}

fn fields(raw: &Raw) -> usize {
    table(&raw.table, "api_key")
        .iter()
        .flat_map(|(_, value)| texts(value))
        .flat_map(super::raw::placeholders)
        .count()
}

fn has(raw: &Raw, path: &str) -> bool {
    at(&raw.table, path).is_some()
}

fn format_of(raw: &Raw, format: &str) -> bool {
    ["oauth2", "client_credentials", "session"]
        .iter()
        .any(|method| text(&raw.table, &format!("{method}.token_request_format")) == Some(format))
}

fn response_names(raw: &Raw) -> Vec<String> {
    ["oauth2", "client_credentials", "session"]
        .iter()
        .flat_map(|method| table(&raw.table, &format!("{method}.token_response")))
        .filter_map(|(_, value)| value.as_str().map(str::to_owned))
        .collect()
}

/// Every kind of quirk that is known of apps.
pub(super) const QUIRKS: &[(&str, Shown)] = &[
    ("nested token response", Files(|raw| response_names(raw).iter().any(|path| path.contains('.')))),
    ("token response with other names", Files(|raw| !response_names(raw).is_empty())),
    ("token response as a form or text", Test("generated: every fourth app answers by a form")),
    ("odd token type", Test("generated: every second app names a type of its own")),
    ("expiry that is no number of seconds", Test("generated: every third app writes it as text")),
    (
        "lifetime that the answer does not say",
        Files(|raw| ["oauth2", "session"].iter().any(|m| has(raw, &format!("{m}.access_token_lifetime")))),
    ),
    ("values in the token response", Files(|raw| from(raw, "token."))),
    ("values in the callback", Files(|raw| from(raw, "callback."))),
    ("token request as JSON", Files(|raw| format_of(raw, "json"))),
    ("token request as a GET", Files(|raw| format_of(raw, "query"))),
    ("more parameters of the token request", Files(|raw| has(raw, "oauth2.token_params"))),
    ("headers of the token request", Files(|raw| has(raw, "oauth2.token_headers"))),
    (
        "client authentication by Basic",
        Files(|raw| text(&oauth(raw), "token_endpoint_auth_method") == Some("client_secret_basic")),
    ),
    ("client without a secret", Files(|raw| text(&oauth(raw), "token_endpoint_auth_method") == Some("none"))),
    (
        "client id under another name",
        Files(|raw| has(raw, "oauth2.rename.client_id") || has(raw, "oauth2.token_params.clientId")),
    ),
    (
        "authorization parameter renamed or removed",
        Files(|raw| {
            has(raw, "oauth2.rename")
                || table(&oauth(raw), "authorization_params").values().any(|v| v.as_str() == Some(""))
        }),
    ),
    ("code under another name", Files(|raw| has(raw, "oauth2.authorization_response.code"))),
    ("refresh at another address", Files(|raw| has(raw, "oauth2.refresh.endpoint"))),
    ("refresh with other parameters", Files(|raw| has(raw, "oauth2.refresh.params"))),
    (
        "refresh token that rotates",
        Files(|raw| has(raw, "oauth2.refresh.reuse") && text(&oauth(raw), "refresh.reuse") != Some("static")),
    ),
    ("refresh token that ends", Files(|raw| has(raw, "oauth2.refresh.idle_expiry"))),
    ("consent that ends", Files(|raw| has(raw, "oauth2.refresh.lifetime"))),
    (
        "refresh token by a scope",
        Files(|raw| {
            list(&oauth(raw), "scopes")
                .iter()
                .any(|scope| scope.contains("offline") || scope == "refresh_token")
        }),
    ),
    (
        "refresh token by an authorization parameter",
        Files(|raw| {
            has(raw, "oauth2.authorization_params.access_type")
                || has(raw, "oauth2.authorization_params.token_access_type")
        }),
    ),
    ("scopes separated by commas", Files(|raw| separated_by(raw, ","))),
    (
        "PKCE with S256",
        Files(|raw| has(raw, "oauth2") && text(&oauth(raw), "code_challenge_method") != Some("none")),
    ),
    ("PKCE switched off", Files(|raw| text(&oauth(raw), "code_challenge_method") == Some("none"))),
    ("audience parameter", Files(|raw| has(raw, "oauth2.authorization_params.audience"))),
    (
        "authorization and token hosts of a tenant",
        Files(|raw| host_varies(text(&oauth(raw), "token_endpoint"))),
    ),
    ("API host of a tenant", Files(|raw| host_varies(text(&raw.table, "base_url")))),
    ("hosts by a choice", Files(|raw| any_variable(raw, |variable| variable.get("options").is_some()))),
    (
        "host of the embedder",
        Files(|raw| any_variable(raw, |v| v.get("from").and_then(Value::as_str) == Some("connector"))),
    ),
    ("host looked up", Files(|raw| any_variable(raw, |variable| variable.get("lookup").is_some()))),
    (
        "token in a header of its own",
        Files(|raw| placed(raw, "oauth2").keys().any(|name| name != "Authorization")),
    ),
    (
        "key in a header of its own",
        Files(|raw| placed(raw, "api_key").keys().any(|name| name != "Authorization")),
    ),
    (
        "authorization with an odd prefix",
        Files(|raw| authorization(raw).is_some_and(|value| !value.starts_with("Bearer "))),
    ),
    ("key in the query", Files(|raw| has(raw, "api_key.query"))),
    ("token in the query", Files(|raw| has(raw, "oauth2.query"))),
    ("Basic of two values", Files(|raw| has(raw, "api_key.basic") && fields(raw) > 1)),
    ("Basic of one key", Files(|raw| has(raw, "api_key.basic") && fields(raw) == 1)),
    ("two or more values of a key", Files(|raw| has(raw, "api_key") && fields(raw) > 1)),
    ("fixed headers of API calls", Files(|raw| has(raw, "headers"))),
    ("the user's own client", Files(|raw| has(raw, "client_credentials"))),
    ("grant type of its own", Files(|raw| has(raw, "client_credentials.token_params.grant_type"))),
    ("login for a session", Files(|raw| has(raw, "session"))),
    ("user token and bot token", Files(|raw| has(raw, "extends") && has(raw, "oauth2.rename.scope"))),
    ("check by POST or GraphQL", Files(|raw| has(raw, "check.json"))),
    ("error in an answer of 200", Files(|raw| has(raw, "oauth2.error_map"))),
    ("second request for a token that lives longer", Files(|raw| has(raw, "oauth2.exchange"))),
    ("refresh by the access token", Files(|raw| text(&oauth(raw), "refresh.by") == Some("access_token"))),
    (
        "Basic of id and secret as they are",
        Files(|raw| text(&oauth(raw), "token_endpoint_auth_method") == Some("client_secret_basic_unencoded")),
    ),
    ("hosts by a map", Files(|raw| any_variable(raw, |variable| variable.get("map").is_some()))),
    ("API base of one method", Files(|raw| has(raw, "api_key.base_url"))),
    ("check of one method", Files(|raw| has(raw, "api_key.check"))),
    ("value that one method asks for and another finds", Files(|raw| has(raw, "api_key.variables"))),
    ("two forms of key", Files(|raw| has(raw, "api_key") && has(raw, "basic"))),
    (
        "no refresh token",
        Test("real::quirks::refreshing::q14_without_a_refresh_token_the_user_is_asked_to_come_back"),
    ),
    ("id_token without nonce", Test("generated: no app sends an id_token")),
    ("code in a form post", Test("generated::an_app_that_answers_by_a_form_post")),
    ("signed JWT for a token", Files(|raw| has(raw, "jwt.token_endpoint"))),
    ("signed JWT as the token", Files(|raw| has(raw, "jwt") && !has(raw, "jwt.token_endpoint"))),
    ("token of an app's installation", Files(|raw| has(raw, "jwt.token_headers"))),
    ("client secret that is a signed JWT", Files(|raw| has(raw, "oauth2.client_assertion"))),
    ("client that authenticates by a key", Files(|raw| has(raw, "client_credentials.client_assertion"))),
    ("state that does not come back", LeftOut("a callback without state proves nothing")),
    ("key in a request body", LeftOut("a body is the caller's, streamed as it is")),
    ("login in several steps", LeftOut("no scripts in a definition")),
    ("SAML assertion", LeftOut("no scripts in a definition")),
    ("signature of each request by AWS", Files(|raw| has(raw, "aws_sigv4"))),
    ("addresses and client that are found out", Files(|raw| has(raw, "mcp"))),
    ("OAuth 1.0a", Files(|raw| has(raw, "oauth1"))),
    (
        "signature of each request by another scheme",
        LeftOut("a method table in Rust, where somebody needs it"),
    ),
    ("installation page instead of consent", LeftOut("the code comes elsewhere")),
];
