//! What is believed of an identity provider: its metadata, its keys and what they sign.

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::*;
use crate::domain::id_token::HashKind;
use crate::fuzz::{CASES, mutation};
use crate::provider::AuthMethod;

const ISSUER: &str = "https://id.acme.test";
/// RFC 7515, appendix A.2 and A.3: the same claims, signed by RS256 and by ES256.
const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RS256: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const ES256: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("{value} is no object") };
    members
}

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://id.acme.test/authorize",
        "token_endpoint": "https://tokens.acme.test:8443/token",
        "jwks_uri": "https://id.acme.test/jwks",
        "id_token_signing_alg_values_supported": ["HS256", "none", "RS256", "ES256"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut document = document();
    document[name] = value;
    document
}

fn metadata() -> Metadata {
    Metadata::read(&object(document()), ISSUER).unwrap()
}

fn refused(document: Value) -> OidcError {
    Metadata::read(&object(document), ISSUER).unwrap_err()
}

fn rsa(more: Value) -> Value {
    key(json!({"kty": "RSA", "n": MODULUS, "e": "AQAB"}), more)
}

fn ec(more: Value) -> Value {
    let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    key(json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}), more)
}

fn key(mut key: Value, more: Value) -> Value {
    key.as_object_mut().unwrap().extend(object(more));
    key
}

fn keys(keys: &[Value]) -> Keys {
    Keys::read(&object(json!({"keys": keys}))).unwrap()
}

fn token(header: &Value, signature: &str) -> SecretString {
    use base64::Engine as _;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{CLAIMS}.{signature}").into()
}

fn rs256() -> SecretString {
    token(&json!({"alg": "RS256"}), RS256)
}

fn es256() -> SecretString {
    token(&json!({"alg": "ES256"}), ES256)
}

#[test]
fn signatures_of_the_rfc_are_verified() {
    let keys = keys(&[rsa(json!({})), ec(json!({"kid": "ec", "use": "sig", "alg": "ES256"}))]);
    for token in [rs256(), es256()] {
        let signed = keys.verify(&metadata(), &token).unwrap();
        assert_eq!((&signed.claims["iss"], signed.hash), (&json!("joe"), HashKind::Sha256));
    }
}

#[test]
fn a_changed_token_or_another_key_is_no_proof() {
    let why = |keys: &Keys, token: &SecretString| keys.verify(&metadata(), token).unwrap_err().to_string();
    let both = keys(&[rsa(json!({})), ec(json!({}))]);
    let wrong = OidcError::Signature.to_string();
    let changed = format!("{}A{}", &RS256[..200], &RS256[201..]);
    assert_eq!(why(&both, &token(&json!({"alg": "RS256"}), &changed)), wrong);
    assert_eq!(why(&both, &token(&json!({"alg": "RS256", "typ": "JWT"}), RS256)), wrong);
    assert_eq!(why(&both, &token(&json!({"alg": "ES256"}), RS256)), wrong);
    assert_eq!(why(&both, &token(&json!({"alg": "RS256"}), "")), wrong);
    let unknown = OidcError::UnknownKey.to_string();
    assert_eq!(why(&keys(&[ec(json!({}))]), &rs256()), unknown);
    assert_eq!(why(&keys(&[rsa(json!({"use": "enc"}))]), &rs256()), unknown);
    assert_eq!(why(&keys(&[rsa(json!({"alg": "PS256"}))]), &rs256()), unknown);
    assert_eq!(why(&keys(&[ec(json!({"crv": "P-384"}))]), &es256()), unknown);
    assert_eq!(
        why(&keys(&[rsa(json!({"kid": "a"}))]), &token(&json!({"alg": "RS256", "kid": "b"}), RS256)),
        unknown
    );
    // Without an id it must be clear which is meant.
    assert_eq!(why(&keys(&[rsa(json!({"kid": "a"})), rsa(json!({"kid": "b"}))]), &rs256()), unknown);
}

#[test]
fn only_a_signature_of_the_issuers_own_counts() {
    let all = keys(&[
        rsa(json!({})),
        json!({"kty": "oct", "k": MODULUS}),
        json!({"kty": "lattice", "z": 1}),
        json!("no key"),
    ]);
    let why = |header: Value| all.verify(&metadata(), &token(&header, RS256)).unwrap_err().to_string();
    for algorithm in ["none", "None", "HS256", "HS512", "PS256", "EdDSA", "ES384", "rs256", ""] {
        assert_eq!(why(json!({"alg": algorithm})), OidcError::Algorithm.to_string(), "{algorithm}");
    }
    let critical = json!({"alg": "RS256", "crit": ["b64"], "b64": false});
    assert_eq!(why(critical), OidcError::Token.to_string());
    for noise in ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", &"x".repeat(20_000)] {
        assert!(all.verify(&metadata(), &noise.into()).is_err(), "{noise}");
    }
}

