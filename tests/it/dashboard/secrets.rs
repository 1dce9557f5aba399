//! Secrets in the dashboard: who sees what, made and changed beside the list, revealed for a moment, ended after a
//! question.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, FERNHILL};
use vouchsafe_entity::kind::WorkspaceState;

use crate::api::secrets::{VALUE, masked, with};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD};

const LIST: &str = "/dashboard/production/secrets";

/// Where one secret of production is.
fn one(key: &str) -> String {
    format!("/dashboard/production/secret/{key}")
}

/// A form for a new secret.
fn form<'a>(key: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("key", key),
        ("value", VALUE),
        ("type", "bearer_token"),
        ("visibility", "masked"),
        ("environments", "production"),
        ("ends", "never"),
    ];
    form.extend_from_slice(more);
    form
}

/// Proves again who it is, and goes on to `next`.
async fn step_up(owner: &Browser<'_>, next: &str) {
    let code = owner.code();
    let form = [("password", PASSWORD), ("code", code.as_str()), ("next", next)];
    owner.post("/dashboard/step-up", &form).await.leads_to(next);
}

#[tokio::test]
async fn a_secret_is_made_beside_the_list_and_its_value_is_never_there() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let empty = owner.get(LIST).await;
    empty.page(200, "Keep a key of your own here");
    assert!(empty.html.contains("Create new") && empty.html.contains("curl "), "{}", empty.html);

    owner.get(&format!("{LIST}/new")).await.page(200, "class=\"side-panel\"");
    let more = [
        ("environments", "sandbox"),
        ("name", "Payments <live>"),
        ("issuer", "Stripe Inc"),
        ("allowedHosts", "api.stripe.com\r\n*.stripe.com"),
        ("products", "sync-orders, ask-crm"),
        ("ends", "P90D"),
    ];
    let mut sent = form("STRIPE_KEY", &more);
    sent.retain(|field| *field != ("ends", "never"));
    owner.post(&format!("{LIST}/new"), &sent).await.leads_to(LIST);
    let list = owner.get(LIST).await;
    list.page(200, "The secret is kept.");
    for text in ["STRIPE_KEY", "Payments &lt;live&gt;", "Bearer token", "Stripe Inc", "in 90 days", "••••"] {
        list.page(200, text);
    }
    assert!(!list.html.contains(VALUE));
    owner.get("/dashboard/sandbox/secrets").await.page(200, "STRIPE_KEY");
    let panel = owner.get(&one("STRIPE_KEY")).await;
    for text in ["$Secret{STRIPE_KEY}", "*.stripe.com", "ask-crm", "No setting of a connector refers to it"] {
        panel.page(200, text);
    }
    assert!(!panel.html.contains(VALUE));
    let kept = app.as_key().get("/secrets/STRIPE_KEY").await.ok(200);
    assert_eq!(kept["environments"], json!(["production", "sandbox"]));
    assert_eq!(kept["scope"]["products"], json!(["sync-orders", "ask-crm"]));
}

#[tokio::test]
async fn each_mistake_stands_at_its_field_and_the_value_is_not_shown_again() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let more = [("apps", "No App"), ("allowedHosts", "https://x"), ("name", "what was typed")];
    let mut sent = form("a b", &more);
    sent.retain(|field| *field != ("ends", "never"));
    sent.extend([("ends", "date"), ("expiresAt", "2001-01-01")]);
    let shown = owner.post(&format!("{LIST}/new"), &sent).await;
    shown.page(400, "what was typed");
    for id in ["f-key-error", "f-apps-error", "f-allowedHosts-error", "f-expiresAt-error"] {
        assert!(shown.html.contains(&format!("id=\"{id}\"")), "{id}: {}", shown.html);
    }
    assert!(!shown.html.contains(VALUE));
    let sent: Vec<_> = form("K", &[]).into_iter().filter(|(name, _)| *name != "environments").collect();
    owner.post(&format!("{LIST}/new"), &sent).await.page(400, "f-environments-error");
    owner.post(&format!("{LIST}/new"), &form("K", &[])).await.leads_to(LIST);
    owner.post(&format!("{LIST}/new"), &form("K", &[])).await.page(400, "f-key-error");
}

