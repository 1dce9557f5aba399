//! Credentials in the dashboard: filtered, looked into with their history, mended and ended.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::wait::eventually;

async fn owned(app: &TestApp, user: &str) -> String {
    app.user(user).await;
    app.credential(user).await["credentialId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_list_shows_what_fits_its_filters_and_says_the_next_step_where_nothing_is() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let empty = owner.get("/dashboard/production/credentials").await;
    empty.page(200, "Nobody has connected anything here yet");
    empty.page(200, "curl ");
    let off = owned(&app, "u-off").await;
    owned(&app, "u-<on>").await;
    app.as_key().patch(&format!("/credentials/{off}"), &json!({"active": false})).await.ok(200);
    let end = json!({"expiresAt": "2030-01-05T00:00:00Z"});
    app.as_key().patch(&format!("/credentials/{off}"), &end).await.ok(200);

    let all = owner.get("/dashboard/production/credentials").await;
    all.page(200, "u-off");
    all.page(200, "u-&lt;on&gt;");
    all.page(200, "<option value=\"quillpost\"></option>");
    for (query, has, has_not) in [
        ("?status=inactive", "u-off", "u-&lt;on&gt;"),
        ("?status=active", "u-&lt;on&gt;", ">u-off<"),
        ("?user=u-off", "u-off", "u-&lt;on&gt;"),
        ("?ends=7", "u-off", "u-&lt;on&gt;"),
        ("?connector=quillpost&user=u-off", "connector: quillpost", "u-&lt;on&gt;"),
        ("?status=&connector=&user=&ends=", "u-off", "No credential fits"),
    ] {
        let shown = owner.get(&format!("/dashboard/production/credentials{query}")).await;
        shown.page(200, has);
        assert!(!shown.html.contains(has_not), "{query}: {}", shown.html);
    }
    let none = owner.get("/dashboard/production/credentials?connector=other&status=active").await;
    none.page(200, "No credential fits these filters.");
    // A chip takes its own filter away and leaves the others.
    assert!(none.html.contains("?status=active\""), "{}", none.html);
    for bad in ["?status=odd", "?ends=soon", "?nonsense=1", "?cursor=x"] {
        owner.get(&format!("/dashboard/production/credentials{bad}")).await.page(400, "That didn");
    }
    owner.get("/dashboard/sandbox/credentials").await.page(200, "Nobody has connected");
}

#[tokio::test]
async fn the_worst_stands_first_on_every_page_and_a_row_opens_its_history_beside_it() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let mut ids = Vec::new();
    for user in ["u-revoked", "u-off", "u-older", "u-newer"] {
        app.pass(1);
        ids.push(owned(&app, user).await);
    }
    app.as_key().act(&format!("/credentials/{}/revoke", ids[0])).await.ok(200);
    app.as_key().patch(&format!("/credentials/{}", ids[1]), &json!({"active": false})).await.ok(200);
    app.hub.flush_audit().await.unwrap();
    let path = "/dashboard/production/credentials";
    let (mut page, mut users) = (format!("{path}?"), Vec::new());
    let last = loop {
        let shown = owner.get(&format!("{page}limit=1")).await;
        users.push(shown.between("<tbody>", "</bdi>").rsplit('>').next().unwrap().to_owned());
        // One comes back to the page of the list on which the row stands.
        let link = shown.between("class=\"cell-link\" href=\"", "\"");
        assert!(link.starts_with(&format!("{page}open=cred_")), "{link}");
        let Some((_, pages)) = shown.html.split_once("aria-label=\"Pages\">") else { break link };
        let Some((_, next)) = pages.split_once(&format!("href=\"{path}?cursor=")) else { break link };
        page = format!("{path}?cursor={}&", next.split("&amp;limit=1\"").next().unwrap());
    };
    assert_eq!(users, ["u-revoked", "u-off", "u-newer", "u-older"]);
    let opened = owner.get(&last).await;
    // One comes back to the row itself, and what is covered takes no focus.
    let row = format!("id=\"{}\" class=\"cell-link\"", ids[2]);
    opened.page(200, &row);
    let page = page.replace('&', "&amp;");
    opened.page(200, &format!("class=\"scrim\" href=\"{page}limit=1#{}\"", ids[2]));
    opened.page(200, "<header class=\"side\" inert>");
    opened.page(200, "tabindex=\"-1\" autofocus><bdi>Quillpost of u-older</bdi></h1>");

    let off = format!("{path}?status=inactive");
    let link = owner.get(&off).await.between("class=\"cell-link\" href=\"", "\"");
    assert_eq!(link, format!("{off}&open={}", ids[1]));
    let opened = owner.get(&link).await;
    opened.page(200, &format!("class=\"scrim\" href=\"{off}#{}\"", ids[1]));
    opened.page(200, "<strong>Switched off</strong>");
    opened.page(200, &format!("href=\"{path}/{}\">Open</a>", ids[1]));
    for missing in [format!("{path}?open=x"), format!("/dashboard/sandbox/credentials?open={}", ids[1])] {
        owner.get(&missing).await.page(404, "Not found");
    }
}

