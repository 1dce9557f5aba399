//! Members come and go: invitations, roles, and what the audit log says of it.

use chrono::TimeDelta;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD};

fn member_path(html: &str, email: &str) -> String {
    let (_, rest) = html.split_once(email).unwrap();
    let (_, rest) = rest.split_once("href=\"/dashboard/members/").unwrap();
    format!("/dashboard/members/{}", rest.split('"').next().unwrap())
}

#[tokio::test]
async fn an_invitation_works_once_for_its_address_and_role() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let form = [("email", "Kim@Acme.test"), ("role", "viewer")];
    owner.get("/dashboard/members/invite").await.page(200, "No mail is sent");
    let shown = owner.post("/dashboard/members/invite", &form).await;
    shown.page(200, "Send this link");
    let link = shown.between("aria-label=\"The invitation’s link\">", "</code>");
    owner.get("/dashboard/members").await.page(200, "kim@acme.test");
    let kim = Browser::new(&app, "other@acme.test");
    kim.get(&link).await.page(200, "invites you to the workspace");
    // The address is that of the invitation, whatever is sent.
    kim.join(&link, "Kim").await.leads_to("/dashboard");
    owner.get("/dashboard/members").await.page(200, "Kim</bdi>");
    kim.get("/dashboard/account").await.page(200, "kim@acme.test");
    Browser::new(&app, "x@acme.test").get(&link).await.page(400, "This link is over");
    let again = owner.post("/dashboard/members/invite", &form).await;
    again.page(400, "There is a member with this address already");
}

#[tokio::test]
async fn whose_address_has_an_account_already_is_told_why_they_can_not_join() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let _foreign = app.as_foreign_owner().await;
    let form = [("email", "owner@other.test"), ("role", "editor")];
    let shown = owner.post("/dashboard/members/invite", &form).await;
    let link = shown.between("aria-label=\"The invitation’s link\">", "</code>");
    let invited = Browser::new(&app, "owner@other.test");
    let refused = invited.join(&link, "Olive").await;
    refused.page(400, "There is an account with this address already");
    assert_eq!(invited.cookie("vs_session"), None);
    // The operator's link is for whatever address is typed, and says it there.
    let link = app.hub.invite_owner("default").await.unwrap();
    let refused = invited.join(link.as_str(), "Olive").await;
    refused.page(400, "used for a new account. Use another one.</p>");
    refused.page(400, "id=\"f-email-error\"");
}

#[tokio::test]
async fn an_invitation_ends_after_a_week_and_can_be_taken_back() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let invite = async |email: &str| {
        let form = [("email", email), ("role", "editor")];
        let shown = owner.post("/dashboard/members/invite", &form).await;
        shown.between("aria-label=\"The invitation’s link\">", "</code>")
    };
    let back = invite("back@acme.test").await;
    let page = owner.get("/dashboard/members").await;
    let id = page.between("/dashboard/invitations/", "/withdraw");
    let withdraw = format!("/dashboard/invitations/{id}/withdraw");
    owner.get(&withdraw).await.page(200, "Take back the invitation of back@acme.test?");
    owner.post(&withdraw, &[]).await.leads_to("/dashboard/members");
    owner.get(&withdraw).await.page(404, "Not found");
    let visitor = Browser::new(&app, "back@acme.test");
    visitor.get(&back).await.page(400, "This link is over");
    let late = invite("late@acme.test").await;
    app.clock.advance(TimeDelta::days(7));
    visitor.get(&late).await.page(400, "This link is over");
    for bad in [("nobody", "editor"), ("a@b.test", "king"), ("a@b.test", "")] {
        let form = [("email", bad.0), ("role", bad.1)];
        owner.sign_in().await;
        assert_eq!(owner.post("/dashboard/members/invite", &form).await.status, 400, "{bad:?}");
    }
}

