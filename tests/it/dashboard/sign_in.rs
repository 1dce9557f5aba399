//! Signing in: the first owner, password and code, guesses, sessions, forms of other sites.

use chrono::TimeDelta;
use url::Url;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD, Shown};

#[tokio::test]
async fn the_operators_link_makes_the_first_owner_once() {
    let Some(app) = TestApp::start().await else { return };
    let link = app.hub.invite_owner("default").await.unwrap();
    let owner = Browser::new(&app, "Owner@Acme.test");
    owner.get(link.as_str()).await.page(200, "You become owner of the workspace <strong>default</strong>");
    owner.join(link.as_str(), "Olive").await.leads_to("/dashboard");
    // Nothing else can be done before the authenticator is set up.
    owner.get("/dashboard/production/overview").await.leads_to("/dashboard/account/authenticator");
    owner.get("/dashboard/production/api-keys/new").await.leads_to("/dashboard/account/authenticator");
    owner.get("/dashboard/members").await.leads_to("/dashboard/account/authenticator");
    owner.enrol().await.leads_to("/dashboard");
    owner.get("/dashboard").await.leads_to("/dashboard/production/overview");
    owner.get("/dashboard/production/overview").await.page(200, "Begin here");
    let denied = "SELECT id FROM audit_event WHERE action = 'request.denied'";
    assert!(app.rows(denied).await.is_empty(), "being led to the authenticator is no refusal");

    let late = Browser::new(&app, "late@acme.test");
    late.get(link.as_str()).await.page(400, "This link is over");
    let (_, token) = link.as_str().split_once("invitation=").unwrap();
    let form = [("invitation", token), ("name", "L"), ("email", "late@acme.test"), ("password", PASSWORD)];
    late.post("/dashboard/join", &form).await.page(400, "This link is over");
    // The address counts in any letter case.
    let again = Browser::new(&app, "owner@ACME.test");
    again.seed.replace(owner.seed.borrow().clone());
    app.clock.advance(TimeDelta::seconds(60));
    again.sign_in().await.leads_to("/dashboard");
}

#[tokio::test]
async fn a_newer_link_of_the_operator_takes_the_place_of_the_older() {
    let Some(app) = TestApp::start().await else { return };
    let older = app.hub.invite_owner("default").await.unwrap();
    let newer = app.hub.invite_owner("default").await.unwrap();
    let owner = Browser::new(&app, "owner@acme.test");
    owner.get(older.as_str()).await.page(400, "This link is over");
    app.clock.advance(TimeDelta::days(7));
    owner.get(newer.as_str()).await.page(400, "This link is over");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let Some(app) = TestApp::start().await else { return };
    let _owner = app.as_owner().await;
    let guess = |email: &'static str, password: &'static str| {
        let browser = Browser::new(&app, email);
        async move {
            let form = [("email", email), ("password", password)];
            browser.post("/dashboard/sign-in", &form).await
        }
    };
    let wrong = guess("owner@acme.test", "not the password").await;
    let unknown = guess("nobody@acme.test", "not the password").await;
    wrong.page(400, "Address or password is not right.");
    assert_eq!(wrong.html.replace("owner@acme.test", ""), unknown.html.replace("nobody@acme.test", ""));
    assert!(!wrong.html.contains("not the password"));
    // A password alone is not enough where there is an authenticator.
    let browser = Browser::new(&app, "owner@acme.test");
    let form = [("email", "owner@acme.test"), ("password", PASSWORD)];
    browser.post("/dashboard/sign-in", &form).await.leads_to("/dashboard/sign-in/code?next=%2Fdashboard");
    browser.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");
    browser.post("/dashboard/sign-in/code", &[("code", "000000")]).await.page(400, "That code isn");
}

#[tokio::test]
async fn a_form_that_was_sent_too_late_leads_to_a_page() {
    let Some(app) = TestApp::start().await else { return };
    let nobody = Browser::new(&app, "nobody@acme.test");
    for (sent, next) in [
        ("production/users/user_1/link", "production%2Fusers"),
        ("production/credentials/bulk", "production%2Fcredentials"),
        ("production/api-keys/key_1/reactivate?a=1", "production%2Fapi-keys"),
        ("sandbox/connectors/fernhill/enable", "sandbox%2Fconnectors"),
        ("account/authenticator/new", "account"),
        // What shows its form keeps its address.
        ("members/settings", "members%2Fsettings"),
        ("production/api-keys/new", "production%2Fapi-keys%2Fnew"),
        ("production/connectors/fernhill/disable", "production%2Fconnectors%2Ffernhill%2Fdisable"),
    ] {
        let answer = nobody.post(&format!("/dashboard/{sent}"), &[]).await;
        answer.leads_to(&format!("/dashboard/sign-in?next=%2Fdashboard%2F{next}"));
    }
}

