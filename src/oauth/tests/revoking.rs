//! Revocation: what is sent, and what an answer proves.

use super::*;
use crate::oauth::revoke::{Revocable, Revocation, revoke};

const KEYS: &str = "revocation_endpoint = \"$S/revoke\"\nerror_map = { token_revoked = \"revoked\" }\n\
                    rename = { client_id = \"client_key\" }";

async fn revoked(keys: &str, answer: ResponseTemplate, token: Revocable) -> (Revocation, Vec<Request>) {
    let server = server(answer).await;
    let definition = oauth2(&server.uri(), keys);
    let outcome = revoke(&egress(), &definition, &Values::new(), &client(), &token, now()).await;
    (outcome, server.received_requests().await.unwrap())
}

#[tokio::test]
async fn the_request_is_that_of_the_rfc() {
    for (token, expected) in [
        (Revocable::RefreshToken("rt-canary".into()), "token=rt-canary&token_type_hint=refresh_token"),
        (Revocable::AccessToken("at-canary".into()), "token=at-canary&token_type_hint=access_token"),
    ] {
        let (outcome, requests) = revoked(KEYS, ResponseTemplate::new(200), token).await;
        assert_eq!(outcome, Revocation::Revoked);
        assert_eq!(requests[0].url.path(), "/revoke");
        let secret = "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw";
        assert_eq!(body(&requests[0]), format!("{expected}&{secret}"));
    }
}

#[tokio::test]
async fn an_answer_proves_what_it_says() {
    let text = |status: u16, body: &str| ResponseTemplate::new(status).set_body_string(body);
    for (answer, expected) in [
        (text(200, ""), "revoked"),
        (text(204, ""), "revoked"),
        (text(200, "<html>bye</html>"), "revoked"),
        (text(200, "{\"ok\":true}"), "revoked"),
        (text(400, "{\"error\":\"invalid_token\"}"), "revoked"),
        (text(200, "{\"ok\":false,\"error\":\"token_revoked\"}"), "revoked"),
        (text(200, "{\"ok\":false,\"error\":\"not_authed\"}"), "failed"),
        (text(200, "{\"error\":{\"code\":1}}"), "failed"),
        (text(400, "{\"error\":\"unsupported_token_type\"}"), "unsupported"),
        (text(400, "{\"error\":\"invalid_grant\"}"), "failed"),
        (text(401, "{\"error\":\"invalid_client\"}"), "failed"),
        (text(500, "{\"error\":\"invalid_token\"}"), "failed"),
        (text(503, ""), "failed"),
        (text(302, ""), "failed"),
        (text(404, ""), "failed"),
    ] {
        let shown = format!("{answer:?}");
        let (outcome, _) = revoked(KEYS, answer, Revocable::RefreshToken("rt-canary".into())).await;
        let word = match &outcome {
            Revocation::Revoked => "revoked",
            Revocation::Unsupported => "unsupported",
            Revocation::Failed(_) => "failed",
        };
        assert_eq!(word, expected, "{shown} {outcome:?}");
        assert!(!format!("{outcome:?}").contains("canary"));
    }
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_sent() {
    let (outcome, requests) =
        revoked("", ResponseTemplate::new(200), Revocable::AccessToken("at".into())).await;
    assert_eq!(outcome, Revocation::Unsupported);
    assert!(requests.is_empty());
}