#[tokio::test]
async fn a_session_without_a_fresh_proof_makes_nobody_a_member_or_an_owner() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.as_invited(&owner, "editor", "ed@acme.test").await;
    let editor = member_path(&owner.get("/dashboard/members").await.html, "ed@acme.test");
    app.clock.advance(TimeDelta::minutes(5));
    let (invite, remove) = ("/dashboard/members/invite", format!("{editor}/remove"));
    let invited = [("email", "mine@evil.test"), ("role", "owner")];
    let proof = |path: &str| format!("/dashboard/step-up?next={}", path.replace('/', "%2F"));
    let page = "/dashboard/members/settings";
    let tries: [(&str, &[(&str, &str)]); 4] = [
        (invite, &invited),
        (&editor, &[("role", "owner")]),
        (&remove, &[]),
        (page, &[("settings", "editorsMayReveal")]),
    ];
    for (path, form) in tries {
        owner.get(path).await.leads_to(&proof(path));
        owner.post(path, form).await.leads_to(&proof(path));
        owner.get(&proof(path)).await.page(200, "href=\"/dashboard/members\">Cancel</a>");
    }
    let rows = app.rows("SELECT role FROM member ORDER BY role").await;
    let roles: Vec<String> = rows.iter().map(|row| row.try_get("", "role").unwrap()).collect();
    assert_eq!(roles, ["editor", "owner"]);
    assert!(app.rows("SELECT 1 FROM invitation").await.is_empty());
    owner.get("/dashboard/members").await.page(200, "Editors may not reveal masked secrets.");

    owner.get(&proof(invite)).await.page(200, "To invite somebody");
    owner.get(&proof(page)).await.page(200, "To change the rules of the workspace");
    let code = owner.code();
    let form = [("password", PASSWORD), ("code", code.as_str()), ("next", editor.as_str())];
    owner.post("/dashboard/step-up", &form).await.leads_to(&editor);
    owner.post(&editor, &[("role", "admin")]).await.leads_to("/dashboard/members");
    // The proof comes before the ticks.
    let form = owner.get(page).await;
    form.page(200, "value=\"totpRequired\" checked>");
    form.page(200, "value=\"editorsMayReveal\">");
}

#[tokio::test]
async fn nobody_gives_or_takes_a_role_above_their_own() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    app.as_invited(&owner, "editor", "ed@acme.test").await;
    let form = [("email", "boss@acme.test"), ("role", "owner")];
    admin.post("/dashboard/members/invite", &form).await.page(400, "give a role above your own");
    let page = admin.get("/dashboard/members").await;
    let (boss, editor) =
        (member_path(&page.html, "owner@acme.test"), member_path(&page.html, "ed@acme.test"));
    admin.post(&boss, &[("role", "viewer")]).await.page(400, "whose role is above your own");
    admin.post(&format!("{boss}/remove"), &[]).await.page(403, "whose role is above your own");
    admin.post(&editor, &[("role", "owner")]).await.page(400, "give a role above your own");
    admin.post(&editor, &[("role", "admin")]).await.leads_to("/dashboard/members");
}

#[tokio::test]
async fn a_workspace_keeps_an_owner() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let page = owner.get("/dashboard/members").await;
    let me = member_path(&page.html, "owner@acme.test");
    owner.post(&me, &[("role", "viewer")]).await.page(200, "Only somebody else can change that back.");
    let sure = [
        ("role", "viewer"),
        ("sure", "You go from owner to viewer. Only somebody else can change that back."),
    ];
    owner.post(&me, &sure).await.page(400, "keeps at least one owner");
    owner.post(&format!("{me}/remove"), &[]).await.page(409, "keeps at least one owner");
    let second = app.as_invited(&owner, "owner", "second@acme.test").await;
    second.post(&format!("{me}/remove"), &[]).await.leads_to("/dashboard/members");
    owner.get("/dashboard/account").await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");
    let form = [("email", "owner@acme.test"), ("password", PASSWORD)];
    owner.post("/dashboard/sign-in", &form).await.page(400, "Address or password is not right");
}

