//! Many credentials at once: asked once, done a step at a time, each row with what became of it.

use std::collections::HashMap;

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, Endpoint, FERNHILL, Fault, GrantView, Plan};

use crate::support::app::TestApp;
use crate::support::browser::Shown;

const BULK: &str = "/dashboard/production/credentials/bulk";

async fn some(app: &TestApp, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let user = format!("u-{number:02}");
        app.user(&user).await;
        ids.push(app.credential(&user).await["credentialId"].as_str().unwrap().to_owned());
    }
    ids
}

/// The fields that the page's form sends.
fn fields(shown: &Shown) -> Vec<(String, String)> {
    let (_, form) = shown.html.split_once("credentials/bulk\"").unwrap();
    let (form, _) = form.split_once("</form>").unwrap();
    let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
    let field = inputs.map(|input| {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        (name.to_owned(), rest.split('"').next().unwrap().to_owned())
    });
    field.collect()
}

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test]
async fn those_chosen_are_switched_off_after_one_question() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let ids = some(&app, 3).await;
    let chosen = [("action", "deactivate"), ("credential", &ids[0]), ("credential", &ids[1])];
    let asked = owner.post(BULK, &chosen).await;
    asked.page(200, "Switch off 2 credentials of production?");
    asked.page(200, "Quillpost of u-01");
    assert_eq!(app.shown(&ids[0]).await["status"], "active", "not before the answer");
    let done = owner.post(BULK, &pairs(&fields(&asked))).await;
    done.page(200, "2 of 2 looked at, 2 done");
    for (id, status) in [(&ids[0], "inactive"), (&ids[1], "inactive"), (&ids[2], "active")] {
        assert_eq!(app.shown(id).await["status"], status);
    }
    assert_eq!(app.events(&ids[0]).await.last().unwrap(), "credential.deactivated");
    assert_eq!(app.reasons("credential.deactivated").await, ["member", "member"]);
    // Sent twice, it does no harm and says so.
    let again = owner.post(BULK, &pairs(&fields(&asked))).await;
    again.page(200, "Was off already");
    again.page(200, "0 done");
    again.page(200, "<h1>Nothing was switched off</h1>");
    // Those chosen in a list with filters lead back to it.
    let chosen = [("action", "delete"), ("credential", &ids[2]), ("status", "active"), ("user", "u-02")];
    let list = "href=\"/dashboard/production/credentials?status=active&amp;user=u-02\"";
    let asked = owner.post(BULK, &chosen).await;
    asked.page(200, list);
    owner.post(BULK, &pairs(&fields(&asked))).await.page(200, list);
    let gone = owner.post(BULK, &pairs(&fields(&asked))).await;
    gone.page(200, "<h1>Nothing was deleted</h1>");
}

#[tokio::test]
async fn all_that_fit_are_deleted_step_by_step() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let ids = some(&app, 53).await;
    app.as_key().patch(&format!("/credentials/{}", ids[7]), &json!({"active": false})).await.ok(200);
    let wanted = [("action", "delete"), ("all", "1"), ("status", "active"), ("connector", ""), ("user", "")];
    let asked = owner.post(BULK, &wanted).await;
    asked.page(200, "Delete 52 credentials of production?");
    asked.page(200, "and 44 more");
    let list = "href=\"/dashboard/production/credentials?status=active\"";
    asked.page(200, list);
    let first = owner.post(BULK, &pairs(&fields(&asked))).await;
    first.page(200, list);
    first.page(200, "50 of 52 looked at, 50 done");
    first.page(200, "data-continue");
    let second = owner.post(BULK, &pairs(&fields(&first))).await;
    second.page(200, "Credentials are deleted");
    second.page(200, list);
    second.page(200, "52 of 52 looked at, 52 done");
    assert!(!second.html.contains("data-continue"), "{}", second.html);
    let left = app.as_key().get("/credentials").await.ok(200);
    assert_eq!(left["data"].as_array().unwrap().len(), 1, "the one that did not fit");
    assert_eq!(left["data"][0]["credentialId"], ids[7].as_str());
}

/// What becomes of the grant of the `number`-th user of an app that has bad days: what the hub says after it told the
/// app once, whether the grant is alive then, and both after it told it again.
fn fate(number: usize) -> [(&'static [&'static str], bool); 2] {
    const LATER: &str = "failed; tried again for a day";
    match number % 5 {
        1 => [(&["unsupported"], true), (&["unsupported"], true)],
        2 => [(&[LATER], true), (&[LATER, "revoked"], false)],
        // The app does as it is told, and its answer is lost.
        3 => [(&[LATER], false), (&[LATER, "revoked"], false)],
        _ => [(&["revoked"], false), (&["revoked"], false)],
    }
}