#[tokio::test]
async fn key_visibility_type_and_issuer_are_fixed_and_the_rest_changes() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&with(masked("K"), "expiresAt", json!("2030-03-01T12:34:56Z"))).await;
    let edit = format!("{}/edit", one("K"));
    let shown = owner.get(&edit).await;
    shown.page(200, "These never change.");
    for name in ["key", "visibility", "type", "issuer"] {
        assert!(!shown.html.contains(&format!("id=\"f-{name}\"")), "{name}");
    }
    let sent = [
        ("name", "Payments"),
        ("description", "for the nightly import"),
        ("environments", "production"),
        ("allowedHosts", "api.acme.test"),
        ("ends", "keep"),
        ("value", ""),
        ("key", "OTHER"),
        ("visibility", "restricted"),
    ];
    owner.post(&edit, &sent).await.leads_to(LIST);
    let changed = app.as_key().get("/secrets/K").await.ok(200);
    assert_eq!((&changed["name"], &changed["visibility"]), (&json!("Payments"), &json!("masked")));
    assert_eq!(changed["expiresAt"], "2030-03-01T12:34:56.000Z", "it stays to the second");
    assert_eq!(app.as_key().act("/secrets/K/reveal").await.ok(200)["value"], VALUE);

    let sent = [("name", "K"), ("environments", "production"), ("ends", "never"), ("value", "another")];
    owner.post(&edit, &sent).await.leads_to(LIST);
    assert_eq!(app.as_key().get("/secrets/K").await.ok(200)["expiresAt"], json!(null));
    assert_eq!(app.as_key().act("/secrets/K/reveal").await.ok(200)["value"], "another");
    owner.post(&edit, &[("name", ""), ("environments", "production")]).await.page(400, "f-name-error");
    owner.get(&format!("{}/edit", one("NONE"))).await.page(404, "Not found");
}

#[tokio::test]
async fn a_masked_value_is_shown_after_a_proof_and_is_audited() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let made = app.secret(&masked("K")).await;
    app.secret(&with(masked("HIDDEN"), "visibility", json!("restricted"))).await;
    let list = owner.get(LIST).await;
    assert!(list.html.contains("secret/K/reveal") && !list.html.contains("secret/HIDDEN/reveal"));

    let reveal = format!("{}/reveal", one("K"));
    owner.get(&reveal).await.page(200, "written to the audit log");
    let shown = owner.post(&reveal, &[]).await;
    shown.page(200, VALUE);
    assert_eq!(shown.headers["refresh"], format!("15; url={}", one("K")));
    assert_eq!(shown.headers["cache-control"], "no-store");
    let as_data = owner.post_for_data(&reveal).await;
    assert_eq!((as_data.status, as_data.html.as_str()), (200, json!({"value": VALUE}).to_string().as_str()));
    assert_eq!(as_data.headers["cache-control"], "no-store");
    let audit = app.as_key().get("/audit-events?action=secret.reveal").await.ok(200);
    let rows = audit["data"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["target"]["id"], made["secretId"]);
    assert_eq!(rows[0]["actor"]["type"], "member");

    let hidden = format!("{}/reveal", one("HIDDEN"));
    owner.get(&hidden).await.page(403, "nobody is ever shown its value");
    let refused = owner.post(&hidden, &[]).await;
    refused.page(403, "nobody is ever shown its value");
    assert!(!refused.html.contains(VALUE));

    app.clock.advance(TimeDelta::minutes(6));
    let late = owner.post(&reveal, &[]).await;
    assert_eq!(late.status, 303);
    assert!(late.location.unwrap().starts_with("/dashboard/step-up?next="));
    step_up(&owner, &reveal).await;
    owner.post(&reveal, &[]).await.page(200, VALUE);
}

