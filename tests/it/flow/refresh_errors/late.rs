//! Answers that come after somebody acted: nothing that ended comes back, and no newer grant is overwritten.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::{GrantEnd, RefreshKind, RevokeScope};

use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::standing;

/// A credential whose renewal the app has carried out and not yet answered.
async fn held(kind: RefreshKind, revoke_scope: RevokeScope) -> Option<(TestApp, String)> {
    let mut setup = Setup::of(kind);
    setup.settings.revoke_scope = revoke_scope;
    let (app, credential) = TestApp::connected(setup).await?;
    app.hold_renewal().await;
    Some((app, credential))
}

async fn let_go(app: &TestApp) {
    app.fake.release();
    app.settle().await;
    app.hub.work_off_revocations().await.unwrap();
}

#[tokio::test]
async fn a_deleted_credential_stays_deleted_and_the_late_tokens_die() {
    let Some((app, credential)) = held(RefreshKind::Strict, RevokeScope::Token).await else { return };
    let path = format!("/credentials/{credential}");
    app.as_key().delete(&path).await.ok(200);
    assert!(app.fake.grants()[0].alive, "the token that was given back is no longer the current one");
    let_go(&app).await;
    assert_eq!(app.fake.grants()[0].end, Some(GrantEnd::Revoked));
    app.as_key().get(&path).await.assert_problem(404, "not_found");
    app.read(&credential).await.assert_problem(404, "not_found");
    assert_eq!(app.events(&credential).await, ["credential.created", "credential.deleted"]);
    app.rounds(3, TimeDelta::days(1)).await;
    assert_eq!(app.refreshes(), 1);
}

#[tokio::test]
async fn a_revoked_credential_stays_revoked_and_the_late_tokens_die() {
    for scope in [RevokeScope::Token, RevokeScope::Grant] {
        let Some((app, credential)) = held(RefreshKind::Strict, scope).await else { return };
        app.as_key().act(&format!("/credentials/{credential}/revoke")).await.ok(200);
        let_go(&app).await;
        assert_eq!(app.fake.grants()[0].end, Some(GrantEnd::Revoked));
        assert_eq!(app.standing(&credential).await, standing("revoked", "revoked_by_request", "reconnect"));
        app.read(&credential).await.assert_problem(409, "credential_revoked");
        assert_eq!(app.events(&credential).await, ["credential.created", "credential.revoked"]);
    }
}

#[tokio::test]
async fn a_late_answer_does_not_overwrite_the_grant_of_a_reconnect() {
    for scope in [RevokeScope::Token, RevokeScope::Grant] {
        let Some((app, credential)) = held(RefreshKind::Strict, scope).await else { return };
        app.reconnect(&credential).await;
        let_go(&app).await;
        let served = app.token(&credential).await["accessToken"].as_str().unwrap().to_owned();
        assert_eq!(app.fake.identify(&served), Some((2, 1)), "{scope:?}");
        assert!(app.fake.grants()[1].alive, "{scope:?}");
        if scope == RevokeScope::Token {
            assert_eq!(app.fake.grants()[0].end, Some(GrantEnd::Revoked), "nobody wants the old one");
        }
        app.clock.advance(TimeDelta::hours(2));
        let served = app.token(&credential).await["accessToken"].as_str().unwrap().to_owned();
        assert_eq!(app.fake.identify(&served), Some((2, 2)), "{scope:?}");
    }
}

#[tokio::test]
async fn a_switched_off_credential_takes_the_late_answer_and_stays_off() {
    let Some((app, credential)) = held(RefreshKind::Strict, RevokeScope::Grant).await else { return };
    app.change(&credential, json!({"active": false})).await;
    let_go(&app).await;
    assert_eq!(app.standing(&credential).await, standing("inactive", "deactivated", "reactivate"));
    app.read(&credential).await.assert_problem(409, "credential_inactive");
    app.change(&credential, json!({"active": true})).await;
    let served = app.token(&credential).await["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(app.fake.identify(&served), Some((1, 2)));
    assert_eq!(app.refreshes(), 1);
}

#[tokio::test]
async fn a_renamed_credential_keeps_its_new_name_and_its_new_tokens() {
    let Some((app, credential)) = held(RefreshKind::Strict, RevokeScope::Grant).await else { return };
    app.change(&credential, json!({"name": "Acme, the second", "metadata": {"row": 7}})).await;
    let_go(&app).await;
    let shown = app.shown(&credential).await;
    assert_eq!((&shown["name"], &shown["metadata"]), (&json!("Acme, the second"), &json!({"row": 7})));
    assert!(shown["lastRefreshedAt"].is_string());
}
