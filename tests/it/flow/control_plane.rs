//! R6: somebody ends, reconnects or switches off a credential while its token is being renewed. Nothing comes back to
//! life, no new grant is overwritten, and what was declared dead is dead at the provider.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, Fault, GrantEnd, KeyState, Plan, RevokeScope, VALID_KEY};

use crate::support::app::TestApp;
use crate::support::wait::eventually;

/// Long enough for anything that happens meanwhile.
const SLOW: u64 = 600;

/// What is done while a refresh is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Delete,
    DeleteUser,
    DeleteConnector,
    Revoke,
    Reconnect,
    Deactivate,
}

impl TestApp {
    async fn carry_out(&self, deed: Deed, credential: &str) {
        let path = format!("/credentials/{credential}");
        let key = self.as_key();
        match deed {
            Deed::Delete => assert_eq!(key.delete(&path).await.ok(200)["revokedUpstream"], "revoked"),
            Deed::DeleteUser => assert_eq!(key.delete("/users/u-17").await.ok(200)["success"], true),
            Deed::DeleteConnector => {
                assert_eq!(key.delete("/connectors/fernhill?force=true").await.ok(200)["success"], true);
            }
            Deed::Revoke => {
                let ended = key.act(&format!("{path}/revoke")).await.ok(200);
                assert_eq!(ended["revokedUpstream"], "revoked");
            }
            Deed::Reconnect => {
                let modal = self.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
                modal.popup("fernhill").await.allow(self, "jo@acme.test").await;
                assert_eq!(modal.result("fernhill").await["credentialId"], credential);
            }
            Deed::Deactivate => {
                assert_eq!(key.patch(&path, &json!({"active": false})).await.ok(200)["status"], "inactive");
            }
        }
    }

    async fn assert_after(&self, deed: Deed, credential: &str, scope: RevokeScope) {
        let token = format!("/credentials/{credential}/token");
        let ends: Vec<_> = self.fake.grants().iter().map(|grant| grant.end).collect();
        let left =
            self.rows("SELECT credential_id FROM credential_token WHERE sealed IS NOT NULL").await.len();
        let revoked = Some(GrantEnd::Revoked);
        match deed {
            Deed::Delete | Deed::DeleteUser | Deed::DeleteConnector => {
                self.as_key().get(&token).await.assert_problem(404, "not_found");
                assert_eq!((ends, left), (vec![revoked], 0));
            }
            Deed::Revoke => {
                self.as_key().get(&token).await.assert_problem(409, "credential_revoked");
                assert_eq!((ends, left), (vec![revoked], 0));
                let told = self.events(credential).await;
                assert_eq!(told, ["credential.created", "credential.revoked"]);
            }
            Deed::Reconnect => {
                // Where a revocation would end the whole grant, the old one is left alone.
                let old = if scope == RevokeScope::Token { revoked } else { None };
                assert_eq!((ends, left), (vec![old, None], 1));
                let access = self.token(credential).await["accessToken"].as_str().unwrap().to_owned();
                assert_eq!(self.fake.identify(&access).map(|(grant, _)| grant), Some(2), "the new grant's");
                assert_eq!(self.shown(credential).await["status"], "active");
            }
            Deed::Deactivate => {
                self.as_key().get(&token).await.assert_problem(409, "credential_inactive");
                assert_eq!((ends, left), (vec![None], 1));
                let path = format!("/credentials/{credential}");
                self.as_key().patch(&path, &json!({"active": true})).await.ok(200);
                let access = self.token(credential).await["accessToken"].as_str().unwrap().to_owned();
                assert_eq!(self.fake.identify(&access), Some((1, 2)), "the token that came meanwhile");
            }
        }
    }
}