#[tokio::test]
async fn a_member_is_shown_twenty_values_an_hour_and_the_owners_hear_of_ten_in_a_hurry() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    app.secret(&masked("K")).await;
    let reveal = format!("{}/reveal", one("K"));
    for _ in 0..10 {
        admin.post(&reveal, &[]).await.page(200, VALUE);
    }
    let alarms = async || {
        let page = app.as_key().get("/audit-events?action=secret.reveal_alarm").await.ok(200);
        page["data"].as_array().unwrap().clone()
    };
    assert!(alarms().await.is_empty());
    assert!(!owner.get("/dashboard/production/overview").await.html.contains("many secrets"));
    for _ in 10..20 {
        admin.post(&reveal, &[]).await.page(200, VALUE);
    }
    let told = alarms().await;
    assert_eq!(told.len(), 1, "once");
    assert_eq!(told[0]["actor"], told[0]["target"]);
    owner.get("/dashboard/production/overview").await.page(200, "Sam Invited was shown many secrets");
    let refused = admin.post(&reveal, &[]).await;
    refused.page(429, "which is the most");
    assert!(!refused.html.contains(VALUE) && refused.headers.contains_key("retry-after"));
    let page = app.as_key().get("/audit-events?action=secret.reveal").await.ok(200);
    assert_eq!((&page["data"][0]["result"], &page["data"][0]["reason"]), (&json!("refused"), &json!("rate_limited")));
    owner.post(&reveal, &[]).await.page(200, VALUE);

    app.clock.advance(TimeDelta::minutes(61));
    admin.sign_in().await.leads_to("/dashboard");
    admin.post(&reveal, &[]).await.page(200, VALUE);
    // A key has its scope instead.
    for _ in 0..25 {
        app.as_key().act("/secrets/K/reveal").await.ok(200);
    }
}

#[tokio::test]
async fn whoever_ends_a_secret_is_told_what_uses_it() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&masked("K")).await;
    let body = json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": "$Secret{K}"});
    app.as_key().put("/connectors/fernhill", &body).await.ok(201);
    let uses = "The client secret of the connector fernhill in production";
    owner.get(&one("K")).await.page(200, uses);
    for (act, text, done) in [
        ("deactivate", "stops working until it is on again", "The secret is switched off."),
        ("reactivate", "works again", "The secret works again."),
        ("revoke", "Its value is wiped and nobody can bring it back", "Its value is gone."),
        ("delete", "It can&#39;t be brought back", "The secret is deleted."),
    ] {
        let asked = owner.get(&format!("{}/{act}", one("K"))).await;
        asked.page(200, uses);
        asked.page(200, text);
        asked.page(200, "It was never used.");
        owner.post(&format!("{}/{act}", one("K")), &[]).await.leads_to(LIST);
        owner.get(LIST).await.page(200, done);
    }
    app.as_key().get("/secrets/K").await.assert_problem(404, "not_found");
    owner.get(&format!("{}/delete", one("K"))).await.page(404, "Not found");
    for action in ["secret.deactivate", "secret.reactivate", "secret.revoke", "secret.delete"] {
        let rows = app.as_key().get(&format!("/audit-events?action={action}")).await.ok(200);
        assert_eq!(rows["data"][0]["actor"]["type"], "member", "{action}");
    }
}

#[tokio::test]
async fn what_has_ended_offers_no_way_back_that_there_is_not() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&with(masked("OLD"), "period", json!("P1D"))).await;
    app.secret(&masked("GONE")).await;
    app.clock.advance(TimeDelta::days(2));
    owner.sign_in().await.leads_to("/dashboard");
    owner.post(&format!("{}/revoke", one("GONE")), &[]).await.leads_to(LIST);
    for key in ["OLD", "GONE"] {
        let panel = owner.get(&one(key)).await;
        assert!(!panel.html.contains("reactivate"), "{key}");
        owner.post(&format!("{}/reactivate", one(key)), &[]).await.page(409, key);
    }
    let gone = owner.get(&one("GONE")).await.html;
    assert!(!gone.contains("secret/GONE/edit") && !gone.contains("secret/GONE/reveal"), "{gone}");
    owner.post(&format!("{}/reveal", one("GONE")), &[]).await.page(409, "was revoked");
}

