//! What all lists have in common: their parts stand in one order, and each page keeps the filters and its length.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vouchsafe::demo::fake::{FERNHILL, REVOKED_KEY};

use crate::api::secrets::masked;
use crate::support::app::TestApp;
use crate::support::browser::Shown;

/// The parts of a list in the order of every page.
const ORDER: [&str; 6] = [
    "<div class=\"head\">",
    "<form class=\"filter-form\"",
    "<nav class=\"chips\"",
    "<ul class=\"chips\"",
    "class=\"table-frame\"",
    "<nav class=\"pager\"",
];

#[tokio::test]
async fn a_switch_of_environment_stays_on_the_same_kind_of_page_and_takes_nothing_along() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.user("u-1").await;
    let credential = app.credential("u-1").await["credentialId"].as_str().unwrap().to_owned();
    let one = format!("credentials/{credential}");
    let ended = format!("credentials/{credential}/delete");
    for (here, there) in [
        ("secrets?search=stripe&limit=1", "secrets"),
        (one.as_str(), "credentials"),
        (ended.as_str(), "credentials"),
        ("credentials?user=u-1", "credentials"),
        ("users?search=u-1", "users"),
        ("catalogue/quillpost", "catalogue"),
        ("theme", "theme"),
        ("audit?action=user.create", "audit"),
        ("console", "console"),
        ("overview", "overview"),
    ] {
        let shown = owner.get(&format!("/dashboard/production/{here}")).await;
        shown.page(200, &format!("href=\"/dashboard/sandbox/{there}\""));
        let list = shown.between("class=\"environment-list\"", "</ul>");
        assert!(list.contains(&format!("href=\"/dashboard/sandbox/{there}\"")), "{here}: {list}");
        assert!(!list.contains('?') && !list.contains("u-1") && !list.contains("cred_"), "{here}: {list}");
        owner.get(&format!("/dashboard/sandbox/{there}")).await.page(200, "<h1");
    }
    // What is in no environment leads to the overview; a page that a role is not shown is not offered to it either.
    let account = owner.get("/dashboard/account").await;
    account.page(200, "href=\"/dashboard/sandbox/overview\"");
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let hidden = viewer.get("/dashboard/production/audit").await;
    assert!(hidden.page(404, "Not found").contains("href=\"/dashboard/sandbox/overview\""));
}

/// The JSON that the command of a page sends.
fn sent_by_the_command(shown: &Shown) -> Value {
    let command = shown.between("id=\"curl\"", "</pre>");
    let command = command.replace("&quot;", "\"").replace("&#39;", "'").replace("&#x27;", "'");
    let (_, body) = command.split_once("-d '").unwrap();
    serde_json::from_str(body.strip_suffix('\'').unwrap()).unwrap()
}

#[tokio::test]
async fn the_command_of_every_page_without_sessions_makes_a_link() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    for page in ["overview", "credentials", "attempts"] {
        let shown = owner.get(&format!("/dashboard/production/{page}")).await;
        shown.page(200, "connectUrl");
        let made = app.as_key().post("/connect/sessions", &sent_by_the_command(&shown)).await.ok(201);
        let link = made["connectUrl"].as_str().unwrap_or_else(|| panic!("{page}: {made}"));
        assert!(link.starts_with(&app.base_url), "{page}: {link}");
    }
}

#[tokio::test]
async fn a_question_stands_in_the_place_from_which_it_was_opened() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&masked("STRIPE_KEY")).await;
    app.user("u-1").await;
    let credential = app.credential("u-1").await["credentialId"].as_str().unwrap().to_owned();
    let proof = "step-up?next=%2Fdashboard%2Fproduction%2Fsecret%2FSTRIPE_KEY%2Freveal";
    for (question, place) in [
        (format!("production/credentials/{credential}/revoke").as_str(), "production/credentials"),
        ("production/secret/STRIPE_KEY/delete", "production/secrets"),
        ("production/secret/STRIPE_KEY/reveal", "production/secrets"),
        (proof, "production/secrets"),
        ("account/sessions/end", "account"),
    ] {
        let shown = owner.get(&format!("/dashboard/{question}")).await;
        shown.page(200, &format!("href=\"/dashboard/{place}\" aria-current=\"page\""));
        assert_eq!(shown.html.matches("aria-current=\"page\"").count(), 1, "{question}");
    }
}

