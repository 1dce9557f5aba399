//! The overview: what needs attention, and what happened.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, FERNHILL, Fault, Plan, RefreshKind};
use vouchsafe::domain::data_key::{KeyOwner, RecordKeys};
use vouchsafe::service::data_key::Occasion;
use vouchsafe::store;

use crate::support::app::{Setup, TestApp};
use crate::support::browser::Browser;
use crate::support::receiver::{Receiver, Reply};
use crate::support::refreshing::standing;

#[tokio::test]
async fn what_happened_is_counted_by_day_in_its_environment() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let new = owner.get("/dashboard/production/overview").await;
    new.page(200, "Begin here");
    new.page(200, "/dashboard/production/catalogue\"");
    new.page(200, "Nothing in the last 30 days");
    assert!(!new.html.contains("Nothing needs attention"), "{}", new.html);
    for user in ["u-1", "u-2", "u-3"] {
        app.user(user).await;
    }
    app.credential("u-1").await;
    app.credential("u-2").await;
    let id = app.credential("u-3").await["credentialId"].as_str().unwrap().to_owned();
    app.as_key().get(&format!("/credentials/{id}/token")).await.ok(200);
    app.calling(&id).header("Vouchsafe-Host", "evil.test").get("/proxy/me").await;
    app.hub.flush_audit().await.unwrap();
    app.hub.seal_audit().await.unwrap();
    let shown = owner.get("/dashboard/production/overview").await;
    shown.page(200, "Connections in the last 30 days: 3 connected.");
    shown.page(200, "Calls in the last 30 days: 1 answered, 1 failed.");
    shown.page(200, "Nothing needs attention");
    assert!(!shown.html.contains("Begin here"));
    let other = owner.get("/dashboard/sandbox/overview").await;
    other.page(200, "Connections in the last 30 days: 0 connected.");
    other.page(200, "is in <a href=\"/dashboard/production/overview\">production</a>");
    app.clock.advance(TimeDelta::days(30));
    owner.sign_in().await.leads_to("/dashboard");
    owner
        .get("/dashboard/production/overview")
        .await
        .page(200, "Connections in the last 30 days: 0 connected.");
    app.clock.advance(TimeDelta::days(400));
    app.hub.purge().await.unwrap();
    assert!(app.rows("SELECT 1 FROM activity WHERE kind = 'connection'").await.is_empty());
}

#[tokio::test]
async fn refreshes_that_came_off_and_that_failed_are_counted() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Strict)).await else { return };
    app.put_fernhill().await;
    let owner = app.as_owner().await;
    let id = app.connect("u-17").await;
    app.clock.advance(TimeDelta::minutes(2));
    app.as_key().act(&format!("/credentials/{id}/refresh")).await.ok(200);
    app.hub.flush_audit().await.unwrap();
    app.hub.seal_audit().await.unwrap();
    let counted = "Refreshes in the last 30 days: 1 refreshed, ";
    owner.get("/dashboard/production/overview").await.page(200, &format!("{counted}0 failed."));
    let refused = Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant");
    app.fake.program(Plan::next(Endpoint::Refresh, refused).always());
    app.clock.advance(TimeDelta::hours(2));
    app.rounds(4, TimeDelta::minutes(1)).await;
    app.hub.flush_audit().await.unwrap();
    app.hub.seal_audit().await.unwrap();
    owner.sign_in().await.leads_to("/dashboard");
    let failed = owner.get("/dashboard/production/overview").await.between(counted, " failed.");
    assert_ne!(failed, "0");
}