#[tokio::test]
async fn many_are_ended_at_once_and_each_that_can_not_be_says_why() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    for key in ["A", "B", "C", "REST"] {
        app.secret(&masked(key)).await;
    }
    app.as_key().act("/secrets/C/revoke").await.ok(200);
    let act = format!("{LIST}/act");
    let chosen = |act, keys: &[&'static str], confirmed: bool| {
        let mut form: Vec<(&str, &str)> = keys.iter().map(|key| ("secrets", *key)).collect();
        form.push(("act", act));
        form.extend(confirmed.then_some(("confirmed", "yes")));
        form
    };
    let asked = owner.post(&act, &chosen("deactivate", &["A", "B"], false)).await;
    asked.page(200, "Switch off 2 secrets?");
    assert_eq!(app.as_key().get("/secrets/A").await.ok(200)["active"], true, "only asked");
    owner.post(&act, &chosen("deactivate", &["A", "B"], true)).await.leads_to(LIST);
    for (key, active) in [("A", false), ("B", false), ("REST", true)] {
        assert_eq!(app.as_key().get(&format!("/secrets/{key}")).await.ok(200)["active"], active, "{key}");
    }
    let some = owner.post(&act, &chosen("reactivate", &["A", "C", "NONE"], true)).await;
    some.page(200, "1 of 3 secrets done");
    some.page(200, "was revoked");
    some.page(200, "It is not there any more.");
    assert_eq!(app.as_key().get("/secrets/A").await.ok(200)["active"], true);
    owner.post(&act, &chosen("delete", &["A", "B", "C"], true)).await.leads_to(LIST);
    app.as_key().get("/secrets/A").await.assert_problem(404, "not_found");
    owner.post(&act, &chosen("delete", &[], false)).await.page(400, "Choose at least one secret first");
    owner.post(&act, &chosen("destroy", &["REST"], true)).await.page(400, "Choose what is to be done");
}

#[tokio::test]
async fn filters_narrow_the_list_and_say_so() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&with(masked("STRIPE_KEY"), "issuer", json!("stripe"))).await;
    app.secret(&with(masked("BEARER"), "type", json!("bearer_token"))).await;
    app.secret(&with(masked("LOCKED"), "visibility", json!("restricted"))).await;
    app.secret(&masked("OFF")).await;
    app.as_key().act("/secrets/OFF/deactivate").await.ok(200);
    app.secret(&masked("GONE")).await;
    app.as_key().act("/secrets/GONE/revoke").await.ok(200);
    app.secret(&with(masked("OLD"), "period", json!("P1D"))).await;
    app.clock.advance(TimeDelta::days(2));
    owner.sign_in().await.leads_to("/dashboard");
    let all = ["STRIPE_KEY", "BEARER", "LOCKED", "OFF", "GONE", "OLD"];
    for (query, wanted) in [
        ("", &["STRIPE_KEY", "BEARER", "LOCKED", "OFF"][..]),
        ("?ended=shown", &all[..]),
        ("?search=stripe&type=&issuer=", &["STRIPE_KEY"]),
        ("?search=_&ended=shown", &["STRIPE_KEY"]),
        ("?type=bearer_token", &["BEARER"]),
        ("?issuer=Stripe", &["STRIPE_KEY"]),
        ("?visibility=restricted", &["LOCKED"]),
        ("?state=inactive", &["OFF"]),
        ("?state=expired", &["OLD"]),
        ("?state=revoked", &["GONE"]),
        ("?state=active&search=e", &["STRIPE_KEY", "BEARER", "LOCKED"]),
        ("?environment=sandbox", &[]),
    ] {
        let shown = owner.get(&format!("{LIST}{query}")).await;
        assert_eq!(shown.status, 200, "{query}");
        for key in all {
            let there = shown.html.contains(&format!("/secret/{key}\""));
            assert_eq!(there, wanted.contains(&key), "{key} with {query}");
        }
    }
    let shown = owner.get(&format!("{LIST}?search=stripe&type=api_key")).await;
    shown.page(200, "Type: API key");
    shown.page(200, "secrets?search=stripe\"");
    owner.get(&format!("{LIST}?search=nothing-like-it")).await.page(200, "No secret fits these filters.");
    for bad in ["?type=x", "?state=x", "?ended=x", "?nonsense=1", "?limit=0", "?cursor=x"] {
        owner.get(&format!("{LIST}{bad}")).await.page(400, "That didn");
    }
    let first = owner.get(&format!("{LIST}?limit=1&type=api_key")).await;
    let next = first.between("aria-label=\"Pages\">", "</nav>");
    let next = next.split_once("href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert!(next.contains("type=api_key"), "{next}");
    let second = owner.get(&format!("{next}&limit=1")).await;
    second.page(200, "First page");
    assert!(second.html.contains("/secret/OFF\""), "{}", second.html);
}

