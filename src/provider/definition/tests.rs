//! One definition with most of what a file can say, and the requests that follow from it.

mod fields;

use http::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::json;
use vouchsafe_entity::kind::{FailClass, Method};

use super::*;
use crate::provider::template::RenderError;
use crate::provider::url_template::Authority;
use crate::provider::values::Values;

const ACME: &str = r#"name = "Acme"
documentation = "https://acme.example/docs"
base_url = "https://{shop}.acme.example/v1"
allowed_hosts = ["files.acme.example", "{shop}.files.acme.example:8443"]
headers = { Acme-Version = "3", X-Org = "{org}" }
account = "{shop}/{user}"
account_label = "{user_name}"

[variables]
shop = { label = "Shop", help = "https://acme.example/shop", example = "north" }
region = { label = "Region", options = { Europe = "eu", America = "us" }, default = "eu" }
org = { label = "Organisation", optional = true }
key = { label = "Key", secret = true, pattern = 'k-\S+' }
pass = { label = "Password", secret = true }
partner = { label = "Partner", secret = true, from = "connector" }
user = { from = "check.user.id" }
user_name = { from = "token.who.name", optional = true }
tenant = { lookup = { url = "https://login.acme.example/tenants", path = "0.id" } }
dc = { from = "callback.data-centre", optional = true, pattern = '[a-z]{2}' }

[oauth2]
authorization_endpoint = "https://{shop}.acme.example/authorize"
token_endpoint = "https://{shop}.acme.example/token?dc={dc}"
revocation_endpoint = "https://{shop}.acme.example/revoke"
scopes = ["base"]
scope_separator = ","
rename = { client_id = "app_id" }
authorization_params = { audience = "{region}", response_type = "" }
authorization_response = { code = "auth_code" }
token_params = { grant = "x-{client_id}", partner = "{partner}", org = "{org}" }
token_response = { access_token = "data.token", error = "errors.0.code" }
error_map = { gone = "revoked", later = "transient", slow = "throttled" }
access_token_lifetime = 7200
headers = { Authorization = "Acme {access_token}", X-Tenant = "{tenant}" }

[oauth2.refresh]
endpoint = "https://{shop}.acme.example/refresh"
params = { token = "{refresh_token}" }
idle_expiry = 60
reuse = "grace:30"
revoke_scope = "token"

[api_key]
basic = { username = "{shop}/{org}", password = "{key}" }
query = { region = "{region}" }

[session]
token_endpoint = "https://{shop}.acme.example/login"
token_request_format = "json"
token_params = { user = { password = "{pass}", keep = true, days = 3 } }

[check]
method = "POST"
path = "/me?full=1"
json = { query = "me" }
success = "user"
missing_permission = [403, 402]
"#;

fn acme() -> Definition {
    Definition::from_toml("acme", ACME, false).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn credentials_are_placed_as_written() {
    let acme = acme();
    let values = Values::new().with("shop", "north").with("org", "o").with("key", "k-1").with("tenant", "t");
    let placement = acme.placement(Method::Basic, &values).unwrap();
    let shown: Vec<_> =
        placement.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    // printf 'north/o:k-1' | base64
    let expected = [("acme-version", "3"), ("x-org", "o"), ("authorization", "Basic bm9ydGgvbzprLTE=")];
    assert_eq!(shown, expected);
    assert!(placement.headers.iter().all(|(_, value)| value.is_sensitive()));
    assert_eq!(placement.query[0].1.expose_secret(), "eu", "a default needs no value");
    assert!(!format!("{placement:?}").contains("k-1") && !format!("{placement:?}").contains("bm9y"));

    let values = Values::new().with("access_token", "a").with("tenant", "t").with("shop", "north");
    let bearer = acme.placement(Method::Session, &values).unwrap();
    let names: Vec<_> = bearer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["acme-version", "authorization"], "an empty optional value drops its header");
    assert_eq!(bearer.headers[1].1.as_bytes(), b"Bearer a");
    assert_eq!(acme.placement(Method::Jwt, &values).unwrap_err(), RenderError::Undeclared);
    let missing = acme.placement(Method::OAuth2, &Values::new().with("access_token", "a")).unwrap_err();
    assert_eq!(missing, RenderError::Missing("tenant".to_owned()));
}

