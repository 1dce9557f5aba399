//! The order of keys and the schema line, which all files share so that two of them can be laid side by side.

use toml::de::{DeTable, DeValue};

use super::{Flaw, Place, Source};

const TOP: &[&str] = &[
    "extends",
    "name",
    "documentation",
    "categories",
    "base_url",
    "allowed_hosts",
    "headers",
    "account",
    "account_label",
    "variables",
    "oauth2",
    "client_credentials",
    "api_key",
    "basic",
    "session",
    "jwt",
    "oauth1",
    "aws_sigv4",
    "mcp",
    "check",
    "limits",
];
const METHODS: &[&str] = &["oauth2", "client_credentials", "api_key", "basic", "session", "jwt"];
const METHOD: &[&str] = &[
    "algorithm",
    "key",
    "key_encoding",
    "header",
    "claims",
    "lifetime",
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "token_endpoint_auth_method",
    "client_assertion",
    "code_challenge_method",
    "scopes",
    "scope_separator",
    "authorization_params",
    "authorization_response",
    "rename",
    "token_request_format",
    "token_basic",
    "token_params",
    "token_headers",
    "token_response",
    "error_map",
    "access_token_lifetime",
    "headers",
    "query",
    "basic",
    "base_url",
    "account",
    "account_label",
    "exchange",
    "refresh",
    "variables",
    "check",
];
const OAUTH1: &[&str] = &[
    "request_token_endpoint",
    "authorization_endpoint",
    "token_endpoint",
    "signature_method",
    "realm",
    "authorization_params",
];
const AWS_SIGV4: &[&str] = &[
    "service",
    "region",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "role_arn",
    "check_service",
    "unsigned_payload",
    "path_as_sent",
];
const VARIABLE: &[&str] = &[
    "label", "help", "example", "from", "map", "lookup", "options", "default", "secret", "optional",
    "pattern",
];
const LOOKUP: &[&str] = &["url", "path"];
const BASIC: &[&str] = &["username", "password"];
const TOKEN_RESPONSE: &[&str] =
    &["access_token", "refresh_token", "expires_in", "expires_at", "scope", "error"];
const CLIENT_ASSERTION: &[&str] = &["algorithm", "key", "header", "claims", "lifetime"];
const EXCHANGE: &[&str] = &["endpoint", "request_format", "params"];
const REFRESH: &[&str] = &[
    "endpoint",
    "request_format",
    "by",
    "params",
    "token_response",
    "reuse",
    "idle_expiry",
    "lifetime",
    "early",
    "revoke_scope",
];
const CHECK: &[&str] = &["method", "path", "json", "success", "wrong_key", "missing_permission"];

/// The order of the keys of a table; none where they are the app's own.
fn order_of(path: &[&str]) -> Option<&'static [&'static str]> {
    match path {
        [] => Some(TOP),
        ["variables", _] | [_, "variables", _] => Some(VARIABLE),
        ["variables", _, "lookup"] | [_, "variables", _, "lookup"] => Some(LOOKUP),
        ["check"] => Some(CHECK),
        ["oauth1"] => Some(OAUTH1),
        ["aws_sigv4"] => Some(AWS_SIGV4),
        [method] if METHODS.contains(method) => Some(METHOD),
        [method, "refresh", "token_response"] if METHODS.contains(method) => Some(TOKEN_RESPONSE),
        [method, key] if METHODS.contains(method) => match *key {
            "check" => Some(CHECK),
            "refresh" => Some(REFRESH),
            "client_assertion" => Some(CLIENT_ASSERTION),
            "exchange" => Some(EXCHANGE),
            "token_response" => Some(TOKEN_RESPONSE),
            "basic" | "token_basic" => Some(BASIC),
            _ => None,
        },
        _ => None,
    }
}

/// A warning for each table whose keys stand in another order, and for a first line that names no schema.
pub(in crate::provider) fn order_flaws(source: &Source) -> Vec<Flaw> {
    let (table, _) = DeTable::parse_recoverable(source.readable());
    let mut flaws = Vec::new();
    if !source.text.starts_with("#:schema ") {
        let flaw =
            Flaw::warning(Place::Bytes(0..0), "no-schema", "the first line names no schema for editors");
        flaws.push(flaw.help("#:schema ./schema.json"));
    }
    walk(&source.text, table.get_ref(), &mut Vec::new(), &mut flaws);
    flaws
}

fn walk<'t>(text: &str, table: &'t DeTable<'_>, path: &mut Vec<&'t str>, flaws: &mut Vec<Flaw>) {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    if let Some(order) = order_of(path) {
        // A table under a header of its own stands behind everything else, as TOML wants it.
        let headed = |value: &toml::Spanned<DeValue<'_>>| {
            value.get_ref().is_table() && !text.get(value.span()).is_some_and(|text| text.starts_with('{'))
        };
        for part in [false, true] {
            let keys = entries.iter().filter(|(_, value)| headed(value) == part).map(|(key, _)| key);
            let mut before: Option<(usize, &str)> = None;
            for key in keys {
                let name: &str = key.get_ref();
                let Some(rank) = order.iter().position(|known| *known == name) else { continue };
                match before {
                    Some((last, other)) if rank < last => {
                        let message = format!("`{name}` stands before `{other}` in every other file");
                        flaws.push(Flaw::warning(Place::Bytes(key.span()), "key-order", message));
                        break;
                    }
                    _ => before = Some((rank, name)),
                }
            }
        }
    }
    for (key, value) in entries {
        if let DeValue::Table(inner) = value.get_ref() {
            path.push(key.get_ref());
            walk(text, inner, path, flaws);
            path.pop();
        }
    }
}