#[tokio::test]
async fn a_lowered_role_counts_at_once() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    admin.get("/dashboard/production/api-keys").await.page(200, "API keys");
    let invite = async |role: &str| {
        let form = [("email", &*format!("{role}@acme.test")), ("role", role)];
        let shown = admin.post("/dashboard/members/invite", &form).await;
        shown.between("aria-label=\"The invitation’s link\">", "</code>")
    };
    let (above, below) = (invite("admin").await, invite("viewer").await);
    let page = owner.get("/dashboard/members").await;
    let path = member_path(&page.html, "ada@acme.test");
    let asked = owner.post(&path, &[("role", "editor")]).await;
    asked.page(200, "goes from admin to editor, and can do less");
    admin.get("/dashboard/production/api-keys").await.page(200, "API keys");
    let sure = asked.question();
    // The answer to one question is none to another.
    owner.post(&path, &[("role", "viewer"), ("sure", &sure)]).await.page(200, "goes from admin to viewer");
    owner.post(&path, &[("role", "editor"), ("sure", &sure)]).await.leads_to("/dashboard/members");
    admin.get("/dashboard/production/api-keys").await.page(404, "Not found");
    // Whoever may invite nobody any more comes back by no link of their own.
    for link in [above, below] {
        Browser::new(&app, "x@acme.test").get(&link).await.page(400, "This link is over");
    }
    owner.post(&path, &[("role", "admin")]).await;
    let later = invite("viewer").await;
    owner.post(&format!("{path}/remove"), &[]).await;
    Browser::new(&app, "x@acme.test").get(&later).await.page(400, "This link is over");
}

#[tokio::test]
async fn the_workspace_says_whether_its_admins_need_an_authenticator() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let form = [("email", "ada@acme.test"), ("role", "admin")];
    let shown = owner.post("/dashboard/members/invite", &form).await;
    let link = shown.between("aria-label=\"The invitation’s link\">", "</code>");
    let admin = Browser::new(&app, "ada@acme.test");
    admin.join(&link, "Ada").await.leads_to("/dashboard");
    let (overview, set_up) = ("/dashboard/production/overview", "/dashboard/account/authenticator");
    admin.get(overview).await.leads_to(set_up);
    owner.post("/dashboard/members/settings", &[]).await.leads_to("/dashboard/members");
    admin.get(overview).await.page(200, "Overview");
    admin.get("/dashboard/members").await.page(200, "ada@acme.test");
    // What is dear wants one all the same.
    admin.get("/dashboard/production/api-keys/new").await.leads_to(set_up);
    admin.enrol().await.leads_to("/dashboard/account");
    admin.get("/dashboard/production/api-keys/new").await.page(200, "Make a key for production");
    admin.post("/dashboard/account/authenticator/remove", &[]).await.leads_to("/dashboard/account");
    admin.seed.replace(None);
    admin.sign_in().await.leads_to("/dashboard");
    admin.get(overview).await.page(200, "Overview");

    owner.post("/dashboard/members/settings", &[("settings", "totpRequired")]).await;
    admin.get(overview).await.leads_to(set_up);
    admin.sign_in().await.leads_to("/dashboard");
    admin.get(overview).await.leads_to(set_up);
}

#[tokio::test]
async fn workspaces_do_not_see_each_other() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let foreign = app.as_foreign_owner().await;
    let page = owner.get("/dashboard/members").await;
    assert!(!page.html.contains("owner@other.test"));
    let me = member_path(&page.html, "owner@acme.test");
    foreign.get(&me).await.page(404, "Not found");
    foreign.post(&me, &[("role", "viewer")]).await.page(404, "Not found");
    foreign.post(&format!("{me}/remove"), &[]).await.page(404, "Not found");
    let key = app.as_key().get("/api-keys").await.ok(200)["data"][0]["apiKeyId"].as_str().unwrap().to_owned();
    let revoke = format!("/dashboard/production/api-keys/{key}/revoke");
    foreign.post(&revoke, &[]).await.page(404, "Not found");
    foreign.get("/dashboard/elsewhere/overview").await.page(404, "Not found");
}

