//! Connectors in the dashboard: found in the catalogue, added, set up, tested, switched off, deleted.

use serde_json::{Value, json};
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL, QUILLPOST};
use vouchsafe_entity::kind::WorkspaceState;

use crate::api::secrets::masked;
use crate::support::app::{PARTNER, TestApp};

const CONNECTORS: &str = "/dashboard/production/connectors";
const FERN: &str = "/dashboard/production/connectors/fernhill";

#[tokio::test]
async fn an_app_is_found_in_the_catalogue_and_added_once() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    owner.get(CONNECTORS).await.page(200, "There is none in this environment yet");
    let found = owner.get("/dashboard/production/catalogue?search=fernh").await;
    found.page(200, "/dashboard/production/catalogue/fernhill\"");
    assert!(!found.html.contains("catalogue/hubspot\""));
    let crm = owner.get("/dashboard/production/catalogue?category=crm&search=hubspot").await;
    crm.page(200, "catalogue/hubspot\"");
    owner
        .get("/dashboard/production/catalogue?category=gaming&search=hubspot")
        .await
        .page(200, "No app of the");
    let first = owner.get("/dashboard/production/catalogue?limit=2").await;
    let next = first.between("aria-label=\"Pages\">", "</nav>");
    let next = next.split_once("href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    owner.get(&next).await.page(200, "First page");

    let page = "/dashboard/production/catalogue/fernhill";
    owner.get(page).await.page(200, "value=\"fernhill\"");
    owner.post(page, &[("key", "fernhill")]).await.leads_to(FERN);
    let shown = owner.get(FERN).await;
    shown.page(200, "The connector is there");
    let uri =
        app.as_key().get("/connectors/fernhill").await.ok(200)["redirectUri"].as_str().unwrap().to_owned();
    assert_eq!(shown.between("aria-label=\"The redirect URI\">", "</code>"), uri);
    owner.get("/dashboard/production/catalogue?search=fernh").await.page(200, "Added");

    // Whatever is there stays as it is.
    let set = json!({"provider": "fernhill", "clientId": "mine"});
    app.as_key().put("/connectors/fernhill", &set).await.ok(200);
    let again = owner.post(page, &[("key", "fernhill")]).await;
    again.page(400, "There is a connector of this key");
    assert_eq!(app.as_key().get("/connectors/fernhill").await.ok(200)["clientId"], "mine");
    owner.get(page).await.page(200, "value=\"fernhill-2\"");
    owner.post(page, &[("key", "Not a key")]).await.page(400, "A key has a-z");
    owner.get("/dashboard/production/catalogue/nothing").await.page(404, "Not found");
}

/// The form of Fernhill as an owner sends it.
fn form<'a>(secret: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("settings", "all"),
        ("clientId", DEMO_CLIENT_ID),
        ("secret-client", secret),
        ("scopes", "items:read\r\nitems:write"),
        ("authorizationParams", "prompt=consent\r\n"),
    ];
    form.extend(more);
    form
}

