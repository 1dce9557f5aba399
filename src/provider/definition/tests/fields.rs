//! What forms ask for, and what of the typed values is taken.

use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use vouchsafe_entity::kind::Method;

use super::{Definition, FieldSource, acme};

fn typed(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => panic!("an object"),
    }
}

fn errors(method: Method, value: Value) -> Vec<(String, &'static str)> {
    let errors = acme().validate_fields(method, &typed(value), FieldSource::User).unwrap_err();
    errors.into_iter().map(|error| (error.name, error.code)).collect()
}

#[test]
fn methods_come_in_their_order_and_ask_for_what_they_reach() {
    let acme = acme();
    assert_eq!(acme.methods(), [Method::OAuth2, Method::Basic, Method::Session]);
    assert!(!acme.needs_client());
    let names = |method| acme.fields(method).into_iter().map(|field| field.name).collect::<Vec<_>>();
    assert_eq!(names(Method::OAuth2), ["shop", "region", "org"]);
    assert_eq!(names(Method::Basic), ["shop", "region", "org", "key"]);
    assert_eq!(names(Method::Session), ["shop", "org", "pass"]);
    assert!(names(Method::ClientCredentials).contains(&"client_secret".to_owned()));
    assert_eq!(acme.connector_fields()[0].name, "partner");

    let shop = &acme.fields(Method::Basic)[0];
    assert_eq!((shop.prefix.as_deref(), shop.suffix.as_deref()), (Some("https://"), Some(".acme.example")));
    assert!(shop.required && !shop.secret && shop.pattern.is_some() && shop.lower);
    let region = &acme.fields(Method::Basic)[1];
    assert_eq!(
        region.options,
        [("Europe".to_owned(), "eu".to_owned()), ("America".to_owned(), "us".to_owned())]
    );
    assert!(!region.required && region.prefix.is_none() && !region.lower);
}

#[test]
fn good_values_are_cleaned_and_defaults_are_set() {
    let given = typed(json!({ "shop": " North ", "key": " k-1\n" }));
    let values = acme().validate_fields(Method::Basic, &given, FieldSource::User).unwrap();
    let got: Vec<_> = values.iter().map(|(name, value)| (name, value.expose_secret())).collect();
    assert_eq!(got, [("key", "k-1"), ("region", "eu"), ("shop", "north")]);
    let pass = typed(json!({ "shop": "north", "pass": " space at both ends \n" }));
    let values = acme().validate_fields(Method::Session, &pass, FieldSource::User).unwrap();
    assert_eq!(values.get("pass").unwrap().expose_secret(), " space at both ends ");
}

#[test]
fn bad_values_are_named_and_never_repeated() {
    let given =
        json!({ "shop": "canary.com/", "key": "canary", "region": "canary", "org": 5, "extra": "canary" });
    let found = errors(Method::Basic, given.clone());
    let expected = [
        ("extra", "unknown_field"),
        ("shop", "invalid_format"),
        ("region", "not_an_option"),
        ("org", "not_a_string"),
        ("key", "invalid_format"),
    ];
    assert_eq!(found, expected.map(|(name, code)| (name.to_owned(), code)));
    let errors_shown = acme().validate_fields(Method::Basic, &typed(given), FieldSource::User).unwrap_err();
    assert!(!format!("{errors_shown:?}").contains("canary"));

    assert_eq!(errors(Method::Basic, json!({ "shop": "  ", "key": null })).len(), 2);
    for (org, code) in
        [("é", "invalid_characters"), ("a\u{7f}b", "invalid_characters"), ("a:b", "invalid_characters")]
    {
        let found = errors(Method::Basic, json!({ "shop": "a", "key": "k-1", "org": org }));
        assert_eq!(found, [("org".to_owned(), code)], "{org:?}");
    }
    let long = "x".repeat(4097);
    let found = errors(Method::Basic, json!({ "shop": "a", "key": format!("k-{long}") }));
    assert_eq!(found, [("key".to_owned(), "too_long")]);
    let whole = errors(Method::Basic, json!({ "shop": "a", "key": "xk-1" }));
    assert_eq!(whole, [("key".to_owned(), "invalid_format")], "the whole value must match");
    assert_eq!(errors(Method::Basic, json!({ "shop": "a", "key": "k-1", "partner": "p" })).len(), 1);
}

#[test]
fn what_the_connector_gives_is_checked_too() {
    let acme = acme();
    let given = typed(json!({ "partner": "p-1" }));
    let values = acme.validate_fields(Method::OAuth2, &given, FieldSource::Connector).unwrap();
    assert_eq!(values.get("partner").unwrap().expose_secret(), "p-1");
    let error = acme.validate_fields(Method::OAuth2, &typed(json!({})), FieldSource::Connector).unwrap_err();
    assert_eq!(error[0].code, "required");
}

proptest! {
    #[test]
    fn what_a_form_accepts_can_be_placed(shop in ".{0,20}", org in ".{0,20}", key in "k-.{0,20}") {
        let acme = acme();
        let given = typed(json!({ "shop": shop, "org": org, "key": key }));
        if let Ok(values) = acme.validate_fields(Method::Basic, &given, FieldSource::User) {
            prop_assert!(acme.placement(Method::Basic, &values).is_ok());
            prop_assert!(acme.base_url(Method::OAuth2, &values).is_ok());
            prop_assert!(acme.check_request(Method::Basic, &values).unwrap().is_ok());
        }
    }
}

#[test]
fn a_signing_key_that_comes_with_the_connector_is_nobodys_own() {
    let signed = |source: &str| {
        let text = format!(
            "name = \"Signed\"\ndocumentation = \"https://signed.example/docs\"\n\
             base_url = \"https://api.signed.example\"\n\
             [variables]\nkey = {{ label = \"Key\", secret = true{source} }}\n\
             [jwt]\nalgorithm = \"HS256\"\nkey = \"{{key}}\"\nlifetime = 540\n[check]\npath = \"/me\"\n"
        );
        Definition::from_toml("signed", &text, false).unwrap_or_else(|report| panic!("{report}"))
    };
    assert!(signed("").takes_own_client(Method::Jwt));
    assert!(!signed(", from = \"connector\"").takes_own_client(Method::Jwt));
    assert!(acme().takes_own_client(Method::Session) && !acme().takes_own_client(Method::OAuth2));
}

#[test]
fn a_session_with_a_secret_of_the_connector_is_not_the_users_alone() {
    let session = |more: &str| {
        let text = format!(
            "name = \"Desk\"\ndocumentation = \"https://desk.example/docs\"\n\
             base_url = \"https://{{region}}.desk.example\"\n\
             [variables]\nregion = {{ label = \"Region\", options = {{ A = \"a\", B = \"b\" }}, default = \"a\", from = \"connector\" }}\n\
             app = {{ label = \"App\"{more} }}\npassword = {{ label = \"Password\", secret = true }}\n\
             [session]\ntoken_endpoint = \"https://{{region}}.desk.example/login\"\n\
             token_params = {{ app = \"{{app}}\", password = \"{{password}}\" }}\n[check]\npath = \"/me\"\n"
        );
        Definition::from_toml("desk", &text, false).unwrap_or_else(|report| panic!("{report}"))
    };
    assert!(session("").takes_own_client(Method::Session));
    assert!(session(", secret = true").takes_own_client(Method::Session));
    assert!(session(", from = \"connector\"").takes_own_client(Method::Session), "a name, no secret");
    assert!(!session(", from = \"connector\", secret = true").takes_own_client(Method::Session));
}