#[tokio::test]
async fn the_history_tells_what_happened_in_the_apps_own_words() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let owner = app.as_owner().await;
    let id = app.connect("u-17").await;
    app.as_key()
        .put("/integrations/crm", &json!({"name": "Ask your CRM", "connectors": [{"connector": "fernhill"}]}))
        .await
        .ok(201);
    let page = format!("/dashboard/production/credentials/{id}");
    for _ in 0..3 {
        app.token(&id).await;
        app.clock.advance(TimeDelta::minutes(2));
        app.as_key().act(&format!("/credentials/{id}/refresh")).await.ok(200);
    }
    for _ in 0..2 {
        app.token(&id).await;
    }
    app.pass(1);
    app.calling(&id).get("/proxy/me").await.ok(200);
    // It is written down when the last of the answer has gone.
    eventually("the call in the log", async || match app.calls().await.len() {
        1 => Ok(()),
        count => Err(count),
    })
    .await;
    let modal = app.modal(&json!({"userId": "u-17", "credentialId": id})).await;
    let popup = modal.popup("fernhill").await;
    let back = popup.decide(&app, "deny", "jo@acme.test").await;
    app.callback(&back, &popup.cookie).await;
    let modal = app.modal(&json!({"userId": "u-17", "credentialId": id})).await;
    app.clock.advance(TimeDelta::minutes(1));
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    app.hub.flush_audit().await.unwrap();

    let shown = owner.get(&page).await;
    let told = [
        "Reconnected",
        "Connecting it failed",
        "access_denied",
        "<strong>Used</strong>",
        "Token read ×5",
        "Refreshed ×3",
        "Connected",
    ];
    let mut rest = shown.page(200, "Ask your CRM");
    for words in told {
        rest = rest.split_once(words).unwrap_or_else(|| panic!("no {words:?} after that in {rest}")).1;
    }
    shown.page(200, "as jo@acme.test");
    shown.page(200, "by its user");
    shown.page(200, "by the API key ");

    // A page has as many changes as it is asked for, with the uses between them.
    let first = owner.get(&format!("{page}?limit=2")).await;
    first.page(200, "Next page");
    assert!(
        first.html.contains("Reconnected") && !first.html.contains("<strong>Connected</strong>"),
        "{}",
        first.html
    );
    let (mut next, mut pages) = (format!("{page}?limit=2"), 0);
    let mut seen = String::new();
    loop {
        let shown = owner.get(&next).await;
        seen.push_str(&shown.html);
        pages += 1;
        let Some(link) = shown.html.split("aria-label=\"Pages\">").nth(1) else { break };
        let Some((_, link)) = link.split_once(&format!("href=\"{page}?cursor=")) else { break };
        next = format!("{page}?cursor={}", link.split('"').next().unwrap().replace("&amp;", "&"));
    }
    assert!(pages >= 3, "{pages}");
    assert_eq!(seen.matches("<strong>Connected</strong>").count(), 1);
    assert_eq!(seen.matches("<strong>Connecting it failed</strong>").count(), 1);
}

#[tokio::test]
async fn a_refused_refresh_shows_its_code_and_how_it_ended() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let owner = app.as_owner().await;
    let id = app.connect("u-17").await;
    app.fake.withdraw(app.fake.grants()[0].id);
    app.clock.advance(TimeDelta::hours(2));
    let token = format!("/credentials/{id}/token");
    app.as_key().get(&token).await.assert_problem(503, "refresh_pending");
    app.clock.advance(TimeDelta::minutes(2));
    app.as_key().get(&token).await.assert_problem(409, "credential_expired");
    owner.sign_in().await.leads_to("/dashboard");
    let shown = owner.get(&format!("/dashboard/production/credentials/{id}")).await;
    shown.page(200, "Refresh failed");
    shown.page(200, "invalid_grant");
    shown.page(200, "Must be connected again");
    shown.page(200, "The app refused to renew it, twice.");
}

