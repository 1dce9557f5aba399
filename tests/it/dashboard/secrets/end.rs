//! Switching off and on, revoking and deleting secrets, one or many.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, FERNHILL};

use super::{LIST, one};
use crate::api::secrets::{masked, with};
use crate::support::app::TestApp;

#[tokio::test]
async fn whoever_ends_a_secret_is_told_what_uses_it() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&masked("K")).await;
    let body = json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": "$Secret{K}"});
    app.as_key().put("/connectors/fernhill", &body).await.ok(201);
    let integration = json!({"name": "Sync <it>", "connectors": [{"connector": FERNHILL}]});
    app.as_key().put("/integrations/sync", &integration).await.ok(201);
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
        asked.page(200, "The integration “Sync &lt;it&gt;” hangs on that.");
        asked.page(200, "Any call may name it.");
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
async fn whoever_ends_a_secret_is_told_which_calls_may_name_it() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.put_fernhill().await;
    for slug in ["ask", "sync"] {
        let integration = json!({"name": slug, "connectors": [{"connector": FERNHILL}]});
        app.as_key().put(&format!("/integrations/{slug}"), &integration).await.ok(201);
    }
    app.secret(&with(masked("K"), "scope", json!({"products": ["ask", "sync"], "apps": [FERNHILL]}))).await;
    let asked = owner.get(&format!("{}/revoke", one("K"))).await;
    asked.page(200, "No setting of a connector refers to it.");
    asked.page(200, "Calls for the integrations ask and sync through the connector fernhill may name it.");
    assert!(!asked.html.contains("on that."), "{}", asked.html);
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
    owner.get(&format!("{}/reveal", one("GONE"))).await.page(409, "was revoked");
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
    // From a part of the list the question, the deed and what came of it lead back to that.
    let at = |path: &str| format!("{LIST}{path}?type=api_key&limit=7");
    let (part, act_there) = (at(""), at("/act"));
    let form = owner.get(&part).await.between("class=\"bulk\"", ">");
    assert!(form.contains(&format!("action=\"{act_there}\"")), "{form}");
    let asked = owner.post(&act_there, &chosen("reactivate", &["A"], false)).await;
    let some = owner.post(&act_there, &chosen("reactivate", &["A", "NONE"], true)).await;
    for page in [asked.between("<main", "</main>"), some.between("<main", "</main>")] {
        assert!(page.contains(&format!("href=\"{part}\"")), "{page}");
    }
    assert!(asked.between("<main", "</main>").contains(&format!("action=\"{act_there}\"")));
    owner.post(&act_there, &chosen("reactivate", &["A"], true)).await.leads_to(&part);
    owner.post(&act, &chosen("delete", &["A", "B", "C"], true)).await.leads_to(LIST);
    app.as_key().get("/secrets/A").await.assert_problem(404, "not_found");
    owner.post(&act, &chosen("delete", &[], false)).await.page(400, "Choose at least one secret first");
    owner.post(&act, &chosen("destroy", &["REST"], true)).await.page(400, "Choose what is to be done");
}

#[tokio::test]
async fn more_than_a_step_of_them_shows_how_far_it_is_and_forgets_no_refusal() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let (act, part) = (format!("{LIST}/act?type=api_key"), format!("href=\"{LIST}?type=api_key\""));
    let mut keys = vec!["NONE".to_owned()];
    for number in 0..52 {
        let key = format!("K{number:02}");
        app.secret(&masked(&key)).await;
        keys.push(key);
    }
    let mut form: Vec<(&str, &str)> = keys.iter().map(|key| ("secrets", key.as_str())).collect();
    form.extend([("act", "delete"), ("confirmed", "yes")]);
    let first = owner.post(&act, &form).await;
    first.page(200, "Deleting secrets");
    first.page(200, "50 of 53 looked at, 49 done");
    first.page(200, &format!("action=\"{act}\" data-continue"));
    first.page(200, &part);
    assert_eq!(app.as_key().get("/secrets").await.ok(200)["data"].as_array().unwrap().len(), 3);

    let rest = first.between("data-continue>", "</form>");
    let fields = rest.split("name=\"").skip(1).map(|field| {
        let (name, value) = field.split_once("\" value=\"").unwrap();
        (name.to_owned(), value.split('"').next().unwrap().to_owned())
    });
    let fields: Vec<_> = fields.collect();
    let form: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let last = owner.post(&act, &form).await;
    last.page(200, "52 of 53 secrets done");
    last.page(200, &part);
    last.page(200, "<strong>NONE</strong>");
    last.page(200, "It is not there any more.");
    assert!(app.as_key().get("/secrets").await.ok(200)["data"].as_array().unwrap().is_empty());
}