#[test]
fn endpoints_follow_the_values() {
    let acme = acme();
    let values = Values::new().with("shop", "north");
    let url = |url: Result<url::Url, RenderError>| url.unwrap().to_string();
    assert_eq!(url(acme.base_url(Method::OAuth2, &values)), "https://north.acme.example/v1");
    assert_eq!(url(acme.authorization_endpoint(&values)), "https://north.acme.example/authorize");
    assert_eq!(url(acme.token_endpoint(Method::OAuth2, &values)), "https://north.acme.example/token");
    let with_dc = values.clone().with("dc", "eu");
    assert_eq!(url(acme.token_endpoint(Method::OAuth2, &with_dc)), "https://north.acme.example/token?dc=eu");
    assert_eq!(url(acme.refresh_endpoint(&values)), "https://north.acme.example/refresh");
    assert_eq!(url(acme.revocation_endpoint(&values).unwrap()), "https://north.acme.example/revoke");
    assert_eq!(acme.token_endpoint(Method::Basic, &values), Err(RenderError::Undeclared));
    assert_eq!(acme.base_url(Method::OAuth2, &Values::new()), Err(RenderError::Missing("shop".to_owned())));
    let authority = |host: &str, port| Authority { host: host.to_owned(), port };
    let expected = [
        authority("north.acme.example", 443),
        authority("files.acme.example", 443),
        authority("north.files.acme.example", 8443),
    ];
    assert_eq!(acme.allowed_hosts(Method::OAuth2, &values).unwrap(), expected);
}

#[test]
fn the_token_request_is_described() {
    let acme = acme();
    let oauth2 = acme.oauth2().unwrap();
    let token = acme.token_request_of(Method::OAuth2).unwrap();
    assert_eq!((token.name_of("client_id"), token.name_of("scope")), ("app_id", "scope"));
    assert_eq!(token.response.access_token.get(&json!({ "data": { "token": "t" } })), Some(&json!("t")));
    assert_eq!(token.response.error.to_string(), "errors.0.code");
    assert_eq!(token.error_map["gone"], FailClass::Revoked);
    assert_eq!(token.error_map["later"], FailClass::Ambiguous);
    assert_eq!(token.error_map["slow"], FailClass::Throttled);
    assert_eq!(token.access_token_lifetime.unwrap().as_secs(), 7200);
    assert_eq!(
        (oauth2.authorization_response.code.as_str(), oauth2.authorization_response.iss.as_str()),
        ("auth_code", "iss")
    );
    let refresh = acme.refresh().unwrap();
    assert_eq!(refresh.reuse, Reuse::Grace(std::time::Duration::from_secs(30)));
    assert_eq!(refresh.revoke_scope, RevokeScope::Token);

    let values = Values::new().with("client_id", "c").with("partner", "p");
    let params = token.params.render(&values).unwrap();
    let shown: Vec<_> =
        params.iter().map(|(name, value)| (name.as_str(), value.as_ref().unwrap().text().unwrap())).collect();
    assert_eq!(
        shown.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["grant", "partner"],
        "org is empty and dropped"
    );
    assert_eq!(shown[0].1.expose_secret(), "x-c");
    let removed = oauth2.authorization_params.render(&values).unwrap();
    assert!(removed.iter().any(|(name, value)| name == "response_type" && value.is_none()));

    let login = acme.session().unwrap().token.params.render(&Values::new().with("pass", "p\"")).unwrap();
    let expected = json!({ "password": "p\"", "keep": true, "days": 3 });
    assert_eq!(login[0].1.as_ref().unwrap().expose_json(), expected);
    assert!(!format!("{login:?}").contains("p\\\""), "parameters do not print what they hold");
}

#[test]
fn an_empty_default_is_sent_where_an_optional_value_is_left_out() {
    let text = ACME.replace("\"Organisation\", optional = true", "\"Organisation\", default = \"\"");
    let acme = Definition::from_toml("acme", &text, false).unwrap_or_else(|report| panic!("{report}"));
    let values = Values::new().with("client_id", "c").with("partner", "p");
    let params = acme.oauth2().unwrap().token.params.render(&values).unwrap();
    let (_, org) = params.iter().find(|(name, _)| name == "org").unwrap();
    assert_eq!(org.as_ref().unwrap().expose_json(), json!(""));
}

