//! Who comes in.

use serde_json::json;

use super::{audited, last_audited};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD};
use crate::support::identity::{NAME, Scene};

#[tokio::test]
async fn without_an_identity_provider_there_is_no_button_and_no_way() {
    let Some(app) = TestApp::start().await else { return };
    let browser = Browser::new(&app, "jo@acme.test");
    let page = browser.get("/dashboard/sign-in").await;
    assert!(!page.page(200, "Sign in</button>").contains("Continue with"));
    let there = "/dashboard/sign-in/single-sign-on?next=%2Fdashboard%2Faccount";
    browser.get(there).await.leads_to("/dashboard/sign-in?next=%2Fdashboard%2Faccount");
    browser.get("/dashboard/sign-in/callback?code=c&state=s").await.leads_to("/dashboard/sign-in");
    assert_eq!(browser.cookie("vs_sign_on"), None);
}

#[tokio::test]
async fn an_invited_address_becomes_a_member_without_a_password_and_is_known_by_subject_then() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    scene.invite(&owner, "editor", "Jo@Acme.test").await;
    let browser = scene.browser();
    let page = browser.get("/dashboard/sign-in?next=%2Fdashboard%2Faccount").await;
    assert!(page.page(200, "or by password").contains(&format!("Continue with <bdi>{NAME}</bdi>")));
    let there = "/dashboard/sign-in?next=%2Fdashboard%2Faccount";
    scene.idp.sign_in_from(&browser, there).await.arrives_at("/dashboard/account");
    assert_eq!(browser.cookie("vs_sign_on"), None, "it is taken back");
    let account = browser.get("/dashboard/account").await;
    account.page(200, "You sign in as <bdi>jo@acme.test</bdi> and are editor");
    assert!(account.html.contains("value=\"Jo Miller\"") && account.html.contains(NAME));
    assert!(!account.html.contains("Change password") && !account.html.contains("Set up"));
    let joined = ("member.join".to_owned(), "ok".to_owned(), String::new());
    assert_eq!(last_audited(&scene.app).await, joined);
    owner.get("/dashboard/members").await.page(200, "Single sign-on");

    // From now on the address does not matter.
    scene.idp.claim("email", json!("somebody.else@acme.test"));
    scene.idp.claim("email_verified", json!(false));
    let other = scene.browser();
    scene.idp.sign_in(&other).await.arrives_at("/dashboard");
    other.get("/dashboard/account").await.page(200, "You sign in as <bdi>jo@acme.test</bdi>");
    assert_eq!(last_audited(&scene.app).await.0, "member.sign_in");
    assert!(scene.app.rows("SELECT 1 FROM invitation").await.is_empty());
}

#[tokio::test]
async fn a_member_with_a_password_is_tied_by_the_verified_address_and_keeps_the_password() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    scene.idp.claim("email", json!("Owner@acme.test"));
    let browser = scene.browser();
    scene.idp.sign_in(&browser).await.arrives_at("/dashboard");
    browser.get("/dashboard/account").await.page(200, "You sign in as <bdi>owner@acme.test</bdi>");
    let written = audited(&scene.app).await;
    assert_eq!(written[0].0, "member.sign_in");
    let tied = ("member.tie_identity".to_owned(), "ok".to_owned(), format!("at {}", scene.idp.base_url));
    assert_eq!(written[1], tied);
    // The other way in goes on working: nobody is locked out while the identity provider is down.
    owner.sign_in().await.leads_to("/dashboard");
    scene.idp.script().down.insert("/token", 503);
    scene.app.clock.advance(chrono::TimeDelta::seconds(60));
    owner.sign_in().await.leads_to("/dashboard");
}

#[tokio::test]
async fn an_owner_by_single_sign_on_alone_needs_no_authenticator_here_and_one_with_a_password_does() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    let jo = scene.member(&owner, "owner").await;
    jo.get("/dashboard/production/overview").await.page(200, "Begin here");
    jo.get("/dashboard/production/api-keys/new").await.page(200, "Make the key");

    // An admin who joined by password and never set an authenticator up is asked for one whichever way they come.
    let link = scene.invite(&owner, "admin", "ada@acme.test").await;
    let ada = Browser::new(&scene.app, "ada@acme.test");
    ada.join(&link, "Ada").await.leads_to("/dashboard");
    scene.idp.claim("sub", json!("ada"));
    scene.idp.claim("email", json!("ada@acme.test"));
    scene.idp.sign_in(&ada).await.arrives_at("/dashboard");
    ada.get("/dashboard/production/overview").await.leads_to("/dashboard/account/authenticator");
    let form = [("email", "ada@acme.test"), ("password", PASSWORD)];
    ada.post("/dashboard/sign-in", &form).await.leads_to("/dashboard");
    ada.get("/dashboard/production/overview").await.leads_to("/dashboard/account/authenticator");
}

#[tokio::test]
async fn who_was_not_invited_gets_a_plain_page_and_no_account() {
    let Some(scene) = Scene::start().await else { return };
    let _owner = scene.app.as_owner().await;
    let browser = scene.browser();
    let shown = scene.idp.sign_in(&browser).await;
    shown.page(403, "You have no access here");
    assert!(shown.html.contains("<bdi>jo@acme.test</bdi>") && shown.html.contains("Ask an owner or admin"));
    assert_eq!((browser.cookie("vs_session"), browser.cookie("vs_sign_on")), (None, None));
    let (action, result, reason) = last_audited(&scene.app).await;
    assert_eq!((action.as_str(), result.as_str()), ("member.sign_in", "refused"));
    assert_eq!(reason, "single sign-on: nobody with this address was invited");
    assert_eq!(scene.app.rows("SELECT 1 FROM member").await.len(), 1);
}

