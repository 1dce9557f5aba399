//! The authorization URL, parameter by parameter.

use super::*;
use crate::{
    oauth::{
        Pkce,
        authorize::{AuthorizeError, AuthorizeInput, authorization_url},
    },
    random::SystemRandom,
};

fn authorize(
    keys: &str,
    extra: &[(&str, &str)],
    pkce: Option<&Pkce>,
) -> Result<Vec<(String, String)>, AuthorizeError> {
    let definition = oauth2("https://acme.test", keys);
    let state = SecretString::from("st");
    let scopes = ["write".to_owned(), "read".to_owned()];
    let extra: Vec<_> = extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let input = AuthorizeInput {
        client_id: "cid",
        redirect_uri: REDIRECT,
        state: &state,
        scopes: &scopes,
        code_challenge: pkce.map(|pkce| &pkce.challenge),
        extra_params: &extra,
    };
    let url = authorization_url(&definition, &Values::new(), &input)?;
    assert_eq!((url.host_str(), url.path()), (Some("acme.test"), "/authorize"));
    Ok(url.query_pairs().into_owned().collect())
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_standard_parameters_and_nothing_else() {
    let pkce = Pkce::new(&SystemRandom);
    let got = authorize("scopes = [\"read\"]", &[], Some(&pkce)).unwrap();
    assert_eq!(
        got,
        pairs(&[
            ("response_type", "code"),
            ("client_id", "cid"),
            ("state", "st"),
            ("code_challenge", pkce.challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("redirect_uri", REDIRECT),
            ("scope", "read write"),
        ])
    );
}

#[test]
fn parameters_are_added_replaced_removed_and_renamed() {
    let keys = "code_challenge_method = \"none\" # the app knows no PKCE\nscope_separator = \",\"\n\
                rename = { client_id = \"client_key\", scope = \"user_scope\" }\n\
                authorization_params = { response_type = \"\", access_type = \"offline\", state = \"{client_id}\" }";
    let got =
        authorize(keys, &[("login_hint", "jo@acme.test"), ("client_key", "evil"), ("state", "evil")], None)
            .unwrap();
    assert_eq!(
        got,
        pairs(&[
            ("client_key", "cid"),
            ("state", "cid"),
            ("redirect_uri", REDIRECT),
            ("user_scope", "write,read"),
            ("access_type", "offline"),
            ("login_hint", "jo@acme.test"),
        ])
    );
}

#[test]
fn a_challenge_is_never_left_out_and_never_forced() {
    assert_eq!(authorize("", &[], None), Err(AuthorizeError::CodeChallenge));
    let none = "code_challenge_method = \"none\" # the app knows no PKCE";
    let got = authorize(none, &[], Some(&Pkce::new(&SystemRandom))).unwrap();
    assert!(!got.iter().any(|(name, _)| name.starts_with("code_challenge")));
}

#[test]
fn a_query_of_the_endpoint_stays() {
    let definition = definition(
        "https://acme.test",
        "[oauth2]\nauthorization_endpoint = \"$S/authorize?tenant=a%20b\"\ntoken_endpoint = \"$S/token\"\n\
         code_challenge_method = \"none\" # the app knows no PKCE\n",
    );
    let state = SecretString::from("st");
    let input = AuthorizeInput {
        client_id: "cid",
        redirect_uri: "https://hub.test/cb",
        state: &state,
        scopes: &[],
        code_challenge: None,
        extra_params: &[],
    };
    let url = authorization_url(&definition, &Values::new(), &input).unwrap();
    assert_eq!(
        url.as_str(),
        "https://acme.test/authorize?tenant=a%20b&response_type=code&client_id=cid&state=st\
         &redirect_uri=https%3A%2F%2Fhub.test%2Fcb"
    );
}