#[tokio::test]
async fn a_connector_is_set_up_and_its_test_says_whether_the_app_knows_the_client() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.as_key().put("/connectors/fernhill", &json!({"provider": FERNHILL})).await.ok(201);
    let test = format!("{FERN}/test");
    owner.get(FERN).await.page(200, "Client ID missing");
    owner.post(&test, &[]).await.page(200, "Missing: the client ID");

    owner.post(FERN, &form("a-wrong-secret", &[])).await.leads_to(FERN);
    let refused = owner.post(&test, &[]).await;
    refused.page(200, "refused the client");
    assert!(refused.html.contains("invalid_client"), "the app's own words: {}", refused.html);

    owner.post(FERN, &form(DEMO_CLIENT_SECRET, &[])).await.leads_to(FERN);
    let known = owner.post(&test, &[]).await;
    known.page(200, "knows this client and accepts its secret");
    for page in [&refused, &known, &owner.get(FERN).await] {
        assert!(!page.html.contains(DEMO_CLIENT_SECRET) && !page.html.contains("a-wrong-secret"));
    }
    let kept = app.as_key().get("/connectors/fernhill").await.ok(200);
    assert_eq!(
        (&kept["hasClientSecret"], &kept["scopes"], &kept["authorizationParams"]),
        (&json!(true), &json!(["items:read", "items:write"]), &json!({"prompt": "consent"}))
    );
    // Left empty it stays. It goes once that was asked and answered.
    owner.post(FERN, &form("", &[])).await.leads_to(FERN);
    let remove = format!("{FERN}/kept/secret-client/remove");
    owner.get(FERN).await.page(200, &format!("href=\"{remove}\""));
    let asked = owner.get(&remove).await;
    asked.page(200, "Remove the client secret of “fernhill” of production?");
    asked.page(200, &format!("method=\"post\" action=\"{remove}\""));
    asked.page(200, "users may not be able to connect.");
    let switch = owner.get(&format!("{FERN}/disable")).await;
    switch.page(200, "It has no credentials.");
    assert!(!asked.html.contains("0 credentials") && !switch.html.contains("0 credentials"));
    assert_eq!(app.as_key().get("/connectors/fernhill").await.ok(200)["hasClientSecret"], true);
    owner.post(&remove, &[]).await.leads_to(FERN);
    owner.get(FERN).await.page(200, "What was kept is removed.");
    owner.get(&remove).await.page(404, "Not found");
    assert_eq!(app.as_key().get("/connectors/fernhill").await.ok(200)["hasClientSecret"], false);

    let log = app.as_key().get("/audit-events?action=connector.test").await.ok(200);
    let results: Vec<_> = log["data"].as_array().unwrap().iter().map(|one| one["result"].clone()).collect();
    assert_eq!(results, ["ok", "failed", "failed"]);
}

#[tokio::test]
async fn what_a_connector_lacks_is_its_state_with_the_step_that_mends_it() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let overview = "/dashboard/production/overview";
    let told = async |word: &str, step: &str| {
        for page in [CONNECTORS, FERN, overview] {
            let shown = owner.get(page).await;
            shown.page(200, word);
            shown.page(200, step);
        }
    };
    let put = async |body: Value, status| app.as_key().put("/connectors/fernhill", &body).await.ok(status);
    put(json!({"provider": FERNHILL}), 201).await;
    told("Client ID missing", "Make an OAuth client at Fernhill").await;
    put(json!({"provider": FERNHILL, "clientId": "mine"}), 200).await;
    told("Client secret missing", "Enter the secret of your client at Fernhill").await;

    app.secret(&masked("FERN")).await;
    put(json!({"provider": FERNHILL, "clientId": "mine", "clientSecret": "$Secret{FERN}"}), 200).await;
    for page in [CONNECTORS, FERN, overview] {
        let shown = owner.get(page).await;
        assert!(
            !shown.html.contains("Client secret missing") && !shown.html.contains("is not set up"),
            "{page}"
        );
    }
    app.as_key().act("/secrets/FERN/deactivate").await.ok(200);
    told("Secret switched off", "Switch the secret FERN on").await;
    owner.get(FERN).await.page(200, "href=\"/dashboard/production/secret/FERN\"");
    // How a secret stands is told to nobody who sees names alone.
    for page in [CONNECTORS, FERN, overview] {
        assert!(!viewer.get(page).await.html.contains("Secret switched off"), "{page}");
    }
    app.as_key().delete("/secrets/FERN?force=true").await.ok(200);
    told("Secret missing", "Create the secret FERN").await;
    // What is switched off on purpose needs nobody's attention.
    owner.post(&format!("{FERN}/disable"), &[]).await.leads_to(FERN);
    let off = owner.get(FERN).await;
    assert_eq!(off.page(200, "Switch on").matches("button primary").count(), 1);
    assert!(!owner.get(overview).await.html.contains("is not set up"));
    owner.get(CONNECTORS).await.page(200, "Switched off");
}