/// Before the provider has processed the request; afterwards; and where a token alone dies, so that the late one must.
async fn while_it_is_renewed(deed: Deed) {
    let modes = [
        (RevokeScope::Grant, Fault::delay_before(SLOW)),
        (RevokeScope::Grant, Fault::delay_after(SLOW)),
        (RevokeScope::Token, Fault::delay_after(SLOW)),
    ];
    for (scope, fault) in modes {
        let Some(app) = TestApp::start().await else { return };
        app.fake.configure(|settings| settings.revoke_scope = scope);
        app.redefine(|text| text);
        app.put_fernhill().await;
        let credential = app.connect("u-17").await;
        app.clock.advance(TimeDelta::hours(2));
        app.fake.program(Plan::next(Endpoint::Refresh, fault.clone()));
        let token = format!("/credentials/{credential}/token");
        let reader = app.as_key();
        let (read, ()) = tokio::join!(reader.get(&token), async {
            eventually("a request on its way", async || match app.fake.counters().token_in_flight {
                0 => Err("none"),
                _ => Ok(()),
            })
            .await;
            app.carry_out(deed, &credential).await;
            assert_eq!(app.fake.counters().refreshes, 1, "nobody asks twice");
        });
        assert!(read.status < 500 || read.status == 503, "{deed:?}: {read:?}");
        eventually("the end of the request", async || match app.fake.counters().token_in_flight {
            0 => Ok(()),
            more => Err(more),
        })
        .await;
        eventually("the end as declared", async || {
            app.hub.work_off_revocations().await.unwrap();
            let ends = app.fake.grants().into_iter().filter(|grant| grant.end.is_some()).count();
            let awaited = usize::from(match deed {
                Deed::Delete | Deed::DeleteUser | Deed::DeleteConnector | Deed::Revoke => true,
                Deed::Reconnect => scope == RevokeScope::Token,
                Deed::Deactivate => false,
            });
            if ends == awaited { Ok(()) } else { Err((deed, app.fake.grants())) }
        })
        .await;
        app.assert_after(deed, &credential, scope).await;
        Box::pin(app.hub.sweep()).await.unwrap();
        assert_eq!(app.rows("SELECT id FROM revocation_job").await.len(), 0, "{deed:?}: all was told");
        assert_eq!(app.rows("SELECT id FROM orphan_token").await.len(), 0, "{deed:?}");
    }
}

#[tokio::test]
async fn r6_deleted_while_it_is_renewed() {
    while_it_is_renewed(Deed::Delete).await;
}

#[tokio::test]
async fn r6_deleted_with_its_user_while_it_is_renewed() {
    while_it_is_renewed(Deed::DeleteUser).await;
}

#[tokio::test]
async fn r6_deleted_with_its_connector_while_it_is_renewed() {
    while_it_is_renewed(Deed::DeleteConnector).await;
}

#[tokio::test]
async fn r6_revoked_while_it_is_renewed() {
    while_it_is_renewed(Deed::Revoke).await;
}

#[tokio::test]
async fn r6_reconnected_while_it_is_renewed() {
    while_it_is_renewed(Deed::Reconnect).await;
}

#[tokio::test]
async fn r6_switched_off_while_it_is_renewed() {
    while_it_is_renewed(Deed::Deactivate).await;
}

#[tokio::test]
async fn a_late_answer_about_an_old_key_says_nothing_of_the_new_one() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let credential = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let path = format!("/credentials/{credential}");
    app.fake.set_key(VALID_KEY, KeyState::Revoked);
    for _ in 0..2 {
        let calls = app.fake.counters().api_calls;
        app.fake.program(Plan::next(Endpoint::Api, Fault::delay_after(SLOW)));
        let (key, verify) = (app.as_key(), format!("{path}/verify"));
        let (found, ()) = tokio::join!(key.act(&verify), async {
            eventually("a check on its way", async || match app.fake.counters().api_calls - calls {
                0 => Err("none"),
                _ => Ok(()),
            })
            .await;
            let value = json!({"data": {"key": "fake_live_0123456789abcdef"}});
            app.as_key().patch(&path, &value).await.ok(200);
        });
        found.ok(200);
        let shown = app.shown(&credential).await;
        assert_eq!((&shown["status"], &shown["statusReason"]), (&json!("active"), &json!(null)));
        app.clock.advance(TimeDelta::minutes(2));
    }
}
