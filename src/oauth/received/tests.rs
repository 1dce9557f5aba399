//! Answers to token requests as apps really send them, good, odd and hostile.

use std::collections::BTreeMap;

use http::HeaderMap;
use secrecy::ExposeSecret as _;

use super::*;
use crate::provider::{AuthMethod, TokenRequestFormat, UrlTemplate};

mod fuzz;

const SENT: &str = "2030-01-01T00:00:00Z";

fn token_request(edit: impl FnOnce(&mut TokenRequest)) -> TokenRequest {
    let path = |text: &str| Path::parse(text).unwrap();
    let mut request = TokenRequest {
        endpoint: UrlTemplate::parse("https://acme.test/token").unwrap(),
        format: TokenRequestFormat::Form,
        auth_method: Some(AuthMethod::ClientSecretPost),
        client_assertion: None,
        basic: None,
        params: crate::provider::Params::default(),
        headers: crate::provider::Headers::default(),
        scopes: Vec::new(),
        scope_separator: " ".to_owned(),
        rename: BTreeMap::new(),
        response: TokenResponse {
            access_token: path("access_token"),
            refresh_token: path("refresh_token"),
            expires_in: path("expires_in"),
            expires_at: path("expires_at"),
            scope: path("scope"),
            error: path("error"),
        },
        error_map: BTreeMap::from([
            ("bad_refresh_token".to_owned(), FailClass::Refused),
            ("token_revoked".to_owned(), FailClass::Revoked),
            ("bad_secret".to_owned(), FailClass::Client),
            ("busy".to_owned(), FailClass::Throttled),
            ("oops".to_owned(), FailClass::Ambiguous),
        ]),
        access_token_lifetime: None,
        renewed_by_access_token: false,
    };
    edit(&mut request);
    request
}

fn received(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Received {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: Zeroizing::new(body.to_vec()),
    };
    Received::new(answer, SENT.parse().unwrap(), vec!["rt-canary".into()])
}

fn read(body: &str) -> Result<TokenAnswer, TokenError> {
    received(200, &[], body.as_bytes()).read(&token_request(|_| {}))
}

fn good(body: &str) -> TokenAnswer {
    read(body).unwrap_or_else(|error| panic!("{body}: {error:?}"))
}

fn with(members: &str) -> TokenAnswer {
    good(&format!("{{\"access_token\":\"at\",{members}}}"))
}