#[tokio::test]
async fn credentials_are_counted_to_a_hundred_where_they_are_shown_and_to_the_end_where_they_end() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.user("u-0").await;
    let page = format!("{CONNECTORS}/{QUILLPOST}");
    let first = app.credential("u-0").await["credentialId"].as_str().unwrap().to_owned();
    owner.get(&page).await.page(200, "<span>1 credential</span>");
    for number in 1..=100 {
        let user = format!("u-{number}");
        app.user(&user).await;
        app.credential(&user).await;
    }
    owner.get(CONNECTORS).await.page(200, ">100+<");
    owner.get(&page).await.page(200, "<span>100+ credentials</span>");
    owner.get(&format!("{page}/delete")).await.page(200, "101 credentials are deleted with it");
    assert_eq!(app.as_key().get("/connectors").await.ok(200)["data"][0]["credentials"], 101);
    app.as_key().delete(&format!("/credentials/{first}")).await.ok(200);
    owner.get(CONNECTORS).await.page(200, ">100<");
    owner.get(&page).await.page(200, "<span>100 credentials</span>");
}

#[tokio::test]
async fn an_app_that_is_away_or_needs_nothing_is_told_as_such() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let quillpost = format!("{CONNECTORS}/{QUILLPOST}");
    owner.get(&quillpost).await.page(200, "needs nothing from you");
    owner.post(&format!("{quillpost}/test"), &[]).await.page(200, "answers. Whether a key is right");
    app.define(
        QUILLPOST,
        &app.fake.api_key_definition_toml(QUILLPOST).replace(app.fake.base_url(), "http://127.0.0.1:9"),
    );
    owner.post(&format!("{quillpost}/test"), &[]).await.page(200, "could not be reached");
    owner.get(&format!("{CONNECTORS}/nothing")).await.page(404, "Not found");
    owner.post(&format!("{CONNECTORS}/nothing/test"), &[]).await.page(404, "Not found");
}

#[tokio::test]
async fn each_mistake_stands_at_its_field_and_secrets_are_never_shown_again() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let page = format!("{CONNECTORS}/{PARTNER}");
    let set = json!({"provider": PARTNER, "variables": {"partner_token": "pt-very-secret", "tier": "gold"}});
    app.as_key().put(&format!("/connectors/{PARTNER}"), &set).await.ok(201);
    let shown = owner.get(&page).await;
    shown.page(200, "value=\"gold\"");
    assert!(!shown.html.contains("pt-very-secret"));
    let wrong = [("settings", "all"), ("secret-var-partner_token", "not-a-token"), ("var-tier", "silver")];
    let refused = owner.post(&page, &wrong).await;
    refused.page(400, "id=\"f-secret-var-partner_token-error\"");
    assert!(refused.html.contains("value=\"silver\"") && !refused.html.contains("not-a-token"));
    let missing = [("settings", "all"), ("secret-var-partner_token", "$Secret{NOTHING}")];
    owner.post(&page, &missing).await.page(400, "id=\"f-secret-var-partner_token-error\"");
    owner.post(&page, &[("settings", "all"), ("var-tier", "silver")]).await.leads_to(&page);
    let remove = format!("{page}/kept/secret-var-partner_token/remove");
    owner.get(&page).await.page(200, &format!("href=\"{remove}\""));
    let asked = owner.get(&remove).await;
    asked.page(200, "The hub forgets it");
    assert!(!asked.html.contains("pt-very-secret"));
    owner.post(&remove, &[]).await.leads_to(&page);
    owner.post(&format!("{page}/kept/var-tier/remove"), &[]).await.page(404, "Not found");
    let kept = app.as_key().get(&format!("/connectors/{PARTNER}")).await.ok(200);
    assert_eq!(kept["variables"], json!({"tier": "silver", "region": "eu"}));
    let refused = owner.post(FERN, &form("$Secret{NOTHING}", &[])).await;
    assert_eq!(refused.status, 404, "there is no such connector");
    app.as_key().put("/connectors/fernhill", &json!({"provider": FERNHILL})).await.ok(201);
    owner.post(FERN, &form("$Secret{NOTHING}", &[])).await.page(400, "id=\"f-secret-client-error\"");
}