#[tokio::test]
async fn an_invitation_that_is_over_or_was_taken_back_lets_nobody_in() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    scene.invite(&owner, "viewer", "jo@acme.test").await;
    let page = owner.get("/dashboard/members").await;
    let id = page.between("/dashboard/invitations/", "/withdraw");
    owner.post(&format!("/dashboard/invitations/{id}/withdraw"), &[]).await.leads_to("/dashboard/members");
    scene.idp.sign_in(&scene.browser()).await.page(403, "You have no access here");
    scene.invite(&owner, "viewer", "jo@acme.test").await;
    scene.app.clock.advance(chrono::TimeDelta::days(7));
    scene.idp.sign_in(&scene.browser()).await.page(403, "You have no access here");
}

#[tokio::test]
async fn an_address_that_is_not_verified_ties_nobody() {
    let Some(scene) = Scene::start().await else { return };
    let _owner = scene.app.as_owner().await;
    scene.idp.claim("email", json!("owner@acme.test"));
    for flag in [json!(false), json!("false"), json!(null), json!(1)] {
        scene.idp.claim("email_verified", flag.clone());
        let there = scene.idp.sign_in(&scene.browser()).await;
        // The same for an address that nobody has.
        scene.idp.claim("email", json!("nobody@acme.test"));
        let nobody = scene.idp.sign_in(&scene.browser()).await;
        scene.idp.claim("email", json!("owner@acme.test"));
        there.page(403, "Your address isn’t verified");
        assert_eq!(
            there.html.replace("owner@acme.test", ""),
            nobody.html.replace("nobody@acme.test", ""),
            "{flag}"
        );
    }
    for none in [json!(null), json!(""), json!(7)] {
        scene.idp.claim("email", none);
        scene.idp.sign_in(&scene.browser()).await.page(403, "Your address is missing");
    }
    // Nor is what is no address, whatever is said of it.
    scene.idp.claim("email_verified", json!(true));
    for wrong in ["nobody", "jo\0@acme.test", "jo @acme.test"] {
        scene.idp.claim("email", json!(wrong));
        scene.idp.sign_in(&scene.browser()).await.page(403, "Your address is missing");
    }
    assert_eq!(scene.app.rows("SELECT 1 FROM member WHERE subject IS NOT NULL").await.len(), 0);
}

#[tokio::test]
async fn an_address_that_became_somebody_elses_does_not_open_the_old_account() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    scene.member(&owner, "editor").await;
    scene.idp.claim("sub", json!("another-jo"));
    let browser = scene.browser();
    let shown = scene.idp.sign_in(&browser).await;
    shown.page(403, "You have no access here");
    assert_eq!(browser.cookie("vs_session"), None);
    let reason = last_audited(&scene.app).await.2;
    assert_eq!(reason, "single sign-on: the member of this address is tied to another identity");
    // It reads as for an address that nobody has.
    scene.idp.claim("email", json!("nobody@acme.test"));
    let nobody = scene.idp.sign_in(&scene.browser()).await;
    assert_eq!(shown.html.replace("jo@acme.test", ""), nobody.html.replace("nobody@acme.test", ""));
}

#[tokio::test]
async fn the_link_of_an_invitation_offers_single_sign_on_for_its_address_alone() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    let link = scene.invite(&owner, "viewer", "kim@acme.test").await;
    let browser = scene.browser();
    let shown = scene.idp.sign_in_from(&browser, &link).await;
    shown.page(403, "This invitation is for another address");
    assert!(shown.html.contains("<bdi>jo@acme.test</bdi>") && !shown.html.contains("kim@acme.test"));
    scene.idp.claim("email", json!("kim@acme.test"));
    scene.idp.claim("name", json!(null));
    scene.idp.sign_in_from(&browser, &link).await.arrives_at("/dashboard");
    browser.get("/dashboard/account").await.page(200, "value=\"kim\"");
    browser.get(&link).await.page(400, "This link is over");
}

#[tokio::test]
async fn the_first_owner_may_come_by_single_sign_on() {
    let Some(scene) = Scene::start().await else { return };
    let link = scene.app.hub.invite_owner("default").await.unwrap();
    let browser = scene.browser();
    scene.idp.claim("email_verified", json!(false));
    scene.idp.sign_in_from(&browser, link.as_str()).await.page(403, "Your address isn’t verified");
    scene.idp.claim("email_verified", json!(true));
    scene.idp.sign_in_from(&browser, link.as_str()).await.arrives_at("/dashboard");
    browser.get("/dashboard/account").await.page(200, "and are owner of default");
    let again = format!("/dashboard/join/single-sign-on?{}", link.query().unwrap());
    browser.get(&again).await.page(400, "This link is over");
}

#[tokio::test]
async fn a_subject_of_another_issuer_is_somebody_else() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    scene.member(&owner, "editor").await;
    let rows = scene.app.rows("SELECT subject FROM member WHERE subject IS NOT NULL").await;
    let subject: String = rows[0].try_get("", "subject").unwrap();
    assert_eq!(subject, format!("{}|jo", scene.idp.base_url));
}