#[tokio::test]
async fn a_code_works_once() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    owner.sign_in().await.leads_to("/dashboard");
    let used = owner.same_code();
    let other = Browser::new(&app, "owner@acme.test");
    let form = [("email", "owner@acme.test"), ("password", PASSWORD)];
    other.post("/dashboard/sign-in", &form).await.leads_to("/dashboard/sign-in/code?next=%2Fdashboard");
    other.post("/dashboard/sign-in/code", &[("code", used.as_str())]).await.page(400, "it was used before");
    other.seed.replace(owner.seed.borrow().clone());
    app.clock.advance(TimeDelta::seconds(60));
    let code = other.code();
    other.post("/dashboard/sign-in/code", &[("code", code.as_str())]).await.leads_to("/dashboard");
}

#[tokio::test]
async fn guesses_wait_longer_and_longer_and_do_not_keep_the_owner_out() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let mut waits = 0;
    for guess in 0..8 {
        let stranger = Browser::new(&app, "owner@acme.test").at(&format!("192.0.2.{guess}"));
        let form = [("email", "owner@acme.test"), ("password", "guess")];
        let answer = stranger.post("/dashboard/sign-in", &form).await;
        if answer.html.contains("That was tried too often") {
            waits += 1;
        } else {
            answer.page(400, "Address or password is not right.");
        }
    }
    assert_eq!(waits, 3, "five are looked at, whatever address they come from");
    // Whoever signed in with this browser before still can.
    app.clock.advance(TimeDelta::seconds(30));
    owner.sign_in().await.leads_to("/dashboard");
    // A mark of somebody else is none.
    let stranger = Browser::new(&app, "owner@acme.test").at("192.0.2.99");
    stranger.set_cookie("vs_browser", "made.up");
    let form = [("email", "owner@acme.test"), ("password", "guess")];
    stranger.post("/dashboard/sign-in", &form).await;
    stranger.post("/dashboard/sign-in", &form).await.page(400, "That was tried too often");
    // With time a stranger may try again.
    app.clock.advance(TimeDelta::hours(6));
    stranger.post("/dashboard/sign-in", &form).await.page(400, "Address or password is not right.");
}

#[tokio::test]
async fn unknown_accounts_wait_as_long() {
    let Some(app) = TestApp::start().await else { return };
    let stranger = Browser::new(&app, "nobody@acme.test");
    let form = [("email", "nobody@acme.test"), ("password", "guess")];
    for _ in 0..5 {
        stranger.post("/dashboard/sign-in", &form).await.page(400, "Address or password is not right.");
    }
    stranger.post("/dashboard/sign-in", &form).await.page(400, "Wait 4 seconds");
}

#[tokio::test]
async fn a_session_ends_by_sign_out_idleness_and_age() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let old = owner.cookie("vs_session").unwrap();
    owner.post("/dashboard/sign-out", &[]).await.leads_to("/dashboard/sign-in");
    assert_eq!(owner.cookie("vs_session"), None);
    owner.set_cookie("vs_session", &old);
    owner.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");

    owner.sign_in().await.leads_to("/dashboard");
    assert_ne!(owner.cookie("vs_session").unwrap(), old);
    app.clock.advance(TimeDelta::minutes(29));
    owner.get("/dashboard/account").await.page(200, "Your account");
    app.clock.advance(TimeDelta::minutes(30));
    owner.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");

    owner.sign_in().await.leads_to("/dashboard");
    for _ in 0..35 {
        app.clock.advance(TimeDelta::minutes(20));
        owner.get("/dashboard/account").await.page(200, "Your account");
    }
    app.clock.advance(TimeDelta::minutes(20));
    owner.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");
    app.hub.sweep().await.unwrap();
    let left = app.rows("SELECT 1 FROM member_session").await;
    assert!(left.is_empty(), "{}", left.len());
}

#[tokio::test]
async fn what_is_refused_at_a_sign_in_or_a_proof_is_written_down() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let stranger = Browser::new(&app, "owner@acme.test").at("192.0.2.1");
    for email in ["owner@acme.test", "nobody@acme.test"] {
        let form = [("email", email), ("password", "not the password")];
        stranger.post("/dashboard/sign-in", &form).await.page(400, "Address or password is not right.");
    }
    let form = [("email", "owner@acme.test"), ("password", PASSWORD)];
    stranger.post("/dashboard/sign-in", &form).await.leads_to("/dashboard/sign-in/code?next=%2Fdashboard");
    stranger.post("/dashboard/sign-in/code", &[("code", "none")]).await.page(400, "That code isn");
    let form = [("password", "not the password"), ("code", "none")];
    owner.post("/dashboard/step-up", &form).await.page(400, "Password or code is not right");

    app.hub.flush_audit().await.unwrap();
    let sql = "SELECT action, actor_type, actor_id, target_type, target_id, reason, address, \
               CASE WHEN workspace_id = (SELECT workspace_id FROM member) THEN 'ours' ELSE 'nowhere' END AS place \
               FROM audit_event WHERE result = 'refused' ORDER BY id";
    let columns =
        ["action", "actor_type", "actor_id", "target_type", "target_id", "reason", "address", "place"];
    let rows: Vec<[String; 8]> = app
        .rows(sql)
        .await
        .iter()
        .map(|row| columns.map(|name| row.try_get::<Option<String>>("", name).unwrap().unwrap_or_default()))
        .collect();
    let (member, session) = (rows[0][4].clone(), rows[3][4].clone());
    assert!(member.starts_with("member_") && session.starts_with("msess_"), "{rows:?}");
    let there = rows[3][6].as_str();
    let expected = [
        ["member.sign_in", "browser", "", "member", &member, "wrong password", "192.0.2.1", "ours"],
        ["member.sign_in", "browser", "", "member", "", "wrong password", "192.0.2.1", "nowhere"],
        ["member.sign_in", "browser", "", "member", &member, "wrong code", "192.0.2.1", "ours"],
        [
            "member.step_up",
            "member",
            &member,
            "member_session",
            &session,
            "wrong password or code",
            there,
            "ours",
        ],
    ];
    assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
}