fn bad_day(grant: &GrantView, number: usize) -> Option<Plan> {
    let (fault, always) = match number % 5 {
        1 => (Fault::oauth_error(StatusCode::BAD_REQUEST, "unsupported_token_type"), true),
        2 => (Fault::status(StatusCode::SERVICE_UNAVAILABLE), false),
        3 => (Fault::close_after(), false),
        _ => return None,
    };
    let plan = Plan::next(Endpoint::Revoke, fault).grant(grant.id);
    Some(if always { plan.always() } else { plan })
}

/// What the audit log says of the upstream ends, by credential, oldest first.
async fn outcomes(app: &TestApp) -> HashMap<String, Vec<String>> {
    let path = "/audit-events?action=credential.revoke_upstream&limit=200";
    let page = app.as_key().get(path).await.ok(200);
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    for event in page["data"].as_array().unwrap().iter().rev() {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        told.entry(text(&event["target"]["id"])).or_default().push(text(&event["reason"]));
    }
    told
}

#[tokio::test]
async fn s23_of_fifty_that_end_at_once_each_outcome_is_what_the_app_did() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let account = |number: usize| format!("{number}@acme.test");
    let mut ids = Vec::new();
    for number in 0..50 {
        ids.push(app.connect_as(&format!("u-{number:02}"), &account(number)).await);
    }
    let grant = |number: usize| {
        let grants = app.fake.grants();
        grants.into_iter().find(|grant| grant.username == account(number)).unwrap()
    };
    for number in 0..50 {
        if let Some(plan) = bad_day(&grant(number), number) {
            app.fake.program(plan);
        }
    }

    // The kill switch of the connector: nobody is served, and no grant is touched.
    let connector =
        |enabled: bool| json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "enabled": enabled});
    app.as_key().put("/connectors/fernhill", &connector(false)).await.ok(200);
    for id in &ids {
        let token = app.as_key().get(&format!("/credentials/{id}/token")).await;
        token.assert_problem(409, "credential_inactive");
    }
    app.as_key().put("/connectors/fernhill", &connector(true)).await.ok(200);
    app.token(&ids[0]).await;
    assert_eq!(app.fake.counters().revocations, 0);

    let owner = app.as_owner().await;
    let all = [("action", "delete"), ("all", "1"), ("status", "active"), ("connector", ""), ("user", "")];
    let asked = owner.post(BULK, &all).await;
    asked.page(200, "Delete 50 credentials of production?");
    owner.post(BULK, &pairs(&fields(&asked))).await.page(200, "50 of 50 looked at, 50 done");
    for told in 0..2 {
        app.hub.work_off_revocations().await.unwrap();
        let outcomes = outcomes(&app).await;
        for (number, id) in ids.iter().enumerate() {
            let (words, alive) = fate(number)[told];
            assert_eq!(outcomes[id], words, "{number}, told {} times", told + 1);
            assert_eq!(grant(number).alive, alive, "{number}, told {} times", told + 1);
        }
        app.clock.advance(TimeDelta::seconds(6));
    }
    let calls = app.fake.counters().revocations;
    assert_eq!(calls, 70, "one each, and another for the twenty that were not confirmed");
    app.clock.advance(TimeDelta::hours(2));
    app.hub.work_off_revocations().await.unwrap();
    assert_eq!(app.fake.counters().revocations, calls, "nothing is left to be told");
}

#[tokio::test]
async fn what_is_no_choice_is_refused_or_said() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let ids = some(&app, 1).await;
    owner.post(BULK, &[("action", "delete")]).await.leads_to("/dashboard/production/credentials");
    owner.get("/dashboard/production/credentials").await.page(200, "Nothing was chosen");
    let none = [("action", "delete"), ("all", "1"), ("status", "revoked")];
    owner.post(BULK, &none).await.leads_to("/dashboard/production/credentials?status=revoked");
    for bad in [
        vec![("action", "burn"), ("credential", ids[0].as_str())],
        vec![("credential", ids[0].as_str())],
        vec![("action", "delete"), ("credential", "user_01jz0000000000000000000000")],
        vec![("action", "delete"), ("all", "1"), ("status", "odd")],
        vec![("action", "delete"), ("all", "1"), ("sure", "1"), ("cursor", "x")],
    ] {
        owner.post(BULK, &bad).await.page(400, "That didn");
    }
    let many: Vec<_> =
        (0..201).map(|_| ("credential", ids[0].as_str())).chain([("action", "delete")]).collect();
    owner.post(BULK, &many).await.page(400, "at most 200");
    assert_eq!(app.shown(&ids[0]).await["status"], "active");
}
