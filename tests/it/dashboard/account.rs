//! A member's own account: name, password, authenticator, sessions, and the proof that it is them.

use chrono::TimeDelta;
use vouchsafe::secret::Seed;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD};

#[tokio::test]
async fn a_new_password_ends_every_session_but_the_new_one() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let other = Browser::new(&app, "owner@acme.test");
    other.seed.replace(owner.seed.borrow().clone());
    app.clock.advance(TimeDelta::seconds(60));
    other.sign_in().await.leads_to("/dashboard");
    owner.get("/dashboard/account").await.page(200, "End all others");

    let new = "another quiet evening";
    let code = owner.code();
    let change = |present: &'static str, code: &str, new: &'static str| {
        let code = code.to_owned();
        let owner = &owner;
        async move {
            let form = [("password", present), ("code", code.as_str()), ("newPassword", new)];
            owner.post("/dashboard/account/password", &form).await
        }
    };
    change(PASSWORD, "", "too short").await.page(400, "Write 12 to 200 characters");
    change(PASSWORD, "", "owner@acme.test").await.page(400, "the first thing that is tried");
    change("wrong password", "", new).await.page(400, "Password or code is not right");
    let changed = change(PASSWORD, &code, new).await;
    changed.leads_to("/dashboard/account");
    assert!(!changed.html.contains(new));
    owner.get("/dashboard/account").await.page(200, "Your password is changed");
    other.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");
    let form = [("email", "owner@acme.test"), ("password", PASSWORD)];
    other.post("/dashboard/sign-in", &form).await.page(400, "Address or password is not right");
    let form = [("email", "owner@acme.test"), ("password", new)];
    other.post("/dashboard/sign-in", &form).await.leads_to("/dashboard/sign-in/code?next=%2Fdashboard");
}

#[tokio::test]
async fn sessions_are_seen_and_ended_one_by_one() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let phone = Browser::new(&app, "ed@acme.test").header("user-agent", "Mozilla/5.0 (iPhone) Safari/604.1");
    phone.sign_in().await.leads_to("/dashboard");
    let page = editor.get("/dashboard/account").await;
    page.page(200, "Safari on iPhone");
    let end =
        format!("/dashboard/account/sessions/{}", page.between("/dashboard/account/sessions/msess", "\""));
    let end = end.replace("sessions/", "sessions/msess");
    // Nobody ends the session of somebody else.
    owner.get(&end).await.page(404, "Not found");
    owner.post(&end, &[]).await.page(404, "Not found");
    // It is asked once, and nothing has ended before the answer.
    page.page(200, &format!("href=\"{end}\""));
    let asked = editor.get(&end).await;
    asked.page(200, "End the session on Safari on iPhone?");
    asked.page(200, &format!("method=\"post\" action=\"{end}\""));
    phone.get("/dashboard/account").await.page(200, "This one");
    editor.post(&end, &[]).await.leads_to("/dashboard/account");
    editor.get("/dashboard/account").await.page(200, "That session has ended");
    phone.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");

    phone.sign_in().await.leads_to("/dashboard");
    let others = "/dashboard/account/sessions/end";
    editor.get("/dashboard/account").await.page(200, &format!("href=\"{others}\""));
    let asked = editor.get(others).await;
    asked.page(200, "End all your other sessions?");
    asked.page(200, "Safari on iPhone, last seen");
    phone.get("/dashboard/account").await.page(200, "This one");
    editor.post(others, &[]).await.leads_to("/dashboard/account");
    phone.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");
    editor.get("/dashboard/account").await.page(200, "This one");
}