fn class(status: u16, headers: &[(&'static str, &str)], body: &str) -> FailClass {
    received(status, headers, body.as_bytes()).read(&token_request(|_| {})).unwrap_err().class
}

#[test]
fn a_plain_answer_is_read_and_never_printed() {
    let answer = with(
        "\"refresh_token\":\"rt\",\"token_type\":\"bearer\",\"expires_in\":3600,\"scope\":\"a b\",\"x\":{\"y\":1}",
    );
    assert_eq!(answer.access_token.expose_secret(), "at");
    assert_eq!(answer.refresh_token.as_ref().unwrap().expose_secret(), "rt");
    assert_eq!((answer.token_type.as_str(), answer.expires_in), ("bearer", Some(3600)));
    assert_eq!(answer.scopes.as_deref().unwrap(), ["a", "b"]);
    assert_eq!(answer.raw.expose()["x"]["y"], 1);
    let secret = received(
        201,
        &[],
        b"{\"access_token\":\"at-canary\",\"refresh_token\":\"rt-canary\",\"z\":\"canary\"}",
    );
    let answer = secret.read(&token_request(|_| {})).unwrap();
    for shown in [format!("{answer:?}"), format!("{secret:?}"), format!("{:?}", answer.raw)] {
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[test]
fn a_form_is_read_too() {
    let answer =
        good("access_token=gho_1&expires_in=28800&refresh_token=ghr_1&scope=repo%2Cgist&token_type=bearer");
    assert_eq!(answer.access_token.expose_secret(), "gho_1");
    assert_eq!(answer.expires_in, Some(28800));
    assert_eq!(answer.scopes.unwrap(), ["repo", "gist"]);
}

#[test]
fn null_false_and_empty_are_absent() {
    for nothing in ["null", "false", "\"\""] {
        let answer = with(&format!(
            "\"refresh_token\":{nothing},\"expires_in\":{nothing},\"scope\":{nothing},\"error\":{nothing},\"token_type\":{nothing}"
        ));
        assert!(answer.refresh_token.is_none() && answer.expires_in.is_none() && answer.scopes.is_none());
        assert_eq!(answer.token_type, "Bearer");
        assert_eq!(
            read(&format!("{{\"access_token\":{nothing}}}")).unwrap_err().class,
            FailClass::Unreadable
        );
    }
}

#[test]
fn lifetimes_are_numbers_texts_or_dates_and_sensible() {
    for (members, expected) in [
        ("\"expires_in\":\"3600\"", Some(3600)),
        ("\"expires_in\":3600.9", Some(3600)),
        ("\"expires_in\":315576000", Some(315_576_000)),
        ("\"expires_in\":315576001", None),
        ("\"expires_in\":1e30", None),
        ("\"expires_in\":0", None),
        ("\"expires_in\":-1", None),
        ("\"expires_in\":\"NaN\"", None),
        ("\"expires_in\":\"inf\"", None),
        ("\"expires_in\":\"soon\"", None),
        ("\"expires_in\":{}", None),
        ("\"expires_at\":\"2030-01-01T01:00:00Z\"", Some(3600)),
        ("\"expires_at\":\"2030-01-01T02:00:00.5+01:00\"", Some(3600)),
        ("\"expires_at\":\"2030-01-01T01:00:00\"", Some(3600)),
        ("\"expires_at\":\"2030-01-01 01:00:00\"", Some(3600)),
        ("\"expires_at\":1893459600", Some(3600)),
        ("\"expires_at\":\"1893459600000\"", Some(3600)),
        ("\"expires_at\":\"2029-12-31T23:59:59Z\"", None),
        ("\"expires_at\":\"9999-12-31T23:59:59Z\"", None),
        ("\"expires_at\":1e300", None),
        ("\"expires_in\":60,\"expires_at\":\"2030-01-01T01:00:00Z\"", Some(60)),
        ("\"expires_in\":0,\"expires_at\":\"2030-01-01T01:00:00Z\"", Some(3600)),
    ] {
        assert_eq!(with(members).expires_in, expected, "{members}");
    }
    let fixed = token_request(|request| request.access_token_lifetime = Some(Duration::from_hours(2)));
    for (body, expected) in [
        ("{\"access_token\":\"a\",\"expires_in\":0}", 7200),
        ("{\"access_token\":\"a\",\"expires_in\":5}", 5),
    ] {
        assert_eq!(received(200, &[], body.as_bytes()).read(&fixed).unwrap().expires_in, Some(expected));
    }
}

#[test]
fn the_end_that_a_token_gives_itself_only_shortens_its_life() {
    let sent = SENT.parse::<DateTime<Utc>>().unwrap().timestamp();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = |exp: Value| format!("{}.{}.c2ln", part(json!({"alg": "ES256"})), part(json!({"exp": exp})));
    let fixed = token_request(|request| request.access_token_lifetime = Some(Duration::from_hours(2)));
    for (access, told, expected) in [
        (token(json!(sent + 600)), json!(3600), Some(600)),
        (token(json!(sent + 600)), json!(60), Some(60)),
        (token(json!(sent + 7200)), json!(3600), Some(3600)),
        (token(json!(sent - 1)), json!(3600), Some(3600)),
        (token(json!("soon")), json!(3600), Some(3600)),
        (token(json!(1e300)), json!(3600), Some(3600)),
        (format!("{}.x", token(json!(sent + 600))), json!(3600), Some(3600)),
        ("a.b.c".to_owned(), json!(3600), Some(3600)),
        (token(json!(sent + 600)), json!(null), None),
    ] {
        let body = json!({"access_token": access, "expires_in": told}).to_string();
        assert_eq!(good(&body).expires_in, expected, "{access} {told}");
        let known = received(200, &[], body.as_bytes()).read(&fixed).unwrap().expires_in;
        assert_eq!(known, expected.or(Some(600)), "{access} {told}");
    }
}

#[test]
fn the_life_of_a_refresh_token_is_read_where_an_answer_tells_it() {
    for (members, expected) in [
        ("\"refresh_token_expires_in\":15897600", Some(15_897_600)),
        ("\"refresh_token_expires_in\":\"15897600\"", Some(15_897_600)),
        ("\"refresh_expires_in\":1800", Some(1800)),
        ("\"x_refresh_token_expires_in\":8726400", Some(8_726_400)),
        ("\"refresh_expires_in\":0", None),
        ("\"refresh_expires_in\":-1", None),
        ("\"refresh_token_expires_in\":1e30", None),
        ("\"refresh_token_expires_in\":null,\"refresh_expires_in\":60", Some(60)),
        ("\"expires_in\":60", None),
    ] {
        assert_eq!(with(members).refresh_expires_in, expected, "{members}");
    }
}

#[test]
fn scopes_come_as_lists_or_with_any_separator() {
    for (separator, value, expected) in [
        (" ", "[\"a\",\"b\",7,\"\"]", vec!["a", "b"]),
        (" ", "\" a  b \"", vec!["a", "b"]),
        (" ", "\"a,b\"", vec!["a", "b"]),
        (" ", "\"a,b c\"", vec!["a,b", "c"]),
        (",", "\"a,b\"", vec!["a", "b"]),
        (",", "\"a, b\"", vec!["a", "b"]),
        ("+", "\"a+b\"", vec!["a", "b"]),
    ] {
        let request = token_request(|request| request.scope_separator = separator.to_owned());
        let body = format!("{{\"access_token\":\"at\",\"scope\":{value}}}");
        let answer = received(200, &[], body.as_bytes()).read(&request).unwrap();
        assert_eq!(answer.scopes.unwrap(), expected, "{separator:?} {value}");
    }
}

#[test]
fn members_are_found_by_their_paths() {
    let path = |text: &str| Path::parse(text).unwrap();
    let request = token_request(|request| {
        request.response.access_token = path("authed_user.access_token");
        request.response.refresh_token = path("data.0.rt");
        request.response.error = path("errors.0.errorType");
    });
    let body =
        b"{\"access_token\":\"bot\",\"authed_user\":{\"access_token\":\"user\"},\"data\":[{\"rt\":12345}]}";
    let answer = received(200, &[], body).read(&request).unwrap();
    assert_eq!(answer.access_token.expose_secret(), "user");
    assert_eq!(answer.refresh_token.unwrap().expose_secret(), "12345");
    let error =
        received(401, &[], b"{\"errors\":[{\"errorType\":\"invalid_grant\"}]}").read(&request).unwrap_err();
    assert_eq!((error.class, error.code.as_deref()), (FailClass::Refused, Some("invalid_grant")));
}

#[test]
fn every_answer_has_the_class_of_the_table() {
    use FailClass::{Ambiguous, Client, Other, Refused, Revoked, Throttled, Unreadable};
    let grant = "{\"error\":\"invalid_grant\"}";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (status, body, expected) in [
        (400, grant, Refused),
        (401, grant, Refused),
        (403, grant, Refused),
        (200, grant, Refused),
        (200, "error=invalid_grant", Refused),
        (404, grant, Other),
        (500, grant, Ambiguous),
        (502, grant, Ambiguous),
        (503, grant, Ambiguous),
        (408, grant, Ambiguous),
        (425, grant, Ambiguous),
        (429, grant, Throttled),
        (429, "", Throttled),
        (400, "{\"error\":\"bad_refresh_token\"}", Refused),
        (200, "{\"ok\":false,\"error\":\"token_revoked\"}", Revoked),
        (400, "{\"error\":\"busy\"}", Throttled),
        (400, "{\"error\":\"oops\"}", Ambiguous),
        (400, "{\"error\":\"bad_secret\"}", Client),
        (401, "{\"error\":\"invalid_client\"}", Client),
        (400, "{\"error\":\"unauthorized_client\"}", Client),
        (400, "{\"error\":\"unsupported_grant_type\"}", Client),
        (400, "{\"error\":\"invalid_scope\"}", Client),
        (400, "{\"error\":\"invalid_request\"}", Other),
        (400, "{\"error\":\"never_heard_of\"}", Other),
        (200, "{\"error\":\"never_heard_of\"}", Other),
        (200, "{\"error\":{\"code\":190}}", Other),
        (400, "", Other),
        (401, "<html>no</html>", Other),
        (302, "", Other),
        (200, "", Ambiguous),
        (204, "", Ambiguous),
        (200, "<html>maintenance</html>", Ambiguous),
        (200, "{\"access_token\":\"at", Ambiguous),
        (200, "{\"token\":\"elsewhere\"}", Unreadable),
        (200, "[]", Unreadable),
        (200, "token=elsewhere", Unreadable),
        (200, &deep, Unreadable),
        (200, "{\"access_token\":\"a\",\"access_token\":\"b\"}", Unreadable),
        (200, "{\"access_token\":\"a\",\"refresh_token\":\"b\",\"refresh_token\":\"c\"}", Unreadable),
        (200, "{\"access_token\":\"a b\"}", Unreadable),
        (200, "{\"access_token\":\"a\\r\\nX: y\"}", Unreadable),
        (200, "{\"access_token\":\"a\",\"refresh_token\":\"é\"}", Unreadable),
        (400, "{\"access_token\":\"at\"}", Other),
    ] {
        assert_eq!(class(status, &[], body), expected, "{status} {}", &body[..body.len().min(80)]);
    }
    let long = |length: usize| format!("{{\"access_token\":\"{}\"}}", "a".repeat(length));
    assert!(read(&long(MAX_TOKEN)).is_ok());
    assert_eq!(read(&long(MAX_TOKEN + 1)).unwrap_err().class, Unreadable);
    // Half an answer is worse than an odd one.
    assert_eq!(with("\"error\":\"partial\"").access_token.expose_secret(), "at");
}

#[test]
fn a_gzip_body_is_noise_and_never_inflated() {
    let answer = received(200, &[("content-encoding", "gzip")], &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    assert_eq!(answer.read(&token_request(|_| {})).unwrap_err().class, FailClass::Ambiguous);
}

#[test]
fn waiting_is_honoured_up_to_an_hour() {
    let wait = |value: &str| {
        let error = received(503, &[("retry-after", value)], b"").read(&token_request(|_| {})).unwrap_err();
        (error.class, error.retry_after.map(|wait| wait.as_secs()))
    };
    assert_eq!(wait("30"), (FailClass::Throttled, Some(30)));
    assert_eq!(wait("86400"), (FailClass::Throttled, Some(3600)));
    assert_eq!(wait("Tue, 01 Jan 2030 00:02:00 GMT"), (FailClass::Throttled, Some(120)));
    assert_eq!(wait("Mon, 31 Dec 2029 00:00:00 GMT"), (FailClass::Ambiguous, None));
    assert_eq!(wait("soon"), (FailClass::Ambiguous, None));
}

#[test]
fn errors_say_what_the_provider_said_but_nothing_secret() {
    let body = "{\"error\":\"Invalid Grant!\",\"error_description\":\"gone\\u0007 for good\"}";
    let error = received(400, &[], body.as_bytes()).read(&token_request(|_| {})).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("invalid_grant_"));
    assert_eq!(error.description.as_deref(), Some("gone for good"));
    assert_eq!(error.to_string(), "token request failed: other, status 400, code invalid_grant_");
    for body in [
        "{\"error\":\"rt-canary\",\"error_description\":\"token rt-canary is spent\"}",
        "{\"error\":\"invalid_grant\",\"error_description\":\"<b>rt-canary</b>\"}",
        "{\"refresh_token\":\"rt-canary\"}",
        "{\"access_token\":\"rt-canary \"}",
        "rt-canary",
    ] {
        for status in [200, 400, 500] {
            let error = received(status, &[], body.as_bytes()).read(&token_request(|_| {})).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{status} {body}: {error:?}");
        }
    }
}

#[test]
fn a_kept_body_is_read_like_a_fresh_one() {
    let kept = Zeroizing::new(b"{\"access_token\":\"at\",\"expires_at\":\"2030-01-01T00:01:00Z\"}".to_vec());
    let answer = Received::from_kept(kept, SENT.parse().unwrap()).read(&token_request(|_| {})).unwrap();
    assert_eq!(answer.expires_in, Some(60));
}
