//! ID tokens that are right, and each way to be wrong.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: i64 = 1_893_456_000;

const EXPECTED: Expected<'static> = Expected {
    issuer: "https://id.acme.test",
    client_id: "hub",
    nonce: "n-1",
    access_token: Some("at-1"),
    now: NOW,
    signed_in_since: None,
};

fn token(change: impl FnOnce(&mut Map<String, Value>)) -> SignedClaims {
    let claims = json!({
        "iss": "https://id.acme.test", "sub": "s-1", "aud": "hub", "nonce": "n-1", "iat": NOW, "exp": NOW + 300,
        "email": "jo@acme.test", "email_verified": true, "name": "Jo",
    });
    let Value::Object(mut claims) = claims else { panic!("no object") };
    change(&mut claims);
    SignedClaims { claims, hash: HashKind::Sha256 }
}

fn with(name: &str, value: Value) -> SignedClaims {
    token(|claims| drop(claims.insert(name.to_owned(), value)))
}

fn without(name: &str) -> SignedClaims {
    token(|claims| drop(claims.remove(name)))
}

fn why(token: &SignedClaims) -> IdTokenError {
    check(token, &EXPECTED).unwrap_err()
}

#[test]
fn a_right_token_says_who_it_is() {
    let identity = check(&token(|_| ()), &EXPECTED).unwrap();
    assert_eq!(identity.key(), "https://id.acme.test|s-1");
    assert_eq!(identity.verified_email(), Some("jo@acme.test"));
    assert_eq!(identity.name.as_deref(), Some("Jo"));
}

#[test]
fn each_wrong_or_missing_claim_is_told_apart() {
    for (name, wrong, error) in [
        ("iss", json!("https://id.acme.test/"), IdTokenError::Issuer),
        ("sub", json!(""), IdTokenError::Subject),
        ("aud", json!("other"), IdTokenError::Audience),
        ("exp", json!(NOW - LEEWAY), IdTokenError::Expired),
        ("iat", json!(NOW + LEEWAY + 1), IdTokenError::IssuedAt),
        ("nonce", json!("n-2"), IdTokenError::Nonce),
    ] {
        assert_eq!(why(&with(name, wrong)), error, "{name}");
        assert_eq!(why(&with(name, json!(null))), error, "{name} null");
        assert_eq!(why(&with(name, json!({"a": 1}))), error, "{name} of another type");
        assert_eq!(why(&without(name)), error, "no {name}");
    }
    assert_eq!(why(&with("iat", json!(NOW - OLDEST - LEEWAY - 1))), IdTokenError::IssuedAt);
    assert_eq!(why(&with("sub", json!("x".repeat(256)))), IdTokenError::Subject);
    assert_eq!(why(&with("sub", json!("a\nb"))), IdTokenError::Subject);
    assert_eq!(why(&with("nbf", json!(NOW + LEEWAY + 1))), IdTokenError::IssuedAt);
    assert_eq!(why(&with("nbf", json!("soon"))), IdTokenError::IssuedAt);
}

#[test]
fn times_may_differ_a_little_and_have_fractions() {
    for (name, value) in [
        ("exp", json!(NOW - LEEWAY + 1)),
        ("iat", json!(NOW + LEEWAY)),
        ("iat", json!(NOW - OLDEST - LEEWAY)),
        ("exp", json!(1_893_456_300.5)),
        ("nbf", json!(NOW)),
    ] {
        check(&with(name, value.clone()), &EXPECTED)
            .unwrap_or_else(|error| panic!("{name} {value}: {error}"));
    }
    assert_eq!(why(&with("iat", json!(1e300))), IdTokenError::IssuedAt);
}

#[test]
fn of_several_audiences_ours_must_be_the_authorized_party() {
    let both = |party: Value| {
        token(|claims| {
            claims.insert("aud".to_owned(), json!(["other", "hub"]));
            claims.insert("azp".to_owned(), party);
        })
    };
    assert!(check(&both(json!("hub")), &EXPECTED).is_ok());
    assert_eq!(why(&both(json!("other"))), IdTokenError::AuthorizedParty);
    assert_eq!(why(&both(json!(["hub"]))), IdTokenError::AuthorizedParty);
    assert_eq!(why(&with("aud", json!(["other", "hub"]))), IdTokenError::AuthorizedParty);
    assert_eq!(why(&with("azp", json!("other"))), IdTokenError::AuthorizedParty);
    assert!(check(&with("aud", json!(["hub"])), &EXPECTED).is_ok());
    assert_eq!(why(&with("aud", json!(["hub", 7]))), IdTokenError::Audience);
    assert_eq!(why(&with("aud", json!([]))), IdTokenError::Audience);
}