#[tokio::test]
async fn it_is_verified_switched_and_ended_with_one_question_each() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let id = owned(&app, "u-17").await;
    let page = format!("/dashboard/production/credentials/{id}");
    owner.get(&page).await.page(200, "ends where the app refuses it twice");
    owner.post(&format!("{page}/verify"), &[]).await.leads_to(&page);
    owner.get(&page).await.page(200, "The app was asked: it works.");
    owner.post(&format!("{page}/refresh"), &[]).await.page(400, "nothing to refresh");

    owner.get(&format!("{page}/deactivate")).await.page(200, "Switch off Quillpost of u-17?");
    app.as_key().get(&format!("/credentials/{id}/token")).await.ok(200);
    owner.post(&format!("{page}/deactivate"), &[]).await.leads_to(&page);
    app.as_key().get(&format!("/credentials/{id}/token")).await.assert_problem(409, "credential_inactive");
    owner.get(&page).await.page(200, "Somebody switched it off.");
    owner.post(&format!("{page}/reactivate"), &[]).await.leads_to(&page);
    app.as_key().get(&format!("/credentials/{id}/token")).await.ok(200);

    owner.get(&format!("{page}/revoke")).await.page(200, "Revoke Quillpost of u-17?");
    owner.post(&format!("{page}/revoke"), &[]).await.leads_to(&page);
    let shown = owner.get(&page).await;
    shown.page(200, "It has ended here. The app has no way to be told.");
    shown.page(200, "It was revoked here.");
    assert!(!shown.html.contains(&format!("{page}/revoke")), "what is over is not offered");
    owner.post(&format!("{page}/reactivate"), &[]).await.page(409, "ended");

    app.hub.flush_uses().await.unwrap();
    owner.get(&format!("{page}/delete")).await.page(200, "It was last used");
    owner.post(&format!("{page}/delete"), &[]).await.leads_to("/dashboard/production/credentials");
    owner.get(&page).await.page(404, "Not found");
    app.as_key().get(&format!("/credentials/{id}")).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_link_to_reconnect_leads_its_user_to_this_credential_alone() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let id = owned(&app, "u-17").await;
    let link = format!("/dashboard/production/credentials/{id}/link");
    // Without a page to come back to, nobody could confirm what comes of it.
    owner.post(&link, &[]).await.page(400, "Set the return address of this environment");
    let settings = json!({"defaultReturnUrl": "https://app.acme.test/back"});
    app.as_key().patch("/environment", &settings).await.ok(200);
    let shown = owner.post(&link, &[]).await;
    shown.page(200, "A link to reconnect Quillpost of u-17");
    let address = shown.between("id=\"value\" tabindex=\"0\" aria-label=\"The link\">", "</code>");
    let (_, token) = address.split_once('#').unwrap();
    let request = app.client.get(format!("{}/connect/state", app.base_url)).bearer_auth(token);
    let state: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(state["connectors"].as_array().unwrap().len(), 1, "{state}");
    app.hub.flush_audit().await.unwrap();
    let page = format!("/dashboard/production/credentials/{id}");
    owner.get(&page).await.page(200, "Link to reconnect made");

    // An embedder's own page stands before it.
    let settings = json!({"reconnectUrl": "https://app.acme.test/mend/{credentialId}"});
    app.as_key().patch("/environment", &settings).await.ok(200);
    owner.post(&link, &[]).await.page(200, &format!("https://app.acme.test/mend/{id}"));
}

#[tokio::test]
async fn nothing_of_another_environment_or_workspace_is_there() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let id = owned(&app, "u-17").await;
    let stranger = app.as_foreign_owner().await;
    for path in ["", "/delete", "/revoke", "/deactivate"] {
        owner.get(&format!("/dashboard/sandbox/credentials/{id}{path}")).await.page(404, "Not found");
        stranger.get(&format!("/dashboard/production/credentials/{id}{path}")).await.page(404, "Not found");
    }
    for path in ["/verify", "/refresh", "/link", "/deactivate", "/reactivate", "/revoke", "/delete"] {
        owner.post(&format!("/dashboard/sandbox/credentials/{id}{path}"), &[]).await.page(404, "Not found");
    }
    let form = [("action", "delete"), ("sure", "1"), ("credential", id.as_str())];
    owner.post("/dashboard/sandbox/credentials/bulk", &form).await.page(200, "Not there any more");
    assert_eq!(app.shown(&id).await["status"], "active");
}

#[tokio::test]
async fn each_role_is_offered_what_it_may_do() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let id = owned(&app, "u-17").await;
    let page = format!("/dashboard/production/credentials/{id}");
    for (person, manages) in [(&owner, true), (&editor, false)] {
        let shown = person.get(&page).await;
        shown.page(200, &format!("action=\"{page}/verify\""));
        for act in ["deactivate", "revoke", "delete"] {
            assert_eq!(shown.html.contains(&format!("{page}/{act}\"")), manages, "{act} {}", person.email);
        }
        let list = person.get("/dashboard/production/credentials").await;
        assert_eq!(list.html.contains("credentials/bulk"), manages, "{}", person.email);
    }
    let list = viewer.get("/dashboard/production/credentials").await;
    list.page(200, "u-17");
    assert!(!list.html.contains(&page) && !list.html.contains("/attempts\""), "{}", list.html);
    for hidden in [page, format!("/dashboard/production/credentials?open={id}")] {
        viewer.get(&hidden).await.page(403, "Your role (viewer) may not do this.");
    }
}