#[tokio::test]
async fn the_parts_of_every_list_stand_in_one_order() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let key = app.as_key();
    for name in ["one", "two"] {
        app.user(name).await;
        app.credential(name).await;
        key.put(&format!("/connectors/{name}"), &json!({"provider": FERNHILL})).await.ok(201);
        let needs = json!({"name": name, "connectors": [{"connector": name}]});
        key.put(&format!("/integrations/{name}"), &needs).await.ok(201);
    }
    // Each with the parts that it must have.
    let lists: [(&str, &[usize]); 12] = [
        ("credentials?user=one", &[0, 1, 2, 3, 4]),
        ("credentials?limit=1", &[0, 1, 2, 4, 5]),
        ("users?search=one", &[0, 1, 3, 4]),
        ("users?limit=1", &[0, 1, 4, 5]),
        ("connectors?limit=1", &[0, 4, 5]),
        ("catalogue?search=fernhill", &[0, 1, 2, 3]),
        ("integrations?limit=1", &[0, 4, 5]),
        ("events?limit=1", &[0, 1, 4, 5]),
        ("audit?action=user.create&limit=1", &[0, 1, 3, 4, 5]),
        ("attempts?user=one", &[0, 1, 2, 3]),
        ("secrets?search=one", &[0, 1, 3]),
        ("api-keys", &[0, 4]),
    ];
    for (list, parts) in lists {
        let shown = owner.get(&format!("/dashboard/production/{list}")).await;
        shown.page(200, "<h1");
        let found: Vec<_> = ORDER.iter().map(|part| shown.html.find(part)).collect();
        let there: Vec<_> = (0..ORDER.len()).filter(|at| found[*at].is_some()).collect();
        assert_eq!(there, parts, "{list}");
        assert!(found.iter().flatten().is_sorted(), "{list}: {found:?}");
    }
}

/// The parameters of an address but for `limit` and `cursor`.
fn filters(address: &str) -> BTreeSet<String> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let own = query.split('&').filter(|one| !one.starts_with("limit=") && !one.starts_with("cursor="));
    own.filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// The address of the link of a pager that says `word`.
fn paged(shown: &Shown, word: &str) -> String {
    let pager = shown.between("<nav class=\"pager\"", "</nav>");
    let (before, _) = pager.split_once(word).unwrap_or_else(|| panic!("no {word:?} in {pager}"));
    let (_, link) = before.rsplit_once("href=\"").unwrap();
    link.split('"').next().unwrap().to_owned()
}

/// What leads from a page of the list at `path` to the same list; all of it asks for one row.
fn assert_one_row_each(shown: &Shown, path: &str) {
    let (_, main) = shown.html.split_once("<main").unwrap();
    let links = main.split("href=\"").skip(1).map(|link| link.split('"').next().unwrap());
    let links: Vec<_> = links.filter(|link| link.split('?').next() == Some(path)).collect();
    assert!(!links.is_empty(), "{path}: {main}");
    let one = |link: &&str| link.split(['?', ';']).any(|part| part == "limit=1");
    assert!(links.iter().all(one), "{path}: {links:?}");
    let forms = ["class=\"filter-form\"", "class=\"column-choice-list\""];
    let forms: usize = forms.iter().map(|form| main.matches(form).count()).sum();
    assert_eq!(main.matches("type=\"hidden\" name=\"limit\" value=\"1\"").count(), forms, "{path}: {main}");
}

#[tokio::test]
async fn every_page_of_a_list_keeps_its_filters_and_how_many_rows_it_has() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let key = app.as_key();
    app.user("three").await;
    let another = json!({"name": "another", "scopes": ["users:read"]});
    key.post("/api-keys", &another).await.ok(201);
    for name in ["one", "two"] {
        let hook = json!({"url": format!("http://127.0.0.1:9/{name}")});
        key.post("/webhook-endpoints", &hook).await.ok(201);
        app.user(name).await;
        app.secret(&masked(&format!("KEY_{}", name.to_uppercase()))).await;
        key.put(&format!("/connectors/{name}"), &json!({"provider": FERNHILL})).await.ok(201);
        let needs = json!({"name": name, "connectors": [{"connector": name}]});
        key.put(&format!("/integrations/{name}"), &needs).await.ok(201);
        app.credential(name).await;
        let modal = app.modal(&json!({"userId": "three", "connectors": ["quillpost"]})).await;
        modal.submit("quillpost", "api_key", json!({"key": REVOKED_KEY})).await;
    }
    for list in [
        "credentials?status=active&connector=quillpost",
        "users?search=o",
        "attempts?outcome=failed&connector=quillpost&user=three",
        "secrets?search=KEY&type=api_key&visibility=masked&state=active&ended=shown",
        "catalogue?search=l",
        "events?type=credential.created",
        "audit?action=user.create&since=2020-01-01&until=2100-01-01",
        "connectors",
        "integrations",
        "webhooks",
        "api-keys",
    ] {
        let asked = format!("/dashboard/production/{list}");
        let path = asked.split('?').next().unwrap();
        let limited = format!("{asked}{}limit=1", if list.contains('?') { '&' } else { '?' });
        let shown = owner.get(&limited).await;
        assert_one_row_each(&shown, path);
        let next = paged(&shown, "Next page");
        assert_eq!(filters(&next), filters(&asked), "{list}: {next}");
        assert!(next.contains("cursor="), "{list}: {next}");
        let second = owner.get(&next).await;
        second.page(200, "First page");
        assert_one_row_each(&second, path);
        let first = paged(&second, "First page");
        assert_eq!(filters(&first), filters(&asked), "{list}: {first}");
        owner.get(&first).await.page(200, "<h1");
    }
}
