//! How often a browser may ask: as often as people do, by session, and by address where the token is wrong.

use futures_util::future::join_all;
use serde_json::{Value, json};
use vouchsafe::demo::fake::QUILLPOST;

use crate::support::app::TestApp;
use crate::support::http::{Persona, TestResponse};

/// Whoever holds `token`, at an address.
fn holder<'a>(app: &'a TestApp, token: &str, address: &str) -> Persona<'a> {
    app.anonymous().header("authorization", &format!("Bearer {token}")).header("x-forwarded-for", address)
}

/// Asks how the session stands, `times` at once.
async fn ask(someone: &Persona<'_>, times: usize) -> Vec<TestResponse> {
    join_all((0..times).map(|_| someone.get("/connect/state"))).await
}

/// Those that were told to wait; the others have another status.
#[track_caller]
fn told_to_wait(answers: &[TestResponse], otherwise: u16) -> usize {
    let (waiting, answered): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 429);
    for answer in &waiting {
        answer.assert_problem(429, "rate_limited");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert!(answered.iter().all(|answer| answer.status == otherwise));
    waiting.len()
}

/// Sends the same again and again; how many were taken before one was told to wait.
async fn taken(someone: &Persona<'_>, path: &str, body: &Value, most: usize) -> usize {
    for number in 0..most {
        let answer = someone.post(path, body).await;
        if answer.status != 200 {
            assert_eq!(told_to_wait(&[answer], 200), 1);
            return number;
        }
    }
    most
}

#[tokio::test]
async fn a_session_asks_as_often_as_people_do() {
    let Some(app) = TestApp::start().await else { return };
    let body = json!({"userId": "u-17", "connectors": [QUILLPOST]});
    let (one, other) = (app.modal(&body).await, app.modal(&body).await);
    let browser = holder(&app, &one.token, "203.0.113.7");
    let waiting = told_to_wait(&ask(&browser, 200).await, 200);
    assert!((1..=140).contains(&waiting), "{waiting}");
    assert_eq!(other.state().await["status"], "open", "another session is none the worse");
}

#[tokio::test]
async fn typed_keys_and_tickets_are_few() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let body = json!({"userId": "u-17", "connectors": ["fernhill", QUILLPOST]});
    let (one, other) = (app.modal(&body).await, app.modal(&body).await);
    let browser = holder(&app, &one.token, "203.0.113.7");
    let guess = json!({"connector": QUILLPOST, "method": "api_key", "data": {"key": "fake_live_guessed"}});
    let keys = taken(&browser, "/connect/credentials", &guess, 60).await;
    assert!((20..60).contains(&keys), "{keys}");
    let browser = holder(&app, &other.token, "203.0.113.7");
    let ticket = json!({"connector": "fernhill"});
    let tickets = taken(&browser, "/connect/tickets", &ticket, 120).await;
    assert!((40..120).contains(&tickets), "{tickets}");
}

#[tokio::test]
async fn wrong_tokens_are_counted_by_address() {
    let Some(app) = TestApp::start().await else { return };
    let modal = app.modal(&json!({"userId": "u-17", "connectors": [QUILLPOST]})).await;
    let wrong = format!("{}x", modal.token);
    for token in [wrong.as_str(), "guessed", "cs_01jz0000000000000000000000.guessed"] {
        let address = format!("203.0.113.{}", token.len());
        let waiting = told_to_wait(&ask(&holder(&app, token, &address), 200).await, 401);
        assert!((1..=180).contains(&waiting), "{token}: {waiting}");
        let right = holder(&app, &modal.token, &address).get("/connect/state").await;
        assert_eq!(right.status, 200, "what is right is not counted");
    }
}
