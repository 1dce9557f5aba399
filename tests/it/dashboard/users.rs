//! Users in the dashboard, and what they see of themselves by a link that they were sent.

use serde_json::json;
use url::Url;
use vouchsafe::demo::fake::{FERNHILL, REVOKED_KEY, RefreshKind, VALID_KEY};

use crate::support::app::{Setup, TestApp};
use crate::support::browser::Shown;
use crate::support::crowd::Copier;

#[tokio::test]
async fn users_are_found_with_what_they_have_connected() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let empty = owner.get("/dashboard/production/users").await;
    empty.page(200, "There are no users yet");
    empty.page(200, "curl ");
    let jo = json!({"username": "u-<17>", "fullName": "Jo Miller", "email": "jo@acme.test"});
    app.as_key().post("/users", &jo).await.ok(201);
    app.user("sam").await;
    app.credential("sam").await;
    let all = owner.get("/dashboard/production/users").await;
    all.page(200, "Jo Miller, jo@acme.test");
    all.page(200, "Quillpost");
    let found = owner.get("/dashboard/production/users?search=MILLER").await;
    found.page(200, "u-&lt;17&gt;");
    assert!(!found.html.contains("sam"), "{}", found.html);
    owner
        .get("/dashboard/production/users?search=nobody")
        .await
        .page(200, "No user here has that in their name");
    owner.get("/dashboard/production/users?limit=1").await.page(200, "Next page");
    owner.get("/dashboard/sandbox/users").await.page(200, "There are no users yet");
}

