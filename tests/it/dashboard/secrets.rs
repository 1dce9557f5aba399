//! Secrets in the dashboard: who sees what, made and changed beside the list, revealed for a moment, ended after a
//! question.

mod end;
mod list;
mod reveal;

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe_entity::kind::WorkspaceState;

use crate::api::secrets::{VALUE, masked, with};
use crate::support::app::TestApp;

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
    for text in ["STRIPE_KEY", "Payments &lt;live&gt;", "Bearer token", "Stripe Inc", "in 3 months", "••••"]
    {
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
    let day = form("K", &[("expiresAt", "2099-01-01")]);
    owner.post(&format!("{LIST}/new"), &day).await.page(400, "Choose “On the day below”");
    let sent: Vec<_> = form("K", &[]).into_iter().filter(|(name, _)| *name != "environments").collect();
    owner.post(&format!("{LIST}/new"), &sent).await.page(400, "f-environments-error");
    owner.post(&format!("{LIST}/new"), &form("K", &[])).await.leads_to(LIST);
    owner.post(&format!("{LIST}/new"), &form("K", &[])).await.page(400, "f-key-error");

    // One in what is folded in opens it.
    let long = "x".repeat(4_001);
    for name in ["name", "issuer", "scopes", "description"] {
        let shown = owner.post(&format!("{LIST}/new"), &form("L", &[(name, long.as_str())])).await;
        shown.page(400, "more-fields\" open>");
        shown.page(400, &format!("id=\"f-{name}-error\""));
    }
    // One of a field that the form does not have stands above it.
    let mut there = form("K", &[("environments", "sandbox")]);
    there.retain(|field| *field != ("environments", "production"));
    owner.post("/dashboard/sandbox/secrets/new", &there).await.leads_to("/dashboard/sandbox/secrets");
    let both = [("name", "K"), ("ends", "keep"), ("environments", "production"), ("environments", "sandbox")];
    let refused = owner.post(&format!("{}/edit", one("K")), &both).await;
    refused.page(400, "Edit K");
    let above = refused.between("role=\"alert\">", "</div>");
    assert!(above.contains("has a secret of the key"), "{above}");
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

    // The audit log names what differs, not all that the form has.
    let last = async || {
        let rows = app.as_key().get("/audit-events?action=secret.update").await.ok(200);
        rows["data"][0]["reason"].clone()
    };
    assert_eq!(last().await, "name, description, allowedHosts");
    let kept = [
        ("description", "for the nightly import"),
        ("environments", "production"),
        ("allowedHosts", "api.acme.test"),
        ("ends", "keep"),
    ];
    owner.post(&edit, &[&kept[..], &[("name", "Invoices")]].concat()).await.leads_to(LIST);
    assert_eq!(last().await, "name");
    let both = [("name", "Invoices"), ("environments", "sandbox")];
    owner.post(&edit, &[&kept[..], &both].concat()).await.leads_to(LIST);
    assert_eq!(last().await, "environments");

    let sent = [("name", "K"), ("environments", "production"), ("ends", "never"), ("value", "another")];
    owner.post(&edit, &sent).await.leads_to(LIST);
    assert_eq!(last().await, "name, description, allowedHosts, value, environments, expiresAt");
    assert_eq!(app.as_key().get("/secrets/K").await.ok(200)["expiresAt"], json!(null));
    assert_eq!(app.as_key().act("/secrets/K/reveal").await.ok(200)["value"], "another");
    owner.post(&edit, &[("name", ""), ("environments", "production")]).await.page(400, "f-name-error");
    owner.get(&format!("{}/edit", one("NONE"))).await.page(404, "Not found");
}

#[tokio::test]
async fn whoever_renews_what_has_expired_chooses_its_end() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&with(masked("OLD"), "period", json!("P1D"))).await;
    app.clock.advance(TimeDelta::days(2));
    owner.sign_in().await.leads_to("/dashboard");
    let edit = format!("{}/edit", one("OLD"));
    let shown = owner.get(&edit).await;
    shown.page(200, "<option value=\"\" selected>Choose a new end</option>");
    assert!(!shown.html.contains("value=\"keep\""), "{}", shown.html);
    let form =
        |ends, value| vec![("name", "OLD"), ("environments", "production"), ("value", value), ("ends", ends)];
    // One that was open when the end came still says that it keeps it.
    for ends in ["", "keep"] {
        owner.post(&edit, &form(ends, "fresh")).await.page(400, "f-ends-error");
    }
    let call = [("picking", "header-0"), ("mode", "edit"), ("editing", "OLD"), ("act", "save")];
    let in_a_call = [&call[..], &[("value", "fresh")]].concat();
    owner.post("/dashboard/production/console", &in_a_call).await.page(400, "It has expired.");
    assert_eq!(app.as_key().get("/secrets/OLD").await.ok(200)["expiresAt"], "2030-01-02T00:00:00.000Z");
    // What needs no end changes without one.
    owner.post(&edit, &form("", "")).await.leads_to(LIST);
    owner.post(&edit, &form("P30D", "fresh")).await.leads_to(LIST);
    let renewed = app.as_key().get("/secrets/OLD").await.ok(200);
    let end = renewed["expiresAt"].as_str().unwrap();
    assert!(end.starts_with("2030-02-02T00:0"), "{end}");
}

#[tokio::test]
async fn each_role_sees_what_it_may_and_is_offered_what_it_may() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let more = [
        ("type", json!("refresh_token")),
        ("issuer", json!("issuer-of-it")),
        ("expiresAt", json!("2030-01-04T00:00:00Z")),
    ];
    let secret = more.into_iter().fold(masked("K"), |secret, (name, value)| with(secret, name, value));
    app.secret(&with(secret, "name", json!("Payments"))).await;

    let seen = editor.get(LIST).await;
    seen.page(200, "issuer-of-it");
    editor.get(&one("K")).await.page(200, "$Secret{K}");
    for page in [seen.html, editor.get(&one("K")).await.html] {
        for offered in ["secrets/new", "secrets/act", "/edit", "/reveal", "/delete", "/revoke", "/deactivate"]
        {
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
    let reveal = format!("{}/reveal", one("K"));
    let settings = "/dashboard/members/settings";
    let open = [("settings", "editorsMayReveal"), ("settings", "totpRequired")];
    owner.post(settings, &open).await.leads_to("/dashboard/members");
    let offered = editor.get(LIST).await;
    assert!(offered.html.contains("secret/K/reveal"), "{}", offered.html);
    let shown = editor.post(&reveal, &[]).await;
    assert!(shown.status != 200 && !shown.html.contains(VALUE), "{shown:?}");
    let authenticator = "/dashboard/account/authenticator";
    editor.post(&format!("{authenticator}/new"), &[]).await.leads_to(authenticator);
    editor.enrol().await.leads_to("/dashboard/account");
    editor.post(&reveal, &[]).await.page(200, VALUE);
    let closed = [("settings", "totpRequired")];
    owner.post(settings, &closed).await.leads_to("/dashboard/members");
    let refused = editor.post(&reveal, &[]).await;
    refused.page(403, "may not do this");
    assert!(!refused.html.contains(VALUE), "{refused:?}");
    owner.post(settings, &open).await.leads_to("/dashboard/members");
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