#[tokio::test]
async fn a_browser_remembers_its_columns() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&with(masked("K"), "allowedHosts", json!(["api.acme.test"]))).await;
    let usual = owner.get(LIST).await.html;
    assert!(usual.contains("data-label=\"Type\"") && !usual.contains("data-label=\"Hosts\""));
    let form = [("columns", "hosts"), ("columns", "nonsense")];
    owner.post(&format!("{LIST}/columns"), &form).await.leads_to(LIST);
    let chosen = owner.get(LIST).await.html;
    assert!(!chosen.contains("data-label=\"Type\"") && chosen.contains("api.acme.test"));
    owner.post(&format!("{LIST}/columns"), &[]).await.leads_to(LIST);
    let none = owner.get(LIST).await.html;
    assert!(!none.contains("data-label=\"Hosts\"") && none.contains("data-label=\"State\""));
}

#[tokio::test]
async fn each_role_sees_what_it_may_and_is_offered_what_it_may() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let more = [("type", json!("refresh_token")), ("issuer", json!("issuer-of-it")),
        ("expiresAt", json!("2030-01-04T00:00:00Z"))];
    let secret = more.into_iter().fold(masked("K"), |secret, (name, value)| with(secret, name, value));
    app.secret(&with(secret, "name", json!("Payments"))).await;

    let seen = editor.get(LIST).await;
    seen.page(200, "issuer-of-it");
    editor.get(&one("K")).await.page(200, "$Secret{K}");
    for page in [seen.html, editor.get(&one("K")).await.html] {
        for offered in ["secrets/new", "secrets/act", "/edit", "/reveal", "/delete", "/revoke", "/deactivate"] {
            assert!(!page.contains(offered), "{offered}");
        }
    }
    let names = viewer.get(LIST).await;
    names.page(200, "Payments");
    for hidden in ["issuer-of-it", "Refresh token", "in 3 days", "secret/K", "secrets/new", "Columns"] {
        assert!(!names.html.contains(hidden), "{hidden}");
    }
    viewer.get(&format!("{LIST}?type=api_key&search=K")).await.page(200, ">K<");
    viewer.get(&format!("{LIST}?search=Z")).await.page(200, "No secret fits");
    viewer.get(&one("K")).await.page(403, "may not do this");
    assert!(!viewer.get("/dashboard/production/overview").await.html.contains("The secret K"));
    assert!(editor.get("/dashboard/production/overview").await.html.contains("The secret K"));

    // Where the workspace lets editors reveal, they need the same proof.
    owner.post("/dashboard/members/settings", &[("settings", "editorsMayReveal"), ("settings", "totpRequired")]).await;
    let offered = editor.get(LIST).await;
    assert!(offered.html.contains("secret/K/reveal"), "{}", offered.html);
    let shown = editor.post(&format!("{}/reveal", one("K")), &[]).await;
    assert!(!shown.html.contains(VALUE), "{shown:?}");
    viewer.post(&format!("{}/reveal", one("K")), &[]).await.page(403, "may not do this");
}

#[tokio::test]
async fn nothing_of_another_environment_or_workspace_is_there() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let foreign = app.as_foreign_owner().await;
    app.secret(&masked("K")).await;
    assert!(!owner.get("/dashboard/sandbox/secrets").await.html.contains("secret/K"));
    owner.get("/dashboard/sandbox/secret/K").await.page(404, "Not found");
    owner.post("/dashboard/sandbox/secret/K/delete", &[]).await.page(404, "Not found");
    foreign.get(LIST).await.page(200, "Keep a key of your own here");
    for path in ["", "/edit", "/reveal", "/delete"] {
        foreign.get(&format!("{}{path}", one("K"))).await.page(404, "Not found");
    }
    foreign.post(&format!("{}/reveal", one("K")), &[]).await.page(404, "Not found");
    let act = [("secrets", "K"), ("act", "delete"), ("confirmed", "yes")];
    foreign.post(&format!("{LIST}/act"), &act).await.page(200, "0 of 1 secret done");
    app.as_key().get("/secrets/K").await.ok(200);
}

#[tokio::test]
async fn a_workspace_whose_subscription_has_ended_ends_secrets_and_makes_none() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&masked("K")).await;
    app.set_state(WorkspaceState::Suspended).await;
    owner.post(&format!("{LIST}/new"), &form("NEW", &[])).await.page(400, "subscription");
    owner.post(&format!("{}/deactivate", one("K")), &[]).await.leads_to(LIST);
    owner.post(&format!("{}/reactivate", one("K")), &[]).await.page(403, "subscription");
    owner.post(&format!("{}/delete", one("K")), &[]).await.leads_to(LIST);
}