#[tokio::test]
async fn one_comes_to_where_one_wanted_and_nowhere_else() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    for (next, there) in [
        ("/dashboard/sandbox/settings", "/dashboard/sandbox/settings"),
        ("https://evil.test/dashboard", "/dashboard"),
        ("/dashboard//evil.test", "/dashboard"),
        ("//evil.test", "/dashboard"),
    ] {
        let form = [("email", "ed@acme.test"), ("password", PASSWORD), ("next", next)];
        editor.post("/dashboard/sign-in", &form).await.leads_to(there);
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let token = owner.cookie("vs_session").unwrap();
    for (name, value, refused) in [
        ("sec-fetch-site", "cross-site", true),
        ("sec-fetch-site", "same-site", true),
        ("origin", "https://evil.test", true),
        ("origin", "null", true),
        ("sec-fetch-site", "same-origin", false),
        ("origin", app.base_url.as_str(), false),
    ] {
        let browser = Browser::new(&app, "owner@acme.test").header(name, value);
        browser.set_cookie("vs_session", &token);
        let answer = browser.post("/dashboard/account", &[("name", value)]).await;
        if refused {
            answer.page(400, "This was sent from another site");
        } else {
            answer.leads_to("/dashboard/account");
        }
        let shown = owner.get("/dashboard/account").await;
        assert_eq!(shown.html.contains(&format!("value=\"{value}\"")), !refused, "{value}");
    }
}

#[tokio::test]
async fn pages_may_not_be_framed_kept_or_scripted() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    for path in ["/dashboard/sign-in", "/dashboard/production/overview", "/dashboard/nothing/here"] {
        let shown = owner.get(path).await;
        let policy = shown.headers["content-security-policy"].to_str().unwrap();
        for rule in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(shown.headers["cache-control"], "no-store", "{path}");
        assert_eq!(shown.headers["cross-origin-opener-policy"], "same-origin", "{path}");
    }
    owner.get("/dashboard/nothing/here").await.page(404, "Not found");
}

/// What the hub sets a cookie of this name to, and the rest of what it says of it.
fn set_cookie(shown: &Shown, name: &str) -> (String, String) {
    let all = shown.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let of_name: Vec<&str> = all.filter_map(|cookie| cookie.strip_prefix(&format!("{name}="))).collect();
    assert_eq!(of_name.len(), 1, "{name}: {:?}", shown.headers);
    let (value, rest) = of_name[0].split_once("; ").unwrap();
    (value.to_owned(), rest.to_owned())
}

#[tokio::test]
async fn a_session_is_kept_by_a_cookie_of_this_host_and_of_https_alone() {
    let https = |parts: &mut vouchsafe::service::Parts| {
        parts.public_url = Url::parse("https://hub.acme.test/").unwrap();
    };
    let Some(app) = TestApp::start_as(https, |_| ()).await else { return };
    let link = app.hub.invite_owner("default").await.unwrap();
    let (_, token) = link.as_str().split_once("invitation=").unwrap();
    let owner = Browser::new(&app, "owner@acme.test");
    let joined = owner.join(&format!("/dashboard/join?invitation={token}"), "Olive").await;
    joined.leads_to("/dashboard");
    // The session ends with the browser at the latest; the mark stays in it.
    let (session, rest) = set_cookie(&joined, "__Host-vs_session");
    assert_eq!(rest, "Path=/; HttpOnly; SameSite=Strict; Secure");
    let (_, rest) = set_cookie(&joined, "__Host-vs_browser");
    assert_eq!(rest, "Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000; Secure");
    owner.get("/dashboard/account").await.page(200, "Your account");
    // What another host of the domain or a network without https could set is not looked at.
    let planted = Browser::new(&app, "owner@acme.test");
    planted.set_cookie("vs_session", &session);
    planted.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");
    let ended = owner.post("/dashboard/sign-out", &[]).await;
    let (value, rest) = set_cookie(&ended, "__Host-vs_session");
    assert_eq!((value.as_str(), rest.as_str()), ("", "Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure"));
}
