//! What the hub does at a real server, told for each of them: a credential is connected, renewed again and again under
//! several callers, and revoked.

use std::collections::HashSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::http::TestResponse;
use crate::support::scale::count;
use crate::support::servers::AuthServer;

/// Longer than an access token of these servers lives.
pub(super) const LIFETIME: TimeDelta = TimeDelta::seconds(6);
/// Who asks at once.
const CALLERS: usize = 5;

/// How often a credential is renewed: at every commit, and in a night.
pub(super) fn turns() -> usize {
    count(50, 1_000)
}

fn access_token(answer: &TestResponse) -> String {
    answer.ok(200)["accessToken"].as_str().unwrap().to_owned()
}

/// Lets a token run out and several callers ask for it, `turns` times. Each gets the same new one, and it works.
pub(super) async fn renew(app: &TestApp, server: &impl AuthServer, credential: &str, turns: usize) {
    let account = app.shown(credential).await["account"]["id"].as_str().unwrap().to_owned();
    let told = app.events(credential).await;
    let mut seen = HashSet::new();
    for turn in 0..turns {
        app.clock.advance(LIFETIME);
        let answers = join_all((0..CALLERS).map(|_| app.read(credential))).await;
        let tokens: HashSet<String> = answers.iter().map(access_token).collect();
        let [token] = Vec::from_iter(tokens).try_into().expect("one token for all callers");
        assert_eq!(server.whose(&token).await.as_ref(), Ok(&account), "turn {turn}");
        assert!(seen.insert(token), "turn {turn}: a token that was there before");
    }
    assert_eq!(app.events(credential).await, told, "nobody was troubled");
}

/// Deletes a credential: the app is told, says yes, and takes its token no more.
pub(super) async fn end(app: &TestApp, server: &impl AuthServer, credential: &str) {
    app.clock.advance(LIFETIME);
    let token = access_token(&app.read(credential).await);
    let gone = app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(gone, json!({"success": true, "revokedUpstream": "revoked"}));
    assert!(server.whose(&token).await.is_err(), "the access token goes with its grant");
}