#[tokio::test]
async fn one_who_has_given_very_many_hides_nothing_of_the_others() {
    let Some((app, first)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let owner = app.as_owner().await;
    app.user("sam").await;
    app.credential("sam").await;
    app.user("nobody").await;
    Copier::of(&app, &first).await.here(1_001).await;
    let shown = owner.get("/dashboard/production/users").await;
    shown.page(200, "<bdi>Quillpost</bdi>");
    assert_eq!(shown.html.matches("<bdi>Fernhill</bdi>").count(), 4, "{}", shown.html);
    assert_eq!(shown.html.matches("and more</span>").count(), 1, "{}", shown.html);
    assert_eq!(shown.html.matches(">nothing</span>").count(), 1, "{}", shown.html);
    let user = app.as_key().get("/users/u-17").await.ok(200);
    let question = format!("/dashboard/production/users/{}/delete", user["userId"].as_str().unwrap());
    owner.get(&question).await.page(200, "The 1002 credentials that they have given are deleted too");
}

/// What the page's form sends to go on.
fn rest(shown: &Shown) -> [(&'static str, String); 2] {
    ["done", "total"].map(|name| (name, shown.between(&format!("name=\"{name}\" value=\""), "\"")))
}

#[tokio::test]
async fn one_who_has_given_many_goes_step_by_step_and_whoever_stops_learns_what_is_left() {
    let Some((app, first)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let owner = app.as_owner().await;
    Copier::of(&app, &first).await.here(60).await;
    let user = app.as_key().get("/users/u-17").await.ok(200);
    let delete = format!("/dashboard/production/users/{}/delete", user["userId"].as_str().unwrap());
    owner.get(&delete).await.page(200, "The 61 credentials that they have given");
    let step = owner.post(&delete, &[]).await;
    step.page(200, "50 of 61 looked at, 50 done");
    step.page(200, &format!("href=\"{delete}\">Stop here</a>"));
    step.page(200, "data-continue");
    owner.get(&delete).await.page(200, "The 11 credentials that they have given");
    let fields = rest(&step);
    let fields = [(fields[0].0, fields[0].1.as_str()), (fields[1].0, fields[1].1.as_str())];
    owner.post(&delete, &fields).await.leads_to("/dashboard/production/users");
    owner.get("/dashboard/production/users").await.page(200, "The user is deleted.");
    owner.post(&delete, &fields).await.page(404, "Not found");

    // The same of a connector; one step that was left leaves the connector there.
    let second = app.connect("u-18").await;
    Copier::of(&app, &second).await.here(50).await;
    let delete = "/dashboard/production/connectors/fernhill/delete";
    let step = owner.post(delete, &[]).await;
    step.page(200, "<h1>Deleting “fernhill”</h1>");
    step.page(200, "50 of 51 looked at");
    owner.get(delete).await.page(200, "1 credential is deleted with it for good");
    app.as_key().get("/connectors/fernhill").await.ok(200);
    owner.post(delete, &[]).await.leads_to("/dashboard/production/connectors");
    owner.get("/dashboard/production/connectors").await.page(200, "The connector is deleted");
}

#[tokio::test]
async fn a_user_is_made_ahead_of_their_first_session() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let new = "/dashboard/production/new-user";
    owner.get("/dashboard/production/users").await.page(200, new);
    owner.get(new).await.page(200, "Add a user");
    let form =
        [("username", " u-17 "), ("fullName", "Jo Miller"), ("email", "jo@acme.test"), ("organization", "")];
    let made = owner.post(new, &form).await;
    let there = app.as_key().get("/users/u-17").await.ok(200);
    let page = format!("/dashboard/production/users/{}", there["userId"].as_str().unwrap());
    made.leads_to(&page);
    owner.get(&page).await.page(200, "The user is there.");
    assert_eq!((&there["fullName"], &there["organization"]), (&json!("Jo Miller"), &json!(null)));
    let again = owner.post(new, &form).await;
    again.page(400, "Another user has this username.");
    assert!(again.html.contains("value=\"Jo Miller\""), "what was typed is there");
    for wrong in [[("username", ""), ("email", "")], [("username", "x"), ("email", "nobody")]] {
        assert_eq!(owner.post(new, &wrong).await.status, 400, "{wrong:?}");
    }
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    assert!(!viewer.get("/dashboard/production/users").await.page(200, "Users").contains(new));
}

#[tokio::test]
async fn a_user_is_disconnected_and_deleted_after_one_question_each() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let user = app.user("u-17").await;
    let id = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    app.credential("u-17").await;
    let page = format!("/dashboard/production/users/{user}");
    let disconnect = format!("{page}/credentials/{id}/disconnect");
    owner.get(&page).await.page(200, &disconnect);
    owner.get(&disconnect).await.page(200, "Disconnect Quillpost of u-17?");
    owner.post(&disconnect, &[]).await.leads_to(&page);
    app.as_key().get(&format!("/credentials/{id}")).await.assert_problem(404, "not_found");
    // A credential is disconnected from its own user alone.
    let other = app.user("u-18").await;
    let of_other = app.credential("u-18").await["credentialId"].as_str().unwrap().to_owned();
    owner.post(&format!("{page}/credentials/{of_other}/disconnect"), &[]).await.page(404, "Not found");
    owner.get(&format!("/dashboard/sandbox/users/{other}")).await.page(404, "Not found");

    owner.get(&format!("{page}/delete")).await.page(200, "Delete u-17 of production?");
    owner.post(&format!("{page}/delete"), &[]).await.leads_to("/dashboard/production/users");
    owner.get("/dashboard/production/users").await.page(200, "The user is deleted.");
    owner.get(&page).await.page(404, "Not found");
    app.as_key().get("/users/u-17").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn the_page_of_a_user_tells_what_happened_to_all_that_they_have_given() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let user = app.user("u-17").await;
    let page = format!("/dashboard/production/users/{user}");
    owner.get(&page).await.page(200, "Nothing has happened to what they connected.");
    owner.get(&page).await.page(200, "Send them a link, and they can connect an app.");
    viewer.get(&page).await.page(200, "It shows up here once they connect an app.");

    let gone = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    app.as_key().delete(&format!("/credentials/{gone}")).await.ok(200);
    let kept = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    owner.post(&format!("/dashboard/production/credentials/{kept}/deactivate"), &[]).await;
    app.user("u-18").await;
    let other = app.credential("u-18").await["credentialId"].as_str().unwrap().to_owned();
    let session = json!({"userId": "u-17", "connectors": ["quillpost"]});
    let modal = app.modal(&session).await;
    modal.submit("quillpost", "api_key", json!({"key": REVOKED_KEY})).await;
    app.hub.flush_audit().await.unwrap();

    let told = owner.get(&page).await;
    for (what, times) in
        [("Connected", 2), ("Deleted", 1), ("Switched off", 1), ("Session to connect made", 1)]
    {
        let found = told.html.matches(&format!("<strong>{what}</strong>")).count();
        assert_eq!(found, times, "{what}: {}", told.html);
    }
    let events = told.between("<ol class=\"timeline\">", "</ol>");
    assert!(events.contains(&format!("/credentials/{kept}\"")), "{events}");
    assert!(!events.contains(&gone), "what is no more is named, and no link: {events}");
    assert!(!told.html.contains(&other), "{events}");
    assert!(events.contains("<bdi>Quillpost"), "{events}");
    for hidden in [">What happened<", "timeline"] {
        assert!(!viewer.get(&page).await.page(200, "u-17").contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn what_happened_to_a_user_is_told_newest_first_and_where_it_is_cut_that_is_said() {
    let Some((app, renewed)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let owner = app.as_owner().await;
    let user = app.as_key().get("/users/u-17").await.ok(200);
    let page = format!("/dashboard/production/users/{}", user["userId"].as_str().unwrap());
    for _ in 0..2 {
        app.pass(120);
        app.as_key().act(&format!("/credentials/{renewed}/refresh")).await.ok(200);
    }
    app.pass(1);
    let changed = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    let change = async |number: usize| {
        let name = json!({"name": format!("Shop {number}")});
        app.as_key().patch(&format!("/credentials/{changed}"), &name).await.ok(200);
    };
    app.pass(1);
    change(1).await;
    app.hub.flush_audit().await.unwrap();
    let shown = owner.get(&page).await;
    let mut rest = shown.page(200, "<ol class=\"timeline\">");
    for what in ["Changed", "Connected", "Refreshed ×2", "Connected"] {
        let title = format!("<strong>{what}</strong>");
        rest = rest.split_once(&title).unwrap_or_else(|| panic!("no {what:?} after that in {rest}")).1;
    }
    let older = "Older things are left out here.";
    assert!(!shown.html.contains(older), "{}", shown.html);

    // As many changes as are told of one thing, beside its beginning.
    for number in 2..=25 {
        app.pass(1);
        change(number).await;
    }
    app.hub.flush_audit().await.unwrap();
    let shown = owner.get(&page).await;
    shown.page(200, older);
    assert_eq!(shown.html.matches("<strong>Changed</strong>").count(), 25, "{}", shown.html);
    assert!(!shown.html.contains("<strong>Connected</strong>"), "{}", shown.html);
}

#[tokio::test]
async fn that_older_attempts_of_a_user_are_left_out_is_said() {
    let Some((app, _)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let owner = app.as_owner().await;
    let user = app.as_key().get("/users/u-17").await.ok(200);
    let page = format!("/dashboard/production/users/{}", user["userId"].as_str().unwrap());
    let older = "Older things are left out here.";
    for number in 2..=11 {
        assert!(!owner.get(&page).await.page(200, "timeline").contains(older), "{number}");
        let modal = app.modal(&json!({"userId": "u-17", "connectors": [FERNHILL]})).await;
        modal.popup(FERNHILL).await.allow(&app, &format!("{number}@acme.test")).await;
        app.pass(1);
    }
    owner.get(&page).await.page(200, older);
}

#[tokio::test]
async fn each_role_is_offered_what_it_may_do_with_a_user() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let user = app.user("u-17").await;
    app.credential("u-17").await;
    let page = format!("/dashboard/production/users/{user}");
    for (person, links, manages) in [(&owner, true, true), (&editor, true, false), (&viewer, false, false)] {
        let shown = person.get(&page).await;
        shown.page(200, "Quillpost");
        let offers = |words: &str| shown.html.contains(words);
        assert_eq!(offers("Make the link"), links, "{}", person.email);
        assert_eq!(offers("/disconnect\""), manages, "{}", person.email);
        assert_eq!(offers("Delete user"), manages, "{}", person.email);
        assert_eq!(offers("/production/credentials/cred_"), links, "{}", person.email);
    }
}

/// Asks for a page of the hosted link, as its script would.
async fn ask(app: &TestApp, token: &str, query: &str) -> (u16, String) {
    let request = app.client.get(format!("{}/connect/page{query}", app.base_url));
    let answer = request.bearer_auth(token).header("vouchsafe-mode", "hosted").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn send(app: &TestApp, token: &str, path: &str, body: serde_json::Value) -> (u16, String) {
    let request = app.client.post(format!("{}{path}", app.base_url)).bearer_auth(token);
    let answer = request.header("vouchsafe-mode", "hosted").json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn by_the_link_a_user_sees_what_is_connected_and_takes_it_back() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let user = app.user("u-17").await;
    let needs = json!({"name": "Ask your CRM", "connectors": [{"connector": "quillpost"}]});
    app.as_key().put("/integrations/crm", &needs).await.ok(201);
    let make = format!("/dashboard/production/users/{user}/link");
    // Without a page to come back to, nobody could confirm what comes of it.
    owner.post(&make, &[("integration", "crm")]).await.page(400, "return address");
    app.as_key()
        .patch(
            "/environment",
            &json!({"defaultReturnUrl": "https://app.acme.test/back", "confirmHostedLinks": false}),
        )
        .await
        .ok(200);
    owner.post(&make, &[("integration", "nothing")]).await.page(400, "f-integration-error");
    let shown = owner.post(&make, &[("integration", "crm")]).await;
    shown.page(200, "A link for u-17");
    let link = shown.between("id=\"value\" tabindex=\"0\" aria-label=\"The link\">", "</code>");
    let link = Url::parse(&link).unwrap();
    let token = link.fragment().unwrap().to_owned();

    let typed = json!({"connector": "quillpost", "method": "api_key", "data": {"key": VALID_KEY}});
    let (status, page) = send(&app, &token, "/connect/credentials", typed).await;
    assert_eq!(status, 200, "{page}");
    let id = app.as_key().get("/users/u-17/credentials").await.ok(200)["data"][0]["credentialId"].clone();
    let id = id.as_str().unwrap().to_owned();

    // The finished link goes on being of use to whoever holds its token, and to nobody else.
    let address = format!("{}{}?{}", app.base_url, link.path(), link.query().unwrap());
    let finished = app.client.get(&address).send().await.unwrap().text().await.unwrap();
    assert!(finished.contains("data-vs-manage") && finished.contains("data-vs-page=\"done\""), "{finished}");
    let (status, page) = ask(&app, &token, "?overview=1").await;
    assert_eq!(status, 200);
    for words in ["Connected</dt>", "2030-01-01", "Last used", "ask-disconnect", "Reconnect"] {
        assert!(page.contains(words), "no {words} in {page}");
    }
    let (_, page) = ask(&app, &token, "?connector=quillpost&disconnect=1").await;
    assert!(page.contains("Disconnect <bdi>Quillpost</bdi>?") && page.contains(&id), "{page}");

    // What belongs to somebody else can't be taken.
    app.user("u-18").await;
    let other = app.credential("u-18").await["credentialId"].clone();
    let (status, _) = send(&app, &token, "/connect/disconnect", json!({"credentialId": other})).await;
    assert_eq!(status, 404);
    let (status, page) = send(&app, &token, "/connect/disconnect", json!({"credentialId": id})).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Not connected yet") && !page.contains("ask-disconnect"), "{page}");
    app.as_key().get(&format!("/credentials/{id}")).await.assert_problem(404, "not_found");
    let (status, _) = ask(&app, &token, "?connector=quillpost&disconnect=1").await;
    assert_eq!(status, 404, "nothing is left to disconnect");

    app.clock.advance(chrono::TimeDelta::hours(1));
    let over = app.client.get(&address).send().await.unwrap().text().await.unwrap();
    assert!(!over.contains("data-vs-manage"), "{over}");
    let (status, _) = ask(&app, &token, "?overview=1").await;
    assert_eq!(status, 401);
}
