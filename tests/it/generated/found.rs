//! Servers of the Model Context Protocol, as the hub finds out about them: what they say of themselves, and the client that
//! registers there. The rest is the sign-in of OAuth at addresses that no file has.

use std::collections::BTreeMap;

use serde_json::json;
use toml::{Table, Value};

use super::case::Case;
use super::expect::{Answer, Body, Wanted};
use super::judge::with;
use super::raw::{Address, Values};

fn server(slug: &str) -> String {
    format!("https://as.{slug}.example")
}

/// What the file would say if it said all: the keys of `[oauth2]`, for a server at `url`.
pub(super) fn told_by(slug: &str, url: &str) -> Table {
    let resource = Table::from_iter([("resource".to_owned(), Value::from(url))]);
    let server = server(slug);
    let refresh = Table::from_iter([("params".to_owned(), Value::from(resource.clone()))]);
    Table::from_iter([
        ("authorization_endpoint".to_owned(), format!("{server}/authorize").into()),
        ("token_endpoint".to_owned(), format!("{server}/token").into()),
        ("revocation_endpoint".to_owned(), format!("{server}/revoke").into()),
        ("authorization_params".to_owned(), resource.clone().into()),
        ("token_params".to_owned(), resource.into()),
        ("refresh".to_owned(), refresh.into()),
    ])
}

fn asked(step: &'static str, method: &'static str, address: Address, body: Body) -> Wanted {
    Wanted { step, method, address, headers: BTreeMap::new(), body, signature: None }
}

/// What the hub asks before the first sign-in, with the answers.
pub(super) fn finding_out(case: &Case, redirect_uri: &str) -> Vec<(Wanted, Answer)> {
    let Some(url) = &case.mcp else { return Vec::new() };
    let values: Values = with(case, &[]);
    let resource = Address::of(url, &values).unwrap();
    let server = server(&case.slug);
    let at = |path: &str| Address::of(&format!("{server}{path}"), &values).unwrap();
    let path = format!("/.well-known/oauth-protected-resource{}", resource.path.trim_end_matches('/'));
    let beside = Address { path, ..resource.clone() };
    let own = format!("https://{}{}", resource.host, resource.path);
    let metadata = json!({
        "issuer": server,
        "authorization_endpoint": format!("{server}/authorize"),
        "token_endpoint": format!("{server}/token"),
        "revocation_endpoint": format!("{server}/revoke"),
        "registration_endpoint": format!("{server}/register"),
        "code_challenge_methods_supported": ["plain", "S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    let client = json!({
        "client_name": "Vouchsafe",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    // The connector names scopes, so these must not be asked for.
    let protected =
        json!({"resource": own, "authorization_servers": [server], "scopes_supported": ["every:thing"]});
    let made = json!({"client_id": case.client_id, "client_secret": case.client_secret});
    vec![
        (asked("the look at the resource", "GET", beside, Body::Empty), Answer::json(200, &protected)),
        (
            asked(
                "the look at its server",
                "GET",
                at("/.well-known/oauth-authorization-server"),
                Body::Empty,
            ),
            Answer::json(200, &metadata),
        ),
        (asked("the registration", "POST", at("/register"), Body::Json(client)), Answer::json(201, &made)),
    ]
}