#[test]
fn metadata_are_those_of_the_issuer_and_lead_nowhere_else() {
    assert!(matches!(refused(with("issuer", json!("https://id.acme.test/"))), OidcError::OtherIssuer));
    assert!(matches!(refused(with("token_endpoint", json!("http://id.acme.test"))), OidcError::OtherIssuer));
    assert!(matches!(refused(with("jwks_uri", json!("https://jo@id.acme.test/"))), OidcError::OtherIssuer));
    assert!(matches!(
        refused(with("authorization_endpoint", json!("javascript:alert(1)"))),
        OidcError::OtherIssuer
    ));
    for missing in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        assert!(matches!(refused(with(missing, json!(7))), OidcError::Unreadable(Document::Metadata)));
        let mut without = document();
        without.as_object_mut().unwrap().remove(missing);
        assert!(matches!(refused(without), OidcError::Unreadable(Document::Metadata)));
    }
    let only = |algorithms: Value| with("id_token_signing_alg_values_supported", algorithms);
    assert!(matches!(refused(only(json!(["HS256", "none"]))), OidcError::Unsupported));
}

#[test]
fn the_secret_goes_as_the_metadata_say() {
    let method = |methods: Value| {
        let document = with("token_endpoint_auth_methods_supported", methods);
        Metadata::read(&object(document), ISSUER).map(|metadata| metadata.auth_method)
    };
    assert_eq!(metadata().auth_method, AuthMethod::ClientSecretBasic);
    let both = json!(["client_secret_post", "client_secret_basic"]);
    assert_eq!(method(both).unwrap(), AuthMethod::ClientSecretBasic);
    assert_eq!(method(json!(["client_secret_post"])).unwrap(), AuthMethod::ClientSecretPost);
    assert!(matches!(method(json!(["private_key_jwt"])), Err(OidcError::Unsupported)));
}

#[test]
fn an_issuer_that_names_itself_must() {
    let silent = metadata();
    assert!(
        silent.accepts(None) && silent.accepts(Some(ISSUER)) && !silent.accepts(Some("https://evil.test"))
    );
    let document = with("authorization_response_iss_parameter_supported", json!(true));
    let names = Metadata::read(&object(document), ISSUER).unwrap();
    assert!(!names.accepts(None) && names.accepts(Some(ISSUER)));
    assert!(!names.accepts(Some("https://id.acme.test/")));
}

#[test]
fn a_browser_takes_along_what_it_must() {
    let registration = Registration {
        issuer: ISSUER.to_owned(),
        client: ClientAuth { client_id: "hub&1".to_owned(), client_secret: Some("hunter2".into()) },
    };
    // RFC 7636, appendix B.
    let verifier = SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let departure = Departure {
        redirect_uri: "https://hub.test/dashboard/sign-in/callback",
        state: "s",
        nonce: "n",
        verifier: &verifier,
        anew: false,
    };
    let url = metadata().authorization_url(&registration, &departure);
    assert_eq!(
        url.as_str(),
        "https://id.acme.test/authorize?response_type=code&client_id=hub%261\
         &redirect_uri=https%3A%2F%2Fhub.test%2Fdashboard%2Fsign-in%2Fcallback&scope=openid+email+profile\
         &state=s&nonce=n&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let anew = metadata().authorization_url(&registration, &Departure { anew: true, ..departure });
    assert!(anew.as_str().ends_with("&prompt=login&max_age=0"), "{anew}");
    assert!(!format!("{registration:?}").contains("hunter2"));
}

#[test]
fn s15_signature() {
    let keys = keys(&[rsa(json!({})), ec(json!({"kid": "ec"}))]);
    let metadata = metadata();
    let tokens = [rs256(), es256()].map(|token| token.expose_secret().to_owned());
    proptest!(ProptestConfig::with_cases(CASES), |(change in mutation())| {
        let edited = change.text_of(&tokens);
        let verified = keys.verify(&metadata, &edited.as_str().into());
        prop_assert_eq!(verified.is_ok(), tokens.contains(&edited));
    });
}