#[tokio::test]
async fn the_audit_log_names_the_member_and_tells_keys_nothing_of_the_workspace() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let form = [("name", "from the dashboard"), ("scopes", "users:read")];
    owner.post("/dashboard/production/api-keys/new", &form).await.page(200, "is made");
    app.hub.flush_audit().await.unwrap();
    let made = app.as_key().get("/audit-events?action=api_key.create").await.ok(200);
    let actor = &made["data"][0]["actor"];
    assert_eq!(actor["type"], "member");
    assert!(actor["id"].as_str().unwrap().starts_with("member_"), "{actor}");
    for action in ["member.join", "member.sign_in", "member.invite", "member.set_authenticator"] {
        let seen = app.as_key().get(&format!("/audit-events?action={action}")).await.ok(200);
        assert_eq!(seen["data"], serde_json::json!([]), "{action}");
    }
    let rows = app.rows("SELECT action FROM audit_event WHERE workspace_id IS NOT NULL").await;
    let actions: Vec<String> = rows.iter().map(|row| row.try_get("", "action").unwrap()).collect();
    for action in ["member.join", "member.invite", "member.set_authenticator"] {
        assert!(actions.iter().any(|one| one == action), "{action}");
    }
}

/// A request may be under way for half a minute, as slow as its body comes.
#[tokio::test]
async fn who_is_removed_while_their_request_is_under_way_invites_nobody_any_more() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ad@acme.test").await;
    let form = [("email", "first@acme.test"), ("role", "editor")];
    admin.post("/dashboard/members/invite", &form).await.page(200, "The invitation’s link");
    let invitations = async || app.rows("SELECT id FROM invitation").await.len();
    assert_eq!(invitations().await, 1);

    let host = app.base_url.trim_start_matches("http://");
    let mut line = TcpStream::connect(host).await.unwrap();
    let body = "email=mine%40evil.test&role=admin";
    let (begin, end) = body.split_at(10);
    let session = admin.cookie("vs_session").unwrap();
    let head = format!(
        "POST /dashboard/members/invite HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\n\
         cookie: vs_session={session}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{begin}",
        body.len()
    );
    line.write_all(head.as_bytes()).await.unwrap();
    // Until the hub has looked who asks.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let path = member_path(&owner.get("/dashboard/members").await.html, "ad@acme.test");
    let question = owner.get(&format!("{path}/remove")).await;
    question.page(200, "Invitations that they sent and nobody has accepted end.");
    owner.post(&format!("{path}/remove"), &[]).await.leads_to("/dashboard/members");
    line.write_all(end.as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("Your own role has changed meanwhile."), "{answer}");
    assert_eq!(invitations().await, 0);
    let reason = app.rows("SELECT reason FROM audit_event WHERE action = 'member.remove'").await;
    let reason: String = reason[0].try_get("", "reason").unwrap();
    assert_eq!(reason, "ad@acme.test; 1 invitation ended");
}

#[tokio::test]
async fn who_is_lowered_keeps_the_invitations_that_they_may_still_make() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let second = app.as_invited(&owner, "owner", "second@acme.test").await;
    for (email, role) in [("o@acme.test", "owner"), ("e@acme.test", "editor")] {
        let form = [("email", email), ("role", role)];
        second.post("/dashboard/members/invite", &form).await.page(200, "The invitation’s link");
    }
    let path = member_path(&owner.get("/dashboard/members").await.html, "second@acme.test");
    let sure = owner.post(&path, &[("role", "admin")]).await.question();
    owner.post(&path, &[("role", "admin"), ("sure", &sure)]).await.leads_to("/dashboard/members");
    let page = owner.get("/dashboard/members").await;
    page.page(200, "e@acme.test");
    assert!(!page.html.contains("o@acme.test</"), "{}", page.html);
}