#[tokio::test]
async fn what_is_dear_needs_a_fresh_proof() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let there = "/dashboard/production/api-keys/new";
    let step_up = "/dashboard/step-up?next=%2Fdashboard%2Fproduction%2Fapi-keys%2Fnew";
    owner.get(there).await.page(200, "Make a key for production");
    app.clock.advance(TimeDelta::minutes(5));
    owner.get(there).await.leads_to(step_up);
    // What was open before is refused too.
    owner.post(there, &[("name", "n"), ("scopes", "*")]).await.leads_to(step_up);
    assert!(app.rows("SELECT 1 FROM api_key WHERE name = 'n'").await.is_empty());
    let asked = owner.get(step_up).await;
    asked.page(200, "Confirm that it is you");
    asked.page(200, "To make an API key, enter your password and a code from your authenticator.");
    asked.page(200, "href=\"/dashboard/production/api-keys\">Cancel</a>");
    for (next, back) in [
        ("secret%2FK%2Freveal", "secret/K"),
        ("secret%2FK%2Freveal%3Ftype%3Dapi_key%26limit%3D7", "secret/K?type=api_key&amp;limit=7"),
        ("settings%2Fdelete", "settings"),
        ("audit%2Fexport", "audit"),
        ("audit%2Fexport%3Faction%3Dx%26target%3Dy", "audit?action=x&amp;target=y"),
    ] {
        let asked = owner.get(&format!("/dashboard/step-up?next=%2Fdashboard%2Fproduction%2F{next}")).await;
        asked.page(200, &format!("href=\"/dashboard/production/{back}\">Cancel</a>"));
    }
    let form = [("password", "wrong"), ("code", "000000"), ("next", there)];
    owner.post("/dashboard/step-up", &form).await.page(400, "Password or code is not right");
    let code = owner.code();
    let form = [("password", PASSWORD), ("code", code.as_str()), ("next", there)];
    owner.post("/dashboard/step-up", &form).await.leads_to(there);
    owner.get(there).await.page(200, "Make a key for production");
}

#[tokio::test]
async fn an_authenticator_is_replaced_and_removed_only_where_the_workspace_lets() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    owner
        .post("/dashboard/account/authenticator/remove", &[])
        .await
        .page(403, "Set up an authenticator first");
    owner.get("/dashboard/account").await.page(200, "A code is asked for");
    // A new one takes the place of the old when it has given a code.
    owner
        .post("/dashboard/account/authenticator/new", &[])
        .await
        .leads_to("/dashboard/account/authenticator");
    owner.post("/dashboard/account/authenticator", &[("code", "123")]).await.page(400, "That code isn");
    owner.enrol().await.leads_to("/dashboard/account");
    owner.post("/dashboard/sign-out", &[]).await;
    owner.sign_in().await.leads_to("/dashboard");

    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    editor.enrol().await.leads_to("/dashboard/account");
    editor.post("/dashboard/account/authenticator/remove", &[]).await.leads_to("/dashboard/account");
    editor.get("/dashboard/account").await.page(200, "Your authenticator is removed");
    let form = [("email", "ed@acme.test"), ("password", PASSWORD)];
    editor.post("/dashboard/sign-in", &form).await.leads_to("/dashboard");
}

const AUTHENTICATOR: &str = "/dashboard/account/authenticator";
/// Where it leads whoever has not just proven who they are.
const PROOF_FIRST: &str = "/dashboard/step-up?next=%2Fdashboard%2Faccount%2Fauthenticator";