#[tokio::test]
async fn what_ends_needs_attention_before_and_after() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.user("u-1").await;
    let id = app.credential("u-1").await["credentialId"].as_str().unwrap().to_owned();
    let end = json!({"expiresAt": "2030-01-05T00:00:00Z"});
    app.as_key().patch(&format!("/credentials/{id}"), &end).await.ok(200);
    let secret = json!({"key": "K", "value": "v", "type": "api_key", "visibility": "masked",
        "allowedHosts": ["a.test"], "expiresAt": "2030-01-04T00:00:00Z"});
    app.as_key().post("/secrets", &secret).await.ok(201);
    let shown = owner.get("/dashboard/production/overview").await;
    shown.page(200, "of u-1 ends soon");
    shown.page(200, "/secret/K\">The secret K ends soon</a>");
    app.clock.advance(TimeDelta::days(5));
    owner.sign_in().await.leads_to("/dashboard");
    let shown = owner.get("/dashboard/production/overview").await;
    shown.page(200, "of u-1 must be connected again");
    shown.page(200, "The secret K has ended");
    let elsewhere = owner.get("/dashboard/sandbox/overview").await;
    elsewhere.page(200, "Begin here");
    assert!(!elsewhere.html.contains("Needs attention"), "{}", elsewhere.html);
}

#[tokio::test]
async fn an_end_that_is_moved_on_needs_attention_only_when_nothing_moves_it() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Strict)).await else { return };
    app.redefine(|text| text.replace("\nreuse = ", "\nidle_expiry = 345600\nreuse = "));
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.rounds(1, TimeDelta::hours(1)).await;
    let end = app.shown(&credential).await["expiresAt"].clone();
    assert_eq!(end, "2030-01-05T01:00:00.000Z");
    let owner = app.as_owner().await;
    let shown = owner.get("/dashboard/production/overview").await;
    assert!(!shown.html.contains("ends soon"), "{}", shown.html);
    app.clock.advance(TimeDelta::days(2));
    owner.sign_in().await.leads_to("/dashboard");
    owner.get("/dashboard/production/overview").await.page(200, "of u-17 ends soon");
}

const PAGE: &str = "/dashboard/production/overview";
const WELL: &str = "Nothing needs attention: what is switched on works";

#[tokio::test]
async fn what_an_endpoint_or_the_app_refuses_needs_attention() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition = "\n[oauth2.error_map]\ntoken_revoked = \"revoked\"\n".to_owned();
    let Some(app) = TestApp::start_set_up(setup).await else { return };
    app.put_fernhill().await;
    let owner = app.as_owner().await;
    let receiver = Receiver::start().await;
    receiver.usually(Reply::status(500));
    app.endpoint(&receiver).await;
    let credential = app.connect("u-17").await;
    owner.get(PAGE).await.page(200, WELL);
    app.deliver().await;
    let shown = owner.get(PAGE).await;
    shown.page(200, "takes nothing at present</a>");
    assert!(!shown.html.contains(WELL), "{}", shown.html);
    receiver.usually(Reply::status(200));
    app.pass(10);
    app.deliver().await;
    owner.get(PAGE).await.page(200, WELL);
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    viewer.get(PAGE).await.page(200, "Nothing that you may see needs attention.");

    let revoked = Fault::oauth_error(StatusCode::BAD_REQUEST, "token_revoked");
    app.fake.program(Plan::next(Endpoint::Refresh, revoked).always());
    app.clock.advance(TimeDelta::hours(2));
    app.rounds(4, TimeDelta::minutes(1)).await;
    assert_eq!(app.standing(&credential).await, standing("revoked", "revoked_upstream", "reconnect"));
    owner.sign_in().await.leads_to("/dashboard");
    let shown = owner.get(PAGE).await;
    shown.page(200, "of u-17 was revoked at the app</a>");
    assert!(!shown.html.contains(WELL), "{}", shown.html);
    // What was ended here somebody wanted so.
    app.fake.clear_faults();
    app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    let ended = app.connect("u-18").await;
    app.as_key().act(&format!("/credentials/{ended}/revoke")).await.ok(200);
    owner.get(PAGE).await.page(200, WELL);
}