#[test]
fn the_check_is_built_without_what_it_brings_itself() {
    let acme = acme();
    let values = Values::new().with("shop", "north").with("key", "k-1").with("org", "o").with("region", "us");
    let request = acme.check_request(Method::Basic, &values).unwrap().unwrap();
    assert_eq!(request.method, http::Method::POST);
    assert_eq!(request.url.as_str(), "https://north.acme.example/v1/me?full=1&region=us");
    assert_eq!(request.json, Some(json!({ "query": "me" })));
    assert!(!format!("{request:?}").contains("me?full"));
    let (variable, lookup) = acme.lookups(Method::OAuth2).next().unwrap();
    let values = Values::new().with("access_token", "a");
    let request = acme.lookup_request(lookup, Method::OAuth2, &values).unwrap();
    assert!(request.headers.iter().all(|(name, _)| name != "x-tenant"));
    assert_eq!(acme.lookup_value(variable, &json!([{ "id": 9 }])).unwrap().unwrap().expose_secret(), "9");
    assert_eq!(
        acme.lookup_value(variable, &json!([])).unwrap_err(),
        CaptureError::Missing("tenant".to_owned())
    );
    assert_eq!(acme.lookups(Method::Basic).count(), 0);
}

#[test]
fn the_checks_answer_has_five_outcomes() {
    let acme = acme();
    let read = |status: u16, body: &str| {
        acme.read_check(Method::Basic, StatusCode::from_u16(status).unwrap(), body.as_bytes())
    };
    let good = r#"{"user":{"id":1}}"#;
    for (status, body, outcome) in [
        (200, good, CheckOutcome::Ok),
        (204, good, CheckOutcome::Ok),
        (200, r#"{"user":null}"#, CheckOutcome::WrongKey),
        (200, "{}", CheckOutcome::WrongKey),
        (200, "<html>", CheckOutcome::Unexpected),
        (401, "", CheckOutcome::WrongKey),
        (403, good, CheckOutcome::MissingPermission),
        (402, "", CheckOutcome::MissingPermission),
        (302, good, CheckOutcome::Unexpected),
        (404, good, CheckOutcome::Unexpected),
        (400, good, CheckOutcome::Unexpected),
        (408, "", CheckOutcome::Unreachable),
        (425, "", CheckOutcome::Unreachable),
        (429, "", CheckOutcome::Unreachable),
        (500, "", CheckOutcome::Unreachable),
        (503, good, CheckOutcome::Unreachable),
    ] {
        assert_eq!(read(status, body), outcome, "{status} {body}");
    }
}

#[test]
fn captures_honour_patterns_and_methods() {
    let acme = acme();
    let text = |captured: Vec<(String, secrecy::SecretString)>| -> Vec<(String, String)> {
        captured.into_iter().map(|(name, value)| (name, value.expose_secret().to_owned())).collect()
    };
    let token = acme.captures(Method::OAuth2, Captured::Token(&json!({ "who": { "name": "Jo" } }))).unwrap();
    assert_eq!(text(token), [("user_name".to_owned(), "Jo".to_owned())]);
    let check = acme.captures(Method::Basic, Captured::Check(&json!({ "user": { "id": 7 } }))).unwrap();
    assert_eq!(text(check), [("user".to_owned(), "7".to_owned())]);
    let missing = acme.captures(Method::Basic, Captured::Check(&json!({ "user": {} }))).unwrap_err();
    assert_eq!(missing, CaptureError::Missing("user".to_owned()));
    let pairs = |value: &str| vec![("data-centre".to_owned(), value.to_owned())];
    assert_eq!(text(acme.captures(Method::OAuth2, Captured::Callback(&pairs("eu"))).unwrap())[0].1, "eu");
    for bad in ["europe", "e/", "eu\n", "EU"] {
        let error = acme.captures(Method::OAuth2, Captured::Callback(&pairs(bad))).unwrap_err();
        assert_eq!(error, CaptureError::Refused("dc".to_owned()), "{bad}");
    }
    assert!(acme.captures(Method::Basic, Captured::Callback(&pairs("europe"))).unwrap().is_empty());
    assert!(acme.captures(Method::OAuth2, Captured::Callback(&[])).unwrap().is_empty(), "optional");
}

#[test]
fn the_account_needs_all_of_its_parts() {
    let acme = acme();
    let mut values = Values::new().with("shop", "north").with("key", "k-1").with("partner", "p");
    assert_eq!(acme.account(Method::OAuth2, &values), None);
    values.set("user", "7");
    let account = |id: &str, label: &str| Some(Account { id: id.to_owned(), label: label.to_owned() });
    assert_eq!(acme.account(Method::OAuth2, &values), account("north/7", "north/7"));
    values.set("user_name", "Jo");
    assert_eq!(acme.account(Method::OAuth2, &values), account("north/7", "Jo"));
    let public: Vec<_> =
        acme.public_variables(Method::OAuth2, &values).into_iter().map(|(name, _)| name).collect();
    assert_eq!(public, ["shop", "user", "user_name"]);
}
