//! Many credentials at once: asked once, done a step at a time, each row with what became of it.

use serde_json::json;

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
    done.page(200, "2 of 2 looked at, 2 changed");
    for (id, status) in [(&ids[0], "inactive"), (&ids[1], "inactive"), (&ids[2], "active")] {
        assert_eq!(app.shown(id).await["status"], status);
    }
    assert_eq!(app.events(&ids[0]).await.last().unwrap(), "credential.deactivated");
    // Sent twice, it does no harm and says so.
    let again = owner.post(BULK, &pairs(&fields(&asked))).await;
    again.page(200, "Was off already");
    again.page(200, "0 changed");
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
    let first = owner.post(BULK, &pairs(&fields(&asked))).await;
    first.page(200, "50 of 52 looked at, 50 changed");
    first.page(200, "data-continue");
    let second = owner.post(BULK, &pairs(&fields(&first))).await;
    second.page(200, "Credentials are deleted");
    second.page(200, "52 of 52 looked at, 52 changed");
    assert!(!second.html.contains("data-continue"), "{}", second.html);
    let left = app.as_key().get("/credentials").await.ok(200);
    assert_eq!(left["data"].as_array().unwrap().len(), 1, "the one that did not fit");
    assert_eq!(left["data"][0]["credentialId"], ids[7].as_str());
}

#[tokio::test]
async fn what_is_no_choice_is_refused_or_said() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let ids = some(&app, 1).await;
    owner.post(BULK, &[("action", "delete")]).await.leads_to("/dashboard/production/credentials");
    owner.get("/dashboard/production/credentials").await.page(200, "Nothing was chosen");
    let none = [("action", "delete"), ("all", "1"), ("status", "revoked")];
    owner.post(BULK, &none).await.leads_to("/dashboard/production/credentials");
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
