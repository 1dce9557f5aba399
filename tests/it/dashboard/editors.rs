//! Two people who have the same form open: whoever saves second is told of the first, and loses nothing.

use serde_json::json;
use vouchsafe::demo::fake::{FERNHILL, QUILLPOST};

use crate::api::secrets::masked;
use crate::support::app::TestApp;
use crate::support::browser::Shown;
use crate::support::receiver::Receiver;

type Fields<'a> = Vec<(&'a str, &'a str)>;

/// What the form of a page was made from.
fn seen(shown: &Shown) -> String {
    shown.between("name=\"seen\" value=\"", "\"")
}

/// The second of two is told, with the way to what the first has saved.
#[track_caller]
fn is_told(shown: &Shown, open: &str) {
    shown.page(409, "role=\"alert\"");
    // The console keeps an empty one for its script.
    let notices = shown.html.split("role=\"alert\">").skip(1).filter_map(|rest| rest.split("</p>").next());
    let told: Vec<_> = notices.filter(|told| told.contains("Somebody changed this")).collect();
    let [told] = told[..] else { panic!("{} notices of a change in {}", told.len(), shown.html) };
    for text in ["2 minutes ago", &format!("href=\"{open}\"")] {
        assert!(told.contains(text), "no {text:?} in {told}");
    }
}

#[tokio::test]
async fn the_second_of_two_owners_who_set_the_rules_of_the_workspace_is_told() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let second = app.as_invited(&owner, "owner", "second@acme.test").await;
    let page = "/dashboard/members/settings";
    let opened = seen(&second.get(page).await);
    app.pass(120);
    let theirs = [("settings", "totpRequired"), ("settings", "editorsMayReveal"), ("seen", opened.as_str())];
    owner.post(page, &theirs).await.leads_to("/dashboard/members");
    app.pass(120);
    let told = second.post(page, &[("settings", "totpRequired"), ("seen", opened.as_str())]).await;
    is_told(&told, page);
    told.page(409, "value=\"totpRequired\" checked>");
    let kept = "Editors may reveal masked secrets.";
    owner.get("/dashboard/members").await.page(200, kept);
    let now = seen(&told);
    let mine = [("settings", "totpRequired"), ("seen", now.as_str())];
    second.post(page, &mine).await.leads_to("/dashboard/members");
    owner.get("/dashboard/members").await.page(200, "Editors may not reveal masked secrets.");
}

/// The form of a secret.
fn secret<'a>(name: &'a str, value: &'a str, seen: &'a str) -> Fields<'a> {
    vec![("name", name), ("value", value), ("seen", seen), ("environments", "production"), ("ends", "never")]
}

#[tokio::test]
async fn the_second_of_two_who_edit_a_secret_is_told_and_saves_by_a_second_press() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ad@acme.test").await;
    app.secret(&masked("K")).await;
    let (list, edit) = ("/dashboard/production/secrets", "/dashboard/production/secret/K/edit");
    let name = async || app.as_key().get("/secrets/K").await.ok(200)["name"].clone();
    let value = async || app.as_key().act("/secrets/K/reveal").await.ok(200)["value"].clone();

    let opened = seen(&owner.get(edit).await);
    assert_eq!(seen(&admin.get(edit).await), opened);
    app.pass(120);
    owner.post(edit, &secret("Theirs", "the-value-of-theirs", &opened)).await.leads_to(list);
    app.pass(120);
    // Who has a mistake to mend is told of that first, and of the other person all the same.
    let mut wrong = secret("Mine", "", &opened);
    wrong.push(("allowedHosts", "https://x"));
    let wrong = owner.post(edit, &wrong).await;
    wrong.page(400, "f-allowedHosts-error");
    assert_eq!(seen(&wrong), opened);

    let told = admin.post(edit, &secret("Mine", "the-value-of-mine", &opened)).await;
    is_told(&told, edit);
    told.page(409, "value=\"Mine\"");
    told.page(409, "enter it anew");
    assert!(!told.html.contains("the-value-of"), "{}", told.html);
    assert_eq!((name().await, value().await), (json!("Theirs"), json!("the-value-of-theirs")));

    let now = seen(&told);
    admin.post(edit, &secret("Mine", "the-value-of-mine", &now)).await.leads_to(list);
    assert_eq!((name().await, value().await), (json!("Mine"), json!("the-value-of-mine")));
}

/// The form of a connector.
fn connector(seen: &str) -> Fields<'_> {
    vec![("settings", "all"), ("seen", seen), ("clientId", "mine"), ("secret-client", "a-typed-secret")]
}