#[tokio::test]
async fn an_editor_changes_what_is_asked_for_and_nothing_else() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let set = json!({"provider": FERNHILL, "clientId": "mine", "clientSecret": "kept", "authorizationParams": {"a": "b"}});
    let before = app.as_key().put("/connectors/fernhill", &set).await.ok(201);
    let shown = editor.get(FERN).await;
    shown.page(200, "Save scopes");
    for absent in ["name=\"settings\"", "Switch off", "Delete connector", "name=\"secret-client\""] {
        assert!(!shown.html.contains(absent), "{absent}");
    }
    editor.post(FERN, &[("scopes", "items:read")]).await.leads_to(FERN);
    let after = app.as_key().get("/connectors/fernhill").await.ok(200);
    let without = |one: &Value| {
        let mut one = one.clone();
        for name in ["scopes", "updatedAt"] {
            one.as_object_mut().unwrap().remove(name);
        }
        one
    };
    assert_eq!((&after["scopes"], without(&after)), (&json!(["items:read"]), without(&before)));
    for more in [form("stolen", &[]), vec![("settings", "all"), ("clientId", "theirs")]] {
        editor.post(FERN, &more).await.page(403, "Your role (editor)");
    }
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    viewer.post(FERN, &[("scopes", "")]).await.page(403, "Your role (viewer)");
    assert!(!viewer.get(FERN).await.html.contains("Save scopes"));
    assert_eq!(app.as_key().get("/connectors/fernhill").await.ok(200)["scopes"], json!(["items:read"]));
}

/// The form with another client, and what it says more.
fn other<'a>(secret: &'a str, more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    [&[("settings", "all"), ("clientId", "other"), ("secret-client", secret)], more].concat()
}

#[tokio::test]
async fn another_client_id_is_saved_once_it_was_said_what_becomes_of_the_credentials() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.put_fernhill().await;
    let client = async || app.as_key().get("/connectors/fernhill").await.ok(200)["clientId"].clone();
    // Nothing hangs on it yet.
    owner.post(FERN, &other("s3cret-again", &[])).await.leads_to(FERN);
    assert_eq!(client().await, "other");
    app.put_fernhill().await;
    app.connect("u-17").await;

    let asked = owner.post(FERN, &other("s3cret-again", &[])).await;
    asked
        .page(200, &format!("What was granted to the client {DEMO_CLIENT_ID}, most apps renew for no other"));
    asked.page(200, "paste it again");
    assert!(asked.html.contains("value=\"other\"") && !asked.html.contains("s3cret-again"), "{}", asked.html);
    assert_eq!(client().await, DEMO_CLIENT_ID, "nothing is done yet");
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    editor.post(FERN, &other("s3cret-again", &[])).await.page(403, "Your role (editor)");

    // The old secret does not go with the new client.
    let sure = asked.question();
    let answer = [("retype", "secret-client"), ("sure", sure.as_str())];
    let lacking = owner.post(FERN, &other("", &answer)).await;
    lacking.page(400, "id=\"f-secret-client-error\"");
    assert_eq!((client().await, lacking.question()), (json!(DEMO_CLIENT_ID), sure.clone()));
    owner.post(FERN, &other("s3cret-again", &answer)).await.leads_to(FERN);
    assert_eq!(client().await, "other");
}

