//! Each refresh kind with its counters, and revocation.

use chrono::TimeDelta;

use super::*;

#[tokio::test]
async fn static_keeps_the_token_for_ever() {
    let rig = Rig::new(RefreshKind::Static).await;
    let first = rig.connected().await;
    let token = text(&first, "refresh_token");
    for _ in 0..3 {
        let (status, body) = json(rig.spend(token)).await;
        assert_eq!((status, &body["refresh_token"]), (200, &Value::Null));
        assert_eq!(rig.me(text(&body, "access_token")).await, 200);
    }
    let grant = rig.fake.grant(1).unwrap();
    assert_eq!((grant.version, grant.at(1).requests, grant.at(1).accepted, grant.at(1).reuse), (1, 3, 3, 0));
}

#[tokio::test]
async fn strict_rotates_and_ends_the_grant_on_reuse() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let first = rig.connected().await;
    let token = text(&first, "refresh_token");
    let (_, second) = json(rig.spend(token)).await;
    let next = text(&second, "refresh_token");
    assert_ne!(token, next);
    assert_eq!(rig.fake.identify(next), Some((1, 2)));
    assert_eq!(rig.me(text(&second, "access_token")).await, 200);

    let (status, body) = json(rig.spend(token)).await;
    assert_eq!((status, text(&body, "error")), (400, "invalid_grant"));
    assert_eq!(rig.me(text(&second, "access_token")).await, 401);
    assert_eq!(json(rig.spend(next)).await.0, 400, "the successor died with the grant");
    let grant = rig.fake.grant(1).unwrap();
    assert_eq!((grant.alive, grant.end), (false, Some(GrantEnd::Reuse)));
    let spent = grant.at(1);
    assert_eq!((spent.requests, spent.accepted, spent.refused, spent.reuse), (2, 1, 1, 1));
    assert!(spent.ended_grant && spent.spent_at.is_some());
    let seen = grant.at(2);
    assert_eq!((seen.requests, seen.refused, seen.reuse, seen.ended_grant), (1, 1, 0, false));
}

#[tokio::test]
async fn reject_refuses_the_spent_token_and_keeps_the_grant() {
    let rig = Rig::new(RefreshKind::Reject).await;
    let first = rig.connected().await;
    let (_, second) = json(rig.spend(text(&first, "refresh_token"))).await;
    assert_eq!(json(rig.spend(text(&first, "refresh_token"))).await.0, 400);
    assert_eq!(json(rig.spend(text(&second, "refresh_token"))).await.0, 200);
    let grant = rig.fake.grant(1).unwrap();
    assert_eq!((grant.alive, grant.version, grant.at(1).reuse), (true, 3, 1));
}

#[tokio::test]
async fn grace_repeats_the_successor_inside_the_window_only() {
    let rig = Rig::new(RefreshKind::Grace(10)).await;
    let first = rig.connected().await;
    let token = text(&first, "refresh_token");
    let (_, second) = json(rig.spend(token)).await;
    rig.clock.advance(TimeDelta::seconds(10));
    let (status, again) = json(rig.spend(token)).await;
    assert_eq!((status, &again["refresh_token"]), (200, &second["refresh_token"]));
    rig.clock.advance(TimeDelta::microseconds(1));
    assert_eq!(json(rig.spend(token)).await.0, 400);
    let grant = rig.fake.grant(1).unwrap();
    assert_eq!((grant.alive, grant.version), (true, 2));
    assert_eq!((grant.at(1).accepted, grant.at(1).refused, grant.at(1).reuse), (2, 1, 2));
    assert_eq!(json(rig.spend(text(&second, "refresh_token"))).await.0, 200);
}

#[tokio::test]
async fn a_client_may_have_a_kind_of_its_own_and_no_other_clients_token() {
    let rig = Rig::new(RefreshKind::Strict).await;
    rig.fake.register(Client::new("other", "secret").kind(RefreshKind::Static));
    let grant = rig.fake.issue_grant("other", "kim@acme.test", &["profile"]);
    assert_eq!(rig.fake.grant(grant.id).unwrap().kind, RefreshKind::Static);
    let token = grant.refresh_token.unwrap();
    let stolen = rig.spend(secrecy::ExposeSecret::expose_secret(&token));
    assert_eq!(text(&json(stolen).await.1, "error"), "invalid_grant");
    assert!(rig.fake.grant(grant.id).unwrap().alive);
}

#[tokio::test]
async fn fewer_scopes_may_be_asked_for_but_not_more() {
    let rig = Rig::new(RefreshKind::Static).await;
    let first = rig.connected().await;
    let ask = |scope: &'static str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token"))];
        rig.token(&[form[0], form[1], ("scope", scope)])
    };
    assert_eq!(text(&json(ask("profile")).await.1, "scope"), "profile");
    assert_eq!(text(&json(ask("profile items:write")).await.1, "error"), "invalid_scope");
}

#[tokio::test]
async fn revocation_ends_what_the_settings_say() {
    for (scope, by_refresh, ended) in [
        (RevokeScope::Token, false, 0),
        (RevokeScope::Token, true, 1),
        (RevokeScope::Grant, false, 1),
        (RevokeScope::Account, false, 2),
    ] {
        let rig = Rig::new(RefreshKind::Strict).await;
        rig.fake.configure(|settings| settings.revoke_scope = scope);
        let (first, _second) = (rig.connected().await, rig.connected().await);
        let token = text(&first, if by_refresh { "refresh_token" } else { "access_token" });
        let form = [("token", token), ("client_id", DEMO_CLIENT_ID), ("client_secret", DEMO_CLIENT_SECRET)];
        let revoke = || rig.http.post(rig.url("/oauth/revoke")).form(&form).send();
        assert_eq!(revoke().await.unwrap().status(), 200);
        assert_eq!(revoke().await.unwrap().status(), 200, "again is no error");
        assert_eq!(rig.me(text(&first, "access_token")).await, 401);
        let alive = rig.fake.grants().iter().filter(|grant| grant.alive).count();
        assert_eq!((alive, rig.fake.counters().grants_revoked), (2 - ended, ended as u64), "{scope:?}");
        assert_eq!(rig.fake.counters().revocations, 2);
    }
}

#[tokio::test]
async fn a_stranger_can_not_revoke_and_the_user_can_withdraw() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let first = rig.connected().await;
    let form =
        [("token", text(&first, "refresh_token")), ("client_id", DEMO_CLIENT_ID), ("client_secret", "x")];
    let revoke = rig.http.post(rig.url("/oauth/revoke")).form(&form);
    assert_eq!(json(revoke).await.0, 401);
    assert!(rig.fake.grants()[0].alive);
    assert!(rig.fake.withdraw(1) && !rig.fake.withdraw(1));
    assert_eq!(text(&json(rig.spend(text(&first, "refresh_token"))).await.1, "error"), "invalid_grant");
    assert_eq!(rig.fake.grants()[0].end, Some(GrantEnd::Withdrawn));
}

#[test]
fn a_refresh_kind_reads_and_writes_itself() {
    for text in ["static", "grace:10", "reject", "strict"] {
        assert_eq!(text.parse::<RefreshKind>().unwrap().to_string(), text);
    }
    for text in ["", "grace", "grace:", "grace:-1", "Strict"] {
        assert!(text.parse::<RefreshKind>().is_err(), "{text}");
    }
}
