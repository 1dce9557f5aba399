//! What a method has of its own: base address, variables and check.

use secrecy::SecretString;
use vouchsafe_entity::kind::Method::{ApiKey, Basic, OAuth2};

use super::check;
use crate::provider::Values;

/// An app of which one method is told where the other finds out.
const APART: &str = r#"name = "Acme"
documentation = "https://acme.example/docs"
base_url = "https://{site}.acme.example"

[variables]
site = { from = "token.site" }
region = { label = "Region", options = { East = "e", West = "w" } }
files = { from = "variables.region", map = { e = "files-east.acme.example", w = "files-west.acme.example" } }
key = { label = "Key", secret = true }
password = { label = "Password", secret = true }

[oauth2]
authorization_endpoint = "https://acme.example/authorize"
token_endpoint = "https://acme.example/token"

[api_key]
headers = { X-Key = "{key}" }
base_url = "https://{files}/api"

[api_key.check]
path = "/me"

[basic]
basic = { username = "acme", password = "{password}" }

[basic.variables]
site = { label = "Site" }

[basic.check]
method = "POST"
path = "/who"
"#;

#[test]
fn a_method_has_its_own_base_variables_and_check() {
    let acme = check(APART).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(acme.methods(), [OAuth2, ApiKey, Basic]);
    let fields = |method| acme.fields(method).into_iter().map(|field| field.name).collect::<Vec<_>>();
    assert_eq!((fields(OAuth2), fields(ApiKey)), (vec![], vec!["region".to_owned(), "key".to_owned()]));
    assert_eq!(fields(Basic), ["site", "password"]);
    assert!(acme.check(OAuth2).is_none());
    let values = Values::new().with("region", "w").with("site", SecretString::from("north"));
    let base = |method| acme.base_url(method, &values).unwrap().to_string();
    assert_eq!(base(OAuth2), "https://north.acme.example/");
    assert_eq!(base(ApiKey), "https://files-west.acme.example/api");
    assert_eq!(base(Basic), "https://north.acme.example/");
    assert!(acme.base_url(ApiKey, &Values::new().with("region", "elsewhere")).is_err());
}

#[test]
fn a_mistake_in_what_a_method_has_of_its_own_is_shown_there() {
    let place = |old: &str, new: &str| {
        let report = check(&APART.replace(old, new)).expect_err("a mistake");
        let problems = report.problems().iter();
        problems.map(|one| (one.code, one.line, one.column)).collect::<Vec<_>>()
    };
    for (old, new, found) in [
        ("path = \"/who\"", "path = \"/{who}\"", ("unknown-placeholder", 31, 8)),
        ("site = { label = \"Site\" }", "site = { label = \"\" }", ("missing-key", 27, 1)),
        ("https://{files}/api", "http://{files}/api", ("http-url", 18, 12)),
        ("w = \"files-west", "x = \"files-west", ("bad-map", 8, 44)),
        ("options = { East = \"e\", West = \"w\" }", "pattern = '(e|w)|north'", ("bad-map", 8, 44)),
        ("password = {", "unused = { label = \"x\" }\npassword = {", ("unused-variable", 10, 1)),
        ("label = \"Key\",", "label = \"Key\", map = { a = \"b\" },", ("bad-map", 9, 30)),
    ] {
        assert_eq!(place(old, new), [found], "{new}");
    }
    let listed = APART.replace("options = { East = \"e\", West = \"w\" }", "pattern = 'e|w'");
    assert!(check(&listed).is_ok(), "the map knows all that the pattern lists");
    assert_eq!(
        place("variables.region", "variables.regoin").first().map(|one| one.0),
        Some("unknown-placeholder")
    );
}