/// Nothing of an authenticator is shown, begun or finished in the session of this browser, which knows its seed.
async fn no_authenticator_without_a_proof(app: &TestApp, browser: &Browser<'_>) {
    let member = format!("SELECT totp FROM member WHERE email = '{}'", browser.email);
    let before: Option<Vec<u8>> = app.rows(&member).await[0].try_get("", "totp").unwrap();
    let shown = browser.get(AUTHENTICATOR).await;
    shown.leads_to(PROOF_FIRST);
    assert!(!shown.html.contains("seed"), "{}", shown.html);
    let code = browser.same_code();
    browser.post(AUTHENTICATOR, &[("code", code.as_str())]).await.leads_to(PROOF_FIRST);
    let begun = browser.post(&format!("{AUTHENTICATOR}/new"), &[]).await;
    begun.leads_to("/dashboard/step-up?next=%2Fdashboard%2Faccount");
    let after: Option<Vec<u8>> = app.rows(&member).await[0].try_get("", "totp").unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_session_without_a_proof_gives_itself_no_authenticator() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    // Neither a first one nor, half set up, one in the place of another.
    owner.post(&format!("{AUTHENTICATOR}/new"), &[]).await.leads_to(AUTHENTICATOR);
    let old = owner.seed.borrow().clone();
    for browser in [&editor, &owner] {
        let offer = browser.get(AUTHENTICATOR).await;
        let typed = offer.between("<code class=\"seed\">", "</code>").replace(' ', "");
        browser.seed.replace(Some(Seed::sealed(typed.into())));
    }
    app.clock.advance(TimeDelta::minutes(5));
    for browser in [&editor, &owner] {
        no_authenticator_without_a_proof(&app, browser).await;
    }
    owner.seed.replace(old);
    owner.sign_in().await.leads_to("/dashboard");
    // The password is proof enough where there is no code yet.
    let form = [("password", "a guess"), ("next", AUTHENTICATOR)];
    editor.post("/dashboard/step-up", &form).await.page(400, "Password or code is not right");
    let form = [("password", PASSWORD), ("next", AUTHENTICATOR)];
    editor.post("/dashboard/step-up", &form).await.leads_to(AUTHENTICATOR);
    editor.enrol().await.leads_to("/dashboard/account");
}

#[tokio::test]
async fn whoever_must_set_one_up_can_when_the_proof_of_the_sign_in_has_run_out() {
    let Some(app) = TestApp::start().await else { return };
    let link = app.hub.invite_owner("default").await.unwrap();
    let owner = Browser::new(&app, "owner@acme.test");
    owner.join(link.as_str(), "Olive").await.leads_to("/dashboard");
    app.clock.advance(TimeDelta::minutes(5));
    owner.get("/dashboard/production/overview").await.leads_to(AUTHENTICATOR);
    owner.get(AUTHENTICATOR).await.leads_to(PROOF_FIRST);
    owner.get(PROOF_FIRST).await.page(200, "To set up an authenticator, enter your password.");
    let form = [("password", PASSWORD), ("next", AUTHENTICATOR)];
    owner.post("/dashboard/step-up", &form).await.leads_to(AUTHENTICATOR);
    app.clock.advance(TimeDelta::minutes(4));
    owner.enrol().await.leads_to("/dashboard");
    // The proof was the password: the first code adds no time to it.
    let there = "/dashboard/production/api-keys/new";
    owner.get(there).await.page(200, "Make a key for production");
    app.clock.advance(TimeDelta::minutes(1));
    let step_up = "/dashboard/step-up?next=%2Fdashboard%2Fproduction%2Fapi-keys%2Fnew";
    owner.get(there).await.leads_to(step_up);
}

#[tokio::test]
async fn seeds_and_passwords_are_nowhere_in_the_open() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let seed = owner.seed.borrow().as_ref().unwrap().expose().to_owned();
    let session = owner.cookie("vs_session").unwrap();
    app.hub.flush_audit().await.unwrap();
    for row in
        app.rows("SELECT password, hash FROM member JOIN member_session ON member_id = member.id").await
    {
        let stored: String = row.try_get("", "password").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(row.try_get::<String>("", "hash").unwrap(), session);
    }
    if std::env::var("TEST_DB").is_ok_and(|kind| kind == "postgres") {
        return;
    }
    for name in ["vouchsafe.db", "vouchsafe.db-wal"] {
        let bytes = std::fs::read(app.folder().join(name)).unwrap_or_default();
        for secret in [seed.as_bytes(), session.as_bytes(), PASSWORD.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name}");
        }
    }
}