#[tokio::test]
async fn a_refused_client_is_told_as_such_and_the_worst_stands_first() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Strict)).await else { return };
    app.put_fernhill().await;
    let owner = app.as_owner().await;
    app.connect("u-17").await;
    app.as_key().put("/connectors/other", &json!({"provider": FERNHILL})).await.ok(201);
    let secret = json!({"key": "K", "value": "v", "type": "api_key", "visibility": "masked",
        "allowedHosts": ["a.test"], "expiresAt": "2030-01-01T01:00:00Z"});
    app.as_key().post("/secrets", &secret).await.ok(201);
    let refused = Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
    app.fake.program(Plan::next(Endpoint::Refresh, refused).always());
    app.clock.advance(TimeDelta::hours(2));
    app.round().await;
    owner.sign_in().await.leads_to("/dashboard");
    let shown = owner.get(PAGE).await;
    shown.page(200, "/connectors/fernhill\">Fernhill refuses the connector’s client</a>");
    shown.page(200, "The app refuses the connector’s client ID or secret. Put them right there.");
    shown.page(200, "(other) is not set up</a>");
    shown.page(200, "The secret K has ended</a>");
    assert!(!shown.html.contains("keeps trying"), "{}", shown.html);
    let levels = shown.html.split("class=\"line attention-").skip(1);
    let levels: Vec<_> = levels.map(|line| line.split('"').next().unwrap()).collect();
    assert_eq!(levels, ["danger", "danger", "danger", "warning"]);
}

#[tokio::test]
async fn secrets_that_ended_hide_none_that_soon_will() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let secret = |key: &str, end: &str| {
        json!({"key": key, "value": "v", "type": "api_key", "visibility": "masked",
            "allowedHosts": ["a.test"], "expiresAt": end})
    };
    for number in 1..=6 {
        let end = format!("2030-01-0{number}T12:00:00Z");
        app.as_key().post("/secrets", &secret(&format!("ENDED_{number}"), &end)).await.ok(201);
    }
    app.as_key().post("/secrets", &secret("SOON", "2030-01-12T00:00:00Z")).await.ok(201);
    app.as_key().post("/secrets", &secret("LATER", "2030-02-12T00:00:00Z")).await.ok(201);
    app.as_key().post("/secrets", &secret("REVOKED", "2030-01-11T00:00:00Z")).await.ok(201);
    app.as_key().act("/secrets/REVOKED/revoke").await.ok(200);
    app.clock.advance(TimeDelta::days(7));
    owner.sign_in().await.leads_to("/dashboard");
    let shown = owner.get("/dashboard/production/overview").await;
    shown.page(200, "The secret SOON ends soon");
    for number in 2..=6 {
        shown.page(200, &format!("The secret ENDED_{number} has ended"));
    }
    for absent in ["ENDED_1", "LATER", "REVOKED", "More secrets end soon"] {
        assert!(!shown.html.contains(absent), "{absent}");
    }
    let list = shown.between("<a href=\"/dashboard/production/secrets?", "\">More secrets have ended");
    let all = owner.get(&format!("/dashboard/production/secrets?{list}")).await;
    for number in 1..=6 {
        all.page(200, &format!("ENDED_{number}"));
    }
    assert!(!all.html.contains("SOON") && !all.html.contains("LATER"), "{}", all.html);
}

#[tokio::test]
async fn more_than_a_few_of_a_kind_are_a_click_away() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let end = json!({"expiresAt": "2030-01-05T00:00:00Z"});
    for number in 1..=6 {
        let user = format!("u-{number}");
        app.user(&user).await;
        let id = app.credential(&user).await["credentialId"].as_str().unwrap().to_owned();
        app.as_key().patch(&format!("/credentials/{id}"), &end).await.ok(200);
        let shown = owner.get("/dashboard/production/overview").await;
        assert_eq!(shown.html.matches(" ends soon<").count(), number.min(5), "{}", shown.html);
        assert_eq!(shown.html.contains("More credentials end soon"), number > 5, "{}", shown.html);
    }
    for (days, more) in [(0, "More credentials end soon"), (5, "More credentials must be connected again")] {
        app.clock.advance(TimeDelta::days(days));
        owner.sign_in().await.leads_to("/dashboard");
        let shown = owner.get("/dashboard/production/overview").await;
        let list = shown.between("<a href=\"/dashboard/production/credentials?", &format!("\">{more}</a>"));
        let all = owner.get(&format!("/dashboard/production/credentials?{list}")).await;
        for number in 1..=6 {
            all.page(200, &format!("u-{number}"));
        }
    }
}

