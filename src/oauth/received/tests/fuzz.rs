//! Hostile answers: what is taken of them is within bounds, and what is told of the others is fit for a log.

use proptest::prelude::*;

use super::*;
use crate::fuzz::{CASES, mutation};

const JSON: [&str; 8] = [
    r#"{"access_token":"at","token_type":"Bearer","expires_in":3600,"refresh_token":"rt-new","scope":"a b"}"#,
    r#"{"access_token":"at","expires_in":"3600","scope":["a","b"],"expires_at":"2030-01-01T01:00:00Z","x":{"y":[1,{}]}}"#,
    r#"{"ok":true,"team":{"id":"T1"},"authed_user":{"access_token":"xoxp-1","scope":"a,b","refresh_token":"xoxe-1"}}"#,
    r#"{"error":"invalid_grant","error_description":"token rt-canary is spent"}"#,
    r#"{"error":"RT-CANARY","message":"rt-canary was revoked by its owner","error_code":7}"#,
    r#"{"error":{"message":"busy, says rt-canary","code":190},"access_token":null}"#,
    "\u{feff}{\"access_token\":\"at\",\"expires_at\":1893459600}",
    "<html><body>rt-canary</body></html>",
];

const FORMS: [&str; 5] = [
    "access_token=gho_1&expires_in=28800&refresh_token=ghr_1&scope=repo%2Cgist&token_type=bearer",
    "access_token=at&authed_user.access_token=xoxp-1&expires_at=1893459600000",
    "error=bad_verification_code&error_description=The+code+passed+is+incorrect",
    "error=rt-canary&error_description=rt%2Dcanary+is+spent",
    "access_token=&access%5Ftoken=b&x",
];

/// The request, as one of three definitions describes it.
fn described(shape: u8) -> TokenRequest {
    token_request(|request| match shape {
        0 => {}
        1 => {
            request.response.access_token = Path::parse("authed_user.access_token").unwrap();
            request.response.refresh_token = Path::parse("authed_user.refresh_token").unwrap();
            request.response.scope = Path::parse("authed_user.scope").unwrap();
            request.scope_separator = ",".to_owned();
        }
        _ => request.renewed_by_access_token = true,
    })
}

fn is_sound(answer: &TokenAnswer) -> bool {
    let visible = |text: &str| {
        (1..=16 * 1024).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
    };
    visible(answer.access_token.expose_secret())
        && answer.refresh_token.as_ref().is_none_or(|refresh| visible(refresh.expose_secret()))
        && visible(&answer.token_type)
        && answer.expires_in.is_none_or(|seconds| (1..=315_576_000).contains(&seconds))
        && answer.scopes.as_ref().is_none_or(|scopes| !scopes.iter().any(String::is_empty))
}

fn is_fit_for_a_log(error: &TokenError) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
    let coded = error.code.as_ref().is_none_or(|code| code.len() <= 64 && code.chars().all(plain));
    let worded = error.description.as_ref().is_none_or(|text| {
        text.chars().count() <= 300 && !text.contains(['<', '>']) && !text.contains(char::is_control)
    });
    coded && worded && !format!("{error} {error:?}").contains("rt-canary")
}

fn judge(status: u16, body: &[u8], shape: u8) -> Result<(), TestCaseError> {
    match received(status, &[], body).read(&described(shape)) {
        Ok(answer) => {
            prop_assert!((200..300).contains(&status) && is_sound(&answer), "{:?}", answer.raw.expose());
        }
        Err(error) => prop_assert!(is_fit_for_a_log(&error), "{:?}", error),
    }
    Ok(())
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![2 => Just(200_u16), 1 => Just(400_u16), 1 => 200..600_u16]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn s15_token_answer(change in mutation(), status in status(), shape in 0..3_u8) {
        judge(status, &change.of(&JSON), shape)?;
    }

    #[test]
    fn s15_form_answer(change in mutation(), status in status(), shape in 0..3_u8) {
        judge(status, &change.of(&FORMS), shape)?;
    }
}