#[tokio::test]
async fn a_connector_is_switched_off_and_on_after_it_was_said_what_breaks() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.user("u").await;
    let credential = app.credential("u").await;
    let token = format!("/credentials/{}/token", credential["credentialId"].as_str().unwrap());
    let integration = json!({"name": "Ask <your> CRM", "connectors": [{"connector": QUILLPOST}]});
    app.as_key().put("/integrations/ask", &integration).await.ok(201);
    let page = format!("{CONNECTORS}/{QUILLPOST}");
    owner.get(&page).await.page(200, "Ask &lt;your&gt; CRM");

    let asked = owner.get(&format!("{page}/disable")).await;
    asked.page(200, "1 credential can&#39;t be read");
    assert!(asked.html.contains("Ask &lt;your&gt; CRM"), "{}", asked.html);
    app.as_key().get(&token).await.ok(200);
    // Nothing breaks silently when a subscription ends, and what must stop can be stopped.
    app.set_state(WorkspaceState::Suspended).await;
    owner.post(&format!("{page}/disable"), &[]).await.leads_to(&page);
    app.as_key().get(&token).await.assert_problem(409, "credential_inactive");
    owner.get(&page).await.page(200, "Switched off");
    owner.post(&format!("{page}/enable"), &[]).await.page(403, "subscription");
    app.set_state(WorkspaceState::Active).await;
    owner.post(&format!("{page}/enable"), &[]).await.leads_to(&page);
    app.as_key().get(&token).await.ok(200);

    owner.get(&format!("{page}/delete")).await.page(200, "1 credential is deleted");
    owner.post(&format!("{page}/delete"), &[]).await.leads_to(CONNECTORS);
    app.as_key().get(&token).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn who_needs_a_connector_is_named_as_far_as_there_is_room_and_that_is_said() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let connector = format!("{CONNECTORS}/{QUILLPOST}");
    let credential = format!("/dashboard/production/credentials/{id}");
    let needs = async |number: usize| {
        let body = json!({"name": format!("Needs {number:02}"), "connectors": [{"connector": QUILLPOST}]});
        app.as_key().put(&format!("/integrations/needs-{number:02}"), &body).await.ok(201);
    };
    for number in 1..=10 {
        needs(number).await;
    }
    for more in [false, true] {
        if more {
            needs(11).await;
        }
        for (page, acts) in [
            (&connector, &["", "/disable", "/delete"][..]),
            (&credential, &["", "/deactivate", "/revoke", "/delete"][..]),
        ] {
            for act in acts {
                let shown = owner.get(&format!("{page}{act}")).await;
                shown.page(200, "Needs 10");
                assert!(!shown.html.contains("Needs 11"), "{act}: {}", shown.html);
                assert_eq!(shown.html.contains("and more"), more, "{act}: {}", shown.html);
            }
        }
    }
}

#[tokio::test]
async fn switching_a_connector_off_undoes_nothing_that_is_set_at_once() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let settings = |client: &str| json!({"provider": FERNHILL, "clientId": client, "clientSecret": "s"});
    app.as_key().put("/connectors/fernhill", &settings("client")).await.ok(201);
    let disable = format!("{FERN}/disable");
    for round in 0..20 {
        let wanted = settings(&format!("client-{round}"));
        let key = app.as_key();
        let (put, disabled) =
            tokio::join!(key.put("/connectors/fernhill", &wanted), owner.post(&disable, &[]));
        put.ok(200);
        disabled.leads_to(FERN);
        let connector = app.as_key().get("/connectors/fernhill").await.ok(200);
        assert_eq!(connector["clientId"], wanted["clientId"]);
    }
}

#[tokio::test]
async fn nothing_of_another_environment_is_seen() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.as_sandbox_key().put("/connectors/fernhill", &json!({"provider": FERNHILL})).await.ok(201);
    app.as_stranger().put("/connectors/fernhill", &json!({"provider": FERNHILL})).await.ok(201);
    owner.get(FERN).await.page(404, "Not found");
    assert!(!owner.get(CONNECTORS).await.html.contains("fernhill"));
    owner.get("/dashboard/sandbox/connectors/fernhill").await.page(200, "Fernhill");
}
