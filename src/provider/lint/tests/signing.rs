//! Methods that sign: a key of the user's, alone or in a file of a vendor's.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use vouchsafe_entity::kind::Method;

use super::{GOOD, check};
use crate::provider::{FieldSource, Values};

/// A method that signs with the key of [`GOOD`].
const JWT: &str = r#"[jwt]
algorithm = "RS256"
key = "{key}"
lifetime = 540
claims = { iss = "{shop}" }
"#;

#[test]
fn a_signing_key_is_a_method_and_lives_so_long() {
    let definition = check(&format!("{GOOD}{JWT}")).unwrap();
    assert_eq!(definition.methods().len(), 3);
    assert!(definition.jwt().is_some_and(|jwt| jwt.shape.lifetime.as_secs() == 540));
    let shown = check(&format!("{GOOD}{}", JWT.replace("RS256", "RS512"))).unwrap_err().to_string();
    assert!(shown.contains("acme.toml:23:13"), "{shown}");
}

#[test]
fn a_key_file_fills_the_form() {
    // The key stands in no header here.
    let start = GOOD.find("partner = {").unwrap();
    let definition = check(&format!("{}\n{JWT}", &GOOD[..start])).unwrap();
    let form = |given: Value| {
        let given = given.as_object().unwrap().clone();
        definition.validate_fields(Method::Jwt, &given, FieldSource::User)
    };
    let taken = |values: &Values, name: &str| values.get(name).unwrap().expose_secret().to_owned();
    let file = json!({"type": "key", "key": "canary-pem\nline", "shop": "acme"}).to_string();
    let values = form(json!({"key": file})).unwrap();
    assert_eq!((taken(&values, "key"), taken(&values, "shop")), ("canary-pem\nline".into(), "acme".into()));
    let values = form(json!({"key": file, "shop": "mine"})).unwrap();
    assert_eq!(taken(&values, "shop"), "mine");
    let errors = form(json!({"key": "{\"shop\": \"acme\"}"})).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.name.as_str()).collect::<Vec<_>>(), ["shop"]);
    let error = definition.check_key(Method::Jwt, &values).unwrap_err();
    assert_eq!((error.name.as_str(), error.code), ("key", "invalid_key"));
    assert!(!format!("{error} {error:?}").contains("canary"));
}