/// OpenID Connect Core 1.0, appendix A.3, has this pair.
#[test]
fn an_access_token_is_bound_by_its_hash() {
    let token = with("at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ"));
    let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    let expected = Expected { access_token: Some(access_token), ..EXPECTED };
    assert!(check(&token, &expected).is_ok());
    assert_eq!(why(&token), IdTokenError::AccessTokenHash);
    let none = Expected { access_token: None, ..EXPECTED };
    assert_eq!(check(&token, &none).unwrap_err(), IdTokenError::AccessTokenHash);
    assert_eq!(why(&with("at_hash", json!(7))), IdTokenError::AccessTokenHash);
    let other = SignedClaims { hash: HashKind::Sha512, ..token };
    assert_eq!(check(&other, &expected).unwrap_err(), IdTokenError::AccessTokenHash);
}

#[test]
fn a_fresh_sign_in_says_when_it_was() {
    let expected = Expected { signed_in_since: Some(NOW - 20), ..EXPECTED };
    let at = |seconds: i64| check(&with("auth_time", json!(seconds)), &expected).map(drop);
    assert_eq!(at(NOW - 5), Ok(()));
    assert_eq!(at(NOW - 20 - LEEWAY), Ok(()));
    assert_eq!(at(NOW - 21 - LEEWAY), Err(IdTokenError::SignedInBefore));
    assert_eq!(at(NOW + LEEWAY + 1), Err(IdTokenError::SignedInBefore));
    assert_eq!(check(&token(|_| ()), &expected).unwrap_err(), IdTokenError::SignedInBefore);
}

#[test]
fn an_address_counts_only_with_the_word_of_the_same_place() {
    let identity = |token: &SignedClaims| check(token, &EXPECTED).unwrap();
    for (flag, verified) in [
        (json!(true), true),
        (json!("true"), true),
        (json!("yes"), false),
        (json!(1), false),
        (json!(false), false),
    ] {
        let found = identity(&with("email_verified", flag.clone()));
        assert_eq!(found.verified_email().is_some(), verified, "{flag}");
    }
    assert_eq!(identity(&without("email_verified")).verified_email(), None);
    let info = |info: Value| info.as_object().unwrap().clone();
    let told =
        info(json!({"sub": "s-1", "email": "other@acme.test", "email_verified": true, "name": "Other"}));
    // An address of the one place is never verified by the other.
    let unverified = identity(&with("email_verified", json!(false)));
    let merged = unverified.with_user_info(&told).unwrap();
    assert_eq!((merged.verified_email(), merged.name.as_deref()), (None, Some("Jo")));
    let bare = identity(&token(|claims| claims.retain(|name, _| !name.starts_with("email"))));
    assert_eq!(bare.clone().with_user_info(&told).unwrap().verified_email(), Some("other@acme.test"));
    for wrong in [json!({"sub": "s-2", "email": "jo@acme.test"}), json!({"email": "jo@acme.test"})] {
        assert_eq!(bare.clone().with_user_info(&info(wrong)), Err(IdTokenError::UserInfo));
    }
}

/// Anything that JSON can say.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("hub")),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::from))
}

proptest! {
    /// Whatever one claim is changed to, a token that passes still says the same of who, for whom and when.
    #[test]
    fn no_change_of_a_claim_lets_anybody_else_in(
        name in prop::sample::select(vec!["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash"]),
        value in anything(),
    ) {
        let changed = with(name, value.clone());
        if let Ok(identity) = check(&changed, &EXPECTED) {
            let subject = if name == "sub" { value.as_str().unwrap_or_default() } else { "s-1" };
            prop_assert_eq!(identity.key(), format!("https://id.acme.test|{subject}"));
            prop_assert!(name != "iss" || value == json!("https://id.acme.test"));
            prop_assert!(name != "nonce" || value == json!("n-1"));
            prop_assert!(name != "azp" || value == json!("hub"));
            prop_assert!(name != "at_hash");
            let ours = |value: &Value| value == &json!("hub");
            prop_assert!(name != "aud" || ours(&value) || value.as_array().is_some_and(|all| all.iter().all(ours)));
            let ends = value.as_f64().unwrap_or_default();
            prop_assert!(name != "exp" || ends > f64::from(1_893_456_000 - 61));
        }
    }
}
