//! Signing in to the dashboard by a real identity provider: oidc-provider, whose ID tokens hold no address.

use serde_json::json;
use vouchsafe::clock::{Clock as _, SystemClock};
use vouchsafe::service::members::single_sign_on::SingleSignOn;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Shown};
use crate::support::outside;
use crate::support::outside::query;
use crate::support::servers::{OidcOptions, OidcProvider};

const NEW_KEY: &str = "/dashboard/production/api-keys/new";

/// A hub at a real identity provider, at the time of this machine. Each must know the other's address, so the client is
/// registered first and told its redirect URI when the hub is there.
async fn scene(method: &str) -> Option<(TestApp, OidcProvider)> {
    let server = OidcProvider::start(OidcOptions::default()).await?;
    let mut client = json!({
        "redirect_uris": ["https://hub.test/not-there-yet"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": method,
    });
    let made = server.register(&client).await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let secret = text("client_secret").into();
    let sign_on = SingleSignOn::new("Northwind", &server.base_url, &text("client_id"), secret);
    let app = TestApp::start_as(|parts| parts.single_sign_on = Some(sign_on), |_| ()).await?;
    client["client_id"] = made["client_id"].clone();
    client["client_secret"] = made["client_secret"].clone();
    client["redirect_uris"] = json!([format!("{}/dashboard/sign-in/callback", app.base_url)]);
    let request = outside::client().put(text("registration_client_uri"));
    let request = request.bearer_auth(text("registration_access_token")).json(&client);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
    app.clock.set(SystemClock.now());
    Some((app, server))
}

/// Signs `login` in by the button on `page`.
async fn sign_in(server: &OidcProvider, browser: &Browser<'_>, page: &str, login: &str) -> Shown {
    let shown = browser.get(page).await;
    let link = shown.between("<a class=\"button primary wide\" href=\"", "\"");
    let away = browser.get(&link).await;
    let there = outside_url(&away);
    let back = server.sign_in(&there, login).await;
    assert!(query(&back, "code").is_some(), "{back}");
    browser.get(back.as_str()).await
}

fn outside_url(away: &Shown) -> reqwest::Url {
    assert_eq!(away.status, 303, "{}", away.html);
    away.location.as_deref().unwrap().parse().unwrap()
}

async fn invite(owner: &Browser<'_>, role: &str, email: &str) {
    let shown = owner.post("/dashboard/members/invite", &[("email", email), ("role", role)]).await;
    shown.page(200, "Send this link");
}

#[tokio::test]
async fn an_invited_person_comes_in_by_address_once_and_by_subject_from_then_on() {
    let Some((app, server)) = scene("client_secret_basic").await else { return };
    let owner = app.as_owner().await;
    let browser = Browser::new(&app, "jo@idp.test");
    sign_in(&server, &browser, "/dashboard/sign-in", "jo").await.page(403, "You have no access here");
    invite(&owner, "editor", "jo@idp.test").await;
    sign_in(&server, &browser, "/dashboard/sign-in", "jo").await.arrives_at("/dashboard");
    browser.get("/dashboard/account").await.page(200, "You sign in as <bdi>jo@idp.test</bdi> and are editor");
    let other = Browser::new(&app, "jo@idp.test");
    sign_in(&server, &other, "/dashboard/sign-in", "jo").await.arrives_at("/dashboard");
    let rows = app.rows("SELECT subject FROM member WHERE subject IS NOT NULL").await;
    assert_eq!(rows.len(), 1);
    let subject: String = rows[0].try_get("", "subject").unwrap();
    assert_eq!(subject, format!("{}|jo", server.base_url));
    server.reported("server_error", 0).await;
}

#[tokio::test]
async fn a_member_with_a_password_is_tied_and_a_client_may_post_its_secret() {
    let Some((app, server)) = scene("client_secret_post").await else { return };
    let owner = app.as_owner().await;
    let link = {
        let form = [("email", "kim@idp.test"), ("role", "viewer")];
        let shown = owner.post("/dashboard/members/invite", &form).await;
        shown.between("aria-label=\"The invitation’s link\">", "</code>")
    };
    let kim = Browser::new(&app, "kim@idp.test");
    kim.join(&link, "Kim").await.leads_to("/dashboard");
    sign_in(&server, &kim, "/dashboard/sign-in", "kim").await.arrives_at("/dashboard");
    kim.get("/dashboard/account").await.page(200, "Northwind");
    kim.sign_in().await.leads_to("/dashboard");
}

#[tokio::test]
async fn an_address_that_the_server_has_not_verified_ties_nobody() {
    let Some((app, server)) = scene("client_secret_basic").await else { return };
    let owner = app.as_owner().await;
    invite(&owner, "viewer", "unverified-jo@idp.test").await;
    let browser = Browser::new(&app, "jo@idp.test");
    let shown = sign_in(&server, &browser, "/dashboard/sign-in", "unverified-jo").await;
    shown.page(403, "Your address isn’t verified");
    assert_eq!(browser.cookie("vs_session"), None);
}

#[tokio::test]
async fn a_member_proves_who_they_are_by_signing_in_there_anew() {
    let Some((app, server)) = scene("client_secret_basic").await else { return };
    let owner = app.as_owner().await;
    invite(&owner, "owner", "jo@idp.test").await;
    let jo = Browser::new(&app, "jo@idp.test");
    sign_in(&server, &jo, "/dashboard/sign-in", "jo").await.arrives_at("/dashboard");
    jo.get(NEW_KEY).await.page(200, "Make the key");
    // The server's clock is the machine's, so time passes for the proof alone.
    app.rows("UPDATE member_session SET proven_at = 1 RETURNING id").await;
    let step_up = "/dashboard/step-up?next=%2Fdashboard%2Fproduction%2Fapi-keys%2Fnew";
    jo.get(NEW_KEY).await.leads_to(step_up);
    sign_in(&server, &jo, step_up, "ada").await.page(403, "That’s somebody else");
    sign_in(&server, &jo, step_up, "jo").await.arrives_at(NEW_KEY);
    jo.get(NEW_KEY).await.page(200, "Make the key");
}

/// Whoever has a session at the server is asked again all the same.
#[tokio::test]
async fn a_session_at_the_server_is_not_enough_to_prove_who_one_is() {
    let Some((app, _server)) = scene("client_secret_basic").await else { return };
    let owner = app.as_owner().await;
    invite(&owner, "owner", "jo@idp.test").await;
    let jo = Browser::new(&app, "jo@idp.test");
    let mut person = outside::Person::new(outside::client());
    let began = outside_url(&jo.get("/dashboard/sign-in/single-sign-on").await);
    let (page, _) = person.open(began).await;
    let (page, _) = person.submit(page, &[("prompt", "login"), ("login", "jo"), ("password", "x")]).await;
    let (back, _) = person.submit(page, &[("prompt", "consent")]).await;
    jo.get(back.as_str()).await.arrives_at("/dashboard");
    // With that session a second sign-in asks for nothing.
    let again = outside_url(&jo.get("/dashboard/sign-in/single-sign-on").await);
    let (back, _) = person.open(again).await;
    jo.get(back.as_str()).await.arrives_at("/dashboard");
    // And a proof does.
    let proof = outside_url(&jo.get("/dashboard/step-up/single-sign-on").await);
    let (page, _) = person.open(proof).await;
    assert!(page.path().starts_with("/interaction/"), "{page}");
}
