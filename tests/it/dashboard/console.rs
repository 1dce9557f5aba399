//! The request console: a call is put together, secrets are picked into its fields, and its answer is shown without what
//! the hub put in.

use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, QUILLPOST, VALID_KEY};

use crate::api::secrets::{VALUE, masked, with};
use crate::support::app::TestApp;
use crate::support::browser::Shown;

const CONSOLE: &str = "/dashboard/production/console";

/// A call of `jo` to the echo of the fake.
fn echo<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("via", "user"),
        ("connector", QUILLPOST),
        ("user", "jo"),
        ("method", "POST"),
        ("path", "/echo?a=1"),
        ("format", "json"),
        ("header-name", "X-One"),
        ("header-value", "Bearer "),
        ("header-name", ""),
        ("header-value", ""),
        ("parameter-name", "b"),
        ("parameter-value", "two words"),
    ];
    form.extend_from_slice(more);
    form
}

/// What the page shows, without the writing of HTML.
fn text(shown: &Shown) -> String {
    let unescaped =
        [("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&#x2F;", "/"), ("&lt;", "<"), ("&gt;", ">")];
    let text = unescaped.into_iter().fold(shown.html.clone(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

/// The field for hosts of the picker's form, as far as what is in it.
fn offered_hosts(shown: &Shown) -> String {
    shown.between("name=\"allowedHosts\"", "</textarea>")
}

async fn app_with_jo() -> Option<TestApp> {
    let app = TestApp::start().await?;
    app.user("jo").await;
    app.credential("jo").await;
    Some(app)
}

#[tokio::test]
async fn a_call_goes_through_the_proxy_and_its_answer_is_shown() {
    let Some(app) = app_with_jo().await else { return };
    let owner = app.as_owner().await;
    let offered = owner.get(CONSOLE).await;
    offered.page(200, "quillpost");
    // Without a script it goes to the end, so nothing is said of the caret.
    offered.page(200, "Put in a secret<span class=\"unseen\"> in the body</span>");
    let shown = owner.post(CONSOLE, &echo(&[("body", "{\"n\": 1}"), ("act", "send")])).await;
    shown.page(200, "200 OK");
    let said = text(&shown);
    assert!(said.contains(r#""method": "POST""#) && said.contains("two+words"), "{said}");
    assert!(said.contains(r#"{\"n\": 1}"#), "{said}");
    assert!(!said.contains(VALID_KEY), "nobody sees a credential's value here: {said}");
    assert!(said.contains("••••••"), "{said}");
    assert!(said.contains("-H 'Vouchsafe-User: jo'"), "{said}");
    let calls = app.calls().await;
    assert_eq!(calls[0]["actor"]["type"], "member");
    assert!(calls[0]["reason"].as_str().unwrap().starts_with("POST "), "{calls:?}");
}

#[tokio::test]
async fn a_refusal_of_the_hub_is_told_from_an_answer_of_the_app() {
    let Some(app) = app_with_jo().await else { return };
    let owner = app.as_owner().await;
    for (change, code, said) in [
        (("user", "nobody"), "not_found", "There is no such user"),
        (("user", ""), "invalid_request", "Name the user"),
        (("connector", ""), "invalid_request", "Choose a connector"),
        (("method", "TRACE"), "invalid_request", "Choose a method"),
        (("path", "/../x"), "path_refused", "dot segments"),
        (("header-value", "$Secret{NONE}"), "secret_missing", "NONE"),
    ] {
        let mut form = echo(&[("act", "send")]);
        let field = form.iter_mut().find(|field| field.0 == change.0).unwrap();
        *field = change;
        let shown = owner.post(CONSOLE, &form).await;
        shown.page(200, "The hub said so, not the app");
        shown.page(200, code);
        shown.page(200, said);
    }
}

#[tokio::test]
async fn an_app_that_takes_too_long_leaves_the_call_where_it_is() {
    let limit = std::time::Duration::from_secs(3);
    let Some(app) = TestApp::start_with(|state| state.handler_timeout = limit).await else { return };
    let owner = app.as_owner().await;
    app.user("jo").await;
    app.credential("jo").await;
    app.fake.program(Plan::next(Endpoint::Api, Fault::delay_before(6_000)));
    let late = owner.post(CONSOLE, &echo(&[("act", "send")])).await;
    late.page(200, "The hub said so, not the app");
    late.page(200, "provider_timeout");
    late.page(200, "The app took too long to answer.");
    late.page(200, "value=\"two words\"");
    let calls = app.calls().await;
    assert!(calls[0]["reason"].as_str().unwrap().contains("hung up"), "{calls:?}");
}

#[tokio::test]
async fn a_secret_is_searched_for_and_put_into_a_field_alone() {
    let Some(app) = app_with_jo().await else { return };
    let owner = app.as_owner().await;
    app.secret(&masked("GONE")).await;
    app.as_key().act("/secrets/GONE/revoke").await.ok(200);
    let none = owner.post(CONSOLE, &echo(&[("act", "pick:header-0")])).await;
    none.page(200, "There is no secret in use in this environment.");
    for key in ["ALPHA", "BETA"] {
        app.secret(&with(masked(key), "allowedHosts", json!(["127.0.0.1"]))).await;
    }
    let open = owner.post(CONSOLE, &echo(&[("act", "pick:header-0")])).await;
    open.page(200, "Choose a secret");
    open.page(200, "choose:ALPHA");
    assert!(!open.html.contains("choose:GONE") && !open.html.contains(VALUE));
    open.page(200, "name=\"picking\" value=\"header-0\"");
    // What was typed is still there.
    open.page(200, "value=\"two words\"");

    let picking = [("picking", "header-0"), ("mode", "find")];
    let search = [&picking[..], &[("find", "bet"), ("act", "search")]].concat();
    let found = owner.post(CONSOLE, &echo(&search)).await;
    found.page(200, "choose:BETA");
    assert!(!found.html.contains("choose:ALPHA"));
    let none = [&picking[..], &[("find", "zzz"), ("act", "enter")]].concat();
    owner.post(CONSOLE, &echo(&none)).await.page(200, "No secret has “zzz” in its key.");

    let first = owner.post(CONSOLE, &echo(&[&picking[..], &[("act", "choose:ALPHA")]].concat())).await;
    first.page(200, "value=\"Bearer $Secret{ALPHA}\"");
    assert!(!first.html.contains("side-panel"), "it has closed");
    let mut form = echo(&[&picking[..], &[("act", "choose:BETA")]].concat());
    form[7] = ("header-value", "Bearer $Secret{ALPHA}");
    let second = owner.post(CONSOLE, &form).await;
    second.page(200, "value=\"Bearer $Secret{BETA}\"");
    assert!(!second.html.contains("$Secret{ALPHA}"), "choosing again replaces it");

    let mut form = echo(&[("act", "send")]);
    form[7] = ("header-value", "Bearer $Secret{BETA}");
    let sent = owner.post(CONSOLE, &form).await;
    sent.page(200, "200 OK");
    assert!(!sent.html.contains(VALUE), "the app said it back, and it is not shown: {}", sent.html);
    assert!(text(&sent).contains("Bearer ••••••"), "{}", text(&sent));
}

#[tokio::test]
async fn a_secret_is_put_into_the_body_and_the_next_takes_its_place() {
    let Some(app) = app_with_jo().await else { return };
    let owner = app.as_owner().await;
    for key in ["ALPHA", "BETA"] {
        app.secret(&with(masked(key), "allowedHosts", json!(["127.0.0.1"]))).await;
    }
    let empty = [("body", r#"{"k": ""}"#), ("caret", "7")];
    let open = owner.post(CONSOLE, &echo(&[&empty[..], &[("act", "pick:body")]].concat())).await;
    open.page(200, "name=\"picking\" value=\"body\"");
    open.page(200, "name=\"caret\" value=\"7\"");
    let picking = [("picking", "body"), ("mode", "find")];
    let choose = |body: [(&'static str, &'static str); 2], more: &[(&'static str, &'static str)]| {
        echo(&[&picking[..], &body[..], more].concat())
    };
    let first = owner.post(CONSOLE, &choose(empty, &[("act", "choose:ALPHA")])).await;
    assert!(text(&first).contains(r#"{"k": "$Secret{ALPHA}"}"#), "{}", text(&first));
    assert!(!first.html.contains("side-panel"), "it has closed");
    first.page(200, "name=\"picked\" value=\"ALPHA\"");
    first.page(200, "name=\"picked-at\" value=\"7\"");
    // What is put in is also looked for.
    first.page(200, "name=\"resolves\" value=\"on\" checked");
    assert!(text(&first).contains("Vouchsafe-Resolve: body"), "{}", text(&first));

    let filled = [("body", r#"{"n": 1, "k": "$Secret{ALPHA}"}"#), ("caret", "0")];
    let before = [("picked", "ALPHA"), ("picked-at", "7"), ("act", "choose:BETA")];
    let second = owner.post(CONSOLE, &choose(filled, &before)).await;
    assert!(text(&second).contains(r#"{"n": 1, "k": "$Secret{BETA}"}"#), "{}", text(&second));
    assert!(!second.html.contains("$Secret{ALPHA}"), "choosing again replaces it");

    let sent = [("body", r#"{"k": "$Secret{BETA}"}"#), ("resolves", "on"), ("act", "send")];
    let sent = owner.post(CONSOLE, &echo(&sent)).await;
    sent.page(200, "200 OK");
    assert!(text(&sent).contains("••••••") && !sent.html.contains(VALUE), "{}", text(&sent));
}

#[tokio::test]
async fn a_secret_is_made_and_changed_without_leaving_the_call() {
    let Some(app) = app_with_jo().await else { return };
    let owner = app.as_owner().await;
    let picking = [("picking", "parameter-0")];
    let new = owner.post(CONSOLE, &echo(&[&picking[..], &[("mode", "find"), ("act", "new")]].concat())).await;
    new.page(200, "Create a secret");
    // It may go where the call goes, as the form stands.
    let host = app.fake.base_url().replace("http://", "");
    assert!(offered_hosts(&new).ends_with(&format!(">{host}")), "{}", new.html);
    let made = [
        ("mode", "new"),
        ("type", "api_key"),
        ("visibility", "restricted"),
        ("allowedHosts", host.as_str()),
        ("environments", "production"),
        ("value", VALUE),
    ];
    let create = |key| [&picking[..], &made[..], &[("key", key), ("act", "create")]].concat();
    let refused = owner.post(CONSOLE, &echo(&create("not a key"))).await;
    refused.page(400, "f-key-error");
    assert!(!refused.html.contains(VALUE));
    owner.post(CONSOLE, &echo(&create("FRESH"))).await.page(200, "value=\"two words$Secret{FRESH}\"");
    let mut call = echo(&[("act", "send")]);
    call[11] = ("parameter-value", "$Secret{FRESH}");
    owner.post(CONSOLE, &call).await.page(200, "200 OK");
    assert_eq!(app.as_key().get("/secrets/FRESH").await.ok(200)["visibility"], "restricted");

    let edit = [&picking[..], &[("mode", "find"), ("act", "edit:FRESH")]].concat();
    owner.post(CONSOLE, &echo(&edit)).await.page(200, "New value of FRESH");
    let save = |value| {
        [&picking[..], &[("mode", "edit"), ("editing", "FRESH"), ("value", value), ("act", "save")]].concat()
    };
    owner.post(CONSOLE, &echo(&save(""))).await.page(400, "f-value-error");
    owner.post(CONSOLE, &echo(&save("another-value"))).await.page(200, "FRESH has its new value.");
    let rows = app.as_key().get("/audit-events?action=secret.update").await.ok(200);
    assert_eq!(
        (&rows["data"][0]["reason"], &rows["data"][0]["actor"]["type"]),
        (&json!("value"), &json!("member"))
    );

    // Whoever has deleted it meanwhile takes nothing of the call away.
    app.as_key().delete("/secrets/FRESH?force=true").await.ok(200);
    for form in [edit, save("a-third-value")] {
        let shown = owner.post(CONSOLE, &echo(&form)).await;
        shown.page(200, "FRESH is not there any more.");
        assert!(shown.html.contains("value=\"X-One\"") && !shown.html.contains("a-third"), "{}", shown.html);
    }
}

#[tokio::test]
async fn an_editor_calls_and_picks_and_makes_nothing() {
    let Some(app) = app_with_jo().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    app.secret(&with(masked("K"), "allowedHosts", json!(["127.0.0.1"]))).await;
    let open = editor.post(CONSOLE, &echo(&[("act", "pick:header-0")])).await;
    open.page(200, "choose:K");
    assert!(!open.html.contains("edit:K") && !open.html.contains("value=\"new\""), "{}", open.html);
    let picking = [
        ("picking", "header-0"),
        ("mode", "new"),
        ("act", "create"),
        ("key", "NEW"),
        ("value", "v"),
        ("type", "api_key"),
        ("visibility", "masked"),
        ("environments", "production"),
    ];
    editor.post(CONSOLE, &echo(&picking)).await.page(403, "may not do this");
    app.as_key().get("/secrets/NEW").await.assert_problem(404, "not_found");
    let save = [("picking", "header-0"), ("mode", "edit"), ("editing", "K"), ("act", "save"), ("value", "v")];
    editor.post(CONSOLE, &echo(&save)).await.page(403, "may not do this");
    assert_eq!(app.as_key().act("/secrets/K/reveal").await.ok(200)["value"], VALUE);
    editor.post(CONSOLE, &echo(&[("act", "send")])).await.page(200, "200 OK");
    viewer.get(CONSOLE).await.page(404, "Not found");
    let overview = viewer.get("/dashboard/production/overview").await.html;
    assert!(!overview.contains("production/console") && overview.contains("production/secrets"));
}

#[tokio::test]
async fn an_address_is_called_with_secrets_alone() {
    let Some(app) = app_with_jo().await else { return };
    let owner = app.as_owner().await;
    app.secret(&with(masked("K"), "allowedHosts", json!(["127.0.0.1"]))).await;
    let form = |value| {
        vec![
            ("via", "address"),
            ("address", "https://metrics.acme.test/v1/points"),
            ("method", "GET"),
            ("header-name", "Authorization"),
            ("header-value", value),
            ("act", "send"),
        ]
    };
    owner.post(CONSOLE, &form("Bearer x")).await.page(200, "host_not_allowed");
    let refused = owner.post(CONSOLE, &form("Bearer $Secret{K}")).await;
    refused.page(200, "secret_host_not_allowed");
    assert!(text(&refused).contains("-H 'Vouchsafe-Authorization: Bearer $Secret{K}'"), "{}", refused.html);
    // One that lists the host with its port is taken there.
    let host = app.fake.base_url().replace("http://", "");
    app.secret(&with(masked("HERE"), "allowedHosts", json!([host]))).await;
    let address = format!("{}/api/echo", app.fake.base_url());
    let mut there = form("Bearer $Secret{HERE}");
    there[1] = ("address", address.as_str());
    let answered = owner.post(CONSOLE, &there).await;
    answered.page(200, "200 OK");
    let said = text(&answered);
    assert!(said.contains(r#""path": "/api/echo""#) && said.contains("Bearer ••••••"), "{said}");
    assert!(!said.contains(VALUE), "{said}");
    there[5] = ("act", "new");
    there.extend([("picking", "header-0"), ("mode", "find")]);
    let new = owner.post(CONSOLE, &there).await;
    assert!(offered_hosts(&new).ends_with(&format!(">{host}")), "{}", new.html);

    let mut on_a_credential = echo(&[("act", "send")]);
    on_a_credential[6] = ("header-name", "Authorization");
    owner.post(CONSOLE, &on_a_credential).await.page(200, "leave this header out");
}

#[tokio::test]
async fn a_credential_is_called_with_by_its_id() {
    let Some(app) = TestApp::start().await else { return };
    app.user("jo").await;
    let made = app.credential("jo").await;
    let id = made["credentialId"].as_str().unwrap();
    let owner = app.as_owner().await;
    let call = |id| {
        let mut form = echo(&[("credential", id), ("act", "send")]);
        form[..3].copy_from_slice(&[("via", "credential"), ("connector", ""), ("user", "")]);
        form
    };
    let shown = owner.post(CONSOLE, &call(id)).await;
    shown.page(200, "200 OK");
    let said = text(&shown);
    assert!(said.contains("••••••") && !said.contains(VALID_KEY), "{said}");
    assert!(said.contains(&format!("-H 'Vouchsafe-Credential: {id}'")), "{said}");
    owner.post(CONSOLE, &call("cred_nonsense")).await.page(200, "There is no such user, credential");
    // A secret that is made for it may go where it goes, or to the other host that is named.
    let host = app.fake.base_url().replace("http://", "");
    for (other, offered) in [("", host.as_str()), ("files.acme.test", "files.acme.test")] {
        let mut picking = call(id);
        picking.retain(|field| *field != ("act", "send"));
        picking.extend([("host", other), ("picking", "header-0"), ("mode", "find"), ("act", "new")]);
        let new = owner.post(CONSOLE, &picking).await;
        assert!(offered_hosts(&new).ends_with(&format!(">{offered}")), "{}", new.html);
    }
}