#[tokio::test]
async fn a_data_key_that_was_replaced_is_named_until_nothing_is_sealed_under_it() {
    let Some(app) = TestApp::start().await else { return };
    // A hub that began just now replaces no worn key.
    app.clock.advance(TimeDelta::hours(1));
    let owner = app.as_owner().await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    app.user("u").await;
    app.credential("u").await;
    let said = "Values are being sealed under a new data key";
    let is_said = async |browser: &Browser<'_>| {
        browser.get("/dashboard/production/overview").await.page(200, "Overview").contains(said)
    };
    let is_said_while_it_goes_on = async || {
        assert!(!is_said(&owner).await, "the new one seals nothing yet");
        for left in [true, false] {
            app.clock.advance(TimeDelta::minutes(2));
            app.hub.review_keys().await.unwrap();
            app.hub.replace_keys().await.unwrap();
            assert_eq!((is_said(&owner).await, is_said(&viewer).await), (left, false));
        }
    };
    let actor = app.hub.operator_in("default", "production").await.unwrap();
    app.hub.begin_key_rotation(&actor, Occasion::Asked).await.unwrap();
    is_said_while_it_goes_on().await;

    // That of the workspace, which seals authenticators and secrets, has sealed much.
    let (store, workspace) = (app.parts().await.store, KeyOwner::Workspace(actor.tenant.workspace));
    let keys = RecordKeys::of(store::data_key::of_owner(&store, workspace).await.unwrap());
    let tx = store.begin().await.unwrap();
    store::data_key::count(&tx, &[keys.current().unwrap().id], 1 << 30).await.unwrap();
    tx.commit().await.unwrap();
    app.hub.replace_keys().await.unwrap();
    is_said_while_it_goes_on().await;

    // One value does not open: what is done is counted, and that something is left stays said.
    let mut ids = Vec::new();
    for user in ["v", "w"] {
        app.user(user).await;
        ids.push(app.credential(user).await["credentialId"].as_str().unwrap().to_owned());
    }
    let swap = format!(
        "UPDATE credential_token SET sealed = (SELECT o.sealed FROM credential_token o WHERE o.credential_id = '{}') \
         WHERE credential_id = '{}'",
        ids[0], ids[1]
    );
    app.rows(&swap).await;
    app.hub.begin_key_rotation(&actor, Occasion::Asked).await.unwrap();
    let progress = async || {
        app.clock.advance(TimeDelta::minutes(2));
        app.hub.review_keys().await.unwrap();
        app.hub.replace_keys().await.unwrap();
        let overview = owner.get("/dashboard/production/overview").await;
        overview.page(200, said);
        overview.between(said, "</li>")
    };
    let begun = progress().await;
    assert!(begun.contains("0 of about "), "{begun}");
    let found = progress().await;
    let done = format!(
        "SELECT u.taken_over AS n FROM data_key_use u JOIN data_key k ON k.id = u.id \
         WHERE k.owner = '{}' AND k.retired_at IS NULL",
        actor.tenant.environment
    );
    let done = app.rows(&done).await;
    let done: i64 = done[0].try_get("", "n").unwrap();
    let bar = format!("<progress class=\"progress-bar\" value=\"{done}\" max=\"");
    assert!(found.contains(&bar), "{found}");
    assert!(done > 1 && found.contains(&format!("{done} of about ")), "{done} in {found}");
}