#[tokio::test]
async fn a_connector_that_the_api_changed_meanwhile_is_not_overwritten_unseen() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let (page, path) = ("/dashboard/production/connectors/fernhill", "/connectors/fernhill");
    app.as_key().put(path, &json!({"provider": FERNHILL, "clientId": "first"})).await.ok(201);
    let opened = seen(&owner.get(page).await);
    app.pass(120);
    app.as_key().put(path, &json!({"provider": FERNHILL, "clientId": "theirs"})).await.ok(200);
    let before = app.as_key().get(path).await.ok(200);
    app.pass(120);
    let told = owner.post(page, &connector(&opened)).await;
    is_told(&told, page);
    told.page(409, "value=\"mine\"");
    told.page(409, "enter it anew");
    assert!(!told.html.contains("a-typed-secret"), "{}", told.html);
    assert_eq!(app.as_key().get(path).await.ok(200), before);
    let now = seen(&told);
    owner.post(page, &connector(&now)).await.leads_to(page);
    assert_eq!(app.as_key().get(path).await.ok(200)["clientId"], "mine");
}

#[tokio::test]
async fn whatever_else_is_saved_second_is_told_too() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let key = app.as_key();
    let receiver = Receiver::start().await;
    let made = app.endpoint(&receiver).await;
    let endpoint = made["webhookEndpointId"].as_str().unwrap();
    let (webhook, endpoint) = (format!("webhooks/{endpoint}"), format!("/webhook-endpoints/{endpoint}"));
    let needs = |name: &str| json!({"name": name, "connectors": [{"connector": QUILLPOST}]});
    key.put("/integrations/ask", &needs("Ask")).await.ok(201);

    let cases: [(&str, &str, Fields<'_>); 5] = [
        ("integrations/ask", "/integrations/ask", vec![("name", "Mine"), ("connector-0", QUILLPOST)]),
        (webhook.as_str(), endpoint.as_str(), vec![("url", receiver.url.as_str()), ("description", "mine")]),
        ("settings", "/environment", vec![("minimumBinding", "opener"), ("mailTo", "nobody")]),
        ("theme", "/environment", vec![("appName", "Mine"), ("font", "system")]),
        // It exists by default and has no row yet when its form is opened.
        ("connectors/quillpost", "/connectors/quillpost", vec![("settings", "all")]),
    ];
    for (page, path, form) in cases {
        let page = format!("/dashboard/production/{page}");
        let opened = seen(&owner.get(&page).await);
        app.pass(120);
        let theirs = match path.split('/').nth(1).unwrap() {
            "integrations" => key.put(path, &needs("Theirs")).await,
            "connectors" => key.put(path, &json!({"provider": QUILLPOST})).await,
            "environment" => key.patch(path, &json!({"purgeAfterDays": 7})).await,
            _ => key.patch(path, &json!({"description": "theirs"})).await,
        };
        assert!(theirs.status < 300, "{path}: {}", theirs.status);
        let before = key.get(path).await.ok(200);
        app.pass(120);
        let told = owner.post(&page, &[&form[..], &[("seen", opened.as_str())]].concat()).await;
        is_told(&told, &page);
        assert_eq!(key.get(path).await.ok(200), before, "{path}");
        let now = seen(&told);
        let saved = owner.post(&page, &[&form[..], &[("seen", now.as_str())]].concat()).await;
        assert_eq!(saved.status, 303, "{path}: {}", saved.html);
    }
}

#[tokio::test]
async fn who_gives_a_value_from_the_console_is_told_too() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&masked("K")).await;
    let console = "/dashboard/production/console";
    let value = async || app.as_key().act("/secrets/K/reveal").await.ok(200)["value"].clone();
    let edit = [("picking", "header-0"), ("mode", "find"), ("act", "edit:K")];
    let opened = seen(&owner.post(console, &edit).await);
    app.pass(120);
    app.as_key().patch("/secrets/K", &json!({"value": "the-value-of-theirs"})).await.ok(200);
    app.pass(120);
    let mut form = vec![
        ("picking", "header-0"),
        ("mode", "edit"),
        ("editing", "K"),
        ("value", "the-value-of-mine"),
        ("act", "save"),
    ];
    let told = owner.post(console, &[&form[..], &[("seen", opened.as_str())]].concat()).await;
    is_told(&told, "/dashboard/production/secret/K");
    assert!(!told.html.contains("the-value-of"), "{}", told.html);
    assert_eq!(value().await, "the-value-of-theirs");
    let now = seen(&told);
    form.push(("seen", now.as_str()));
    owner.post(console, &form).await.page(200, "K has its new value.");
    assert_eq!(value().await, "the-value-of-mine");
}
