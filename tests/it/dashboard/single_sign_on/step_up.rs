//! Proving again who one is.

use chrono::TimeDelta;
use serde_json::json;

use super::last_audited;
use crate::support::browser::{Browser, PASSWORD};
use crate::support::identity::Scene;

const NEW_KEY: &str = "/dashboard/production/api-keys/new";

/// Where the step-up leads on from.
const STEP_UP: &str = "/dashboard/step-up?next=%2Fdashboard%2Fproduction%2Fapi-keys%2Fnew";

/// An owner without a password, whose last proof is too long ago.
async fn late_owner(scene: &Scene) -> Browser<'_> {
    let owner = scene.app.as_owner().await;
    let jo = scene.member(&owner, "owner").await;
    scene.app.clock.advance(TimeDelta::minutes(5));
    jo.get(NEW_KEY).await.leads_to(STEP_UP);
    jo
}

#[tokio::test]
async fn a_member_without_a_password_signs_in_anew_at_the_identity_provider() {
    let Some(scene) = Scene::start().await else { return };
    let jo = late_owner(&scene).await;
    let page = jo.get(STEP_UP).await;
    assert!(!page.page(200, "Confirm that it is you").contains("name=\"password\""));
    let session = jo.cookie("vs_session");
    scene.idp.sign_in_from(&jo, STEP_UP).await.arrives_at(NEW_KEY);
    assert_eq!(jo.cookie("vs_session"), session, "it is the same session");
    jo.get(NEW_KEY).await.page(200, "Make the key");
    let (action, result, reason) = last_audited(&scene.app).await;
    assert_eq!(
        (action.as_str(), result.as_str(), reason.as_str()),
        ("member.step_up", "ok", "single sign-on")
    );
    scene.app.clock.advance(TimeDelta::minutes(5));
    jo.get(NEW_KEY).await.leads_to(STEP_UP);
}

#[tokio::test]
async fn an_older_sign_in_there_proves_nothing() {
    let Some(scene) = Scene::start().await else { return };
    let jo = late_owner(&scene).await;
    let now = vouchsafe::clock::Clock::now(scene.app.clock.as_ref()).timestamp();
    for auth_time in [json!(now - 61), json!(null), json!("now"), json!(now + 61)] {
        scene.idp.claim("auth_time", auth_time.clone());
        let shown = scene.idp.sign_in_from(&jo, STEP_UP).await;
        shown.page(502, "gave an answer that can’t be trusted");
        assert!(!shown.html.contains("by password"), "{auth_time}");
        jo.get(NEW_KEY).await.leads_to(STEP_UP);
    }
    let reason = last_audited(&scene.app).await.2;
    assert!(reason.ends_with("does not say that the person has just signed in"), "{reason}");
    scene.idp.claim("auth_time", json!(now - 30));
    scene.idp.sign_in_from(&jo, STEP_UP).await.arrives_at(NEW_KEY);
}

#[tokio::test]
async fn somebody_else_proves_nothing() {
    let Some(scene) = Scene::start().await else { return };
    let jo = late_owner(&scene).await;
    scene.idp.claim("sub", json!("ada"));
    scene.idp.sign_in_from(&jo, STEP_UP).await.page(403, "That’s somebody else");
    jo.get(NEW_KEY).await.leads_to(STEP_UP);
    let (action, result, _) = last_audited(&scene.app).await;
    assert_eq!((action.as_str(), result.as_str()), ("member.step_up", "refused"));
}

#[tokio::test]
async fn a_session_that_has_ended_meanwhile_is_not_proven() {
    let Some(scene) = Scene::start().await else { return };
    let jo = late_owner(&scene).await;
    let link = jo.get(STEP_UP).await.between("<a class=\"button primary wide\" href=\"", "\"");
    let away = jo.get(&link).await.location.unwrap();
    let back = scene.idp.authorize(&away);
    jo.post("/dashboard/sign-out", &[]).await.leads_to("/dashboard/sign-in");
    let shown = jo.get(back.as_str()).await;
    assert_eq!(shown.status, 303, "{}", shown.html);
    assert!(shown.location.unwrap().starts_with("/dashboard/sign-in?next="));
    assert_eq!(jo.cookie("vs_session"), None);
}

#[tokio::test]
async fn a_member_with_both_may_choose_and_one_without_either_is_told() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await;
    let link = scene.invite(&owner, "editor", "jo@acme.test").await;
    let jo = scene.browser();
    jo.join(&link, "Jo").await.leads_to("/dashboard");
    assert!(!jo.get("/dashboard/step-up").await.page(200, "name=\"password\"").contains("Continue with"));
    let otherwise = "/dashboard/step-up?next=%2Fdashboard";
    jo.get("/dashboard/step-up/single-sign-on").await.leads_to(otherwise);
    scene.idp.sign_in(&jo).await.arrives_at("/dashboard");
    assert!(jo.get("/dashboard/step-up").await.page(200, "Continue with").contains("name=\"password\""));
    scene.idp.sign_in_from(&jo, "/dashboard/step-up").await.arrives_at("/dashboard");
    let form = [("password", PASSWORD), ("next", "/dashboard/account")];
    jo.post("/dashboard/step-up", &form).await.leads_to("/dashboard/account");
    let reason = last_audited(&scene.app).await;
    assert_eq!((reason.0.as_str(), reason.1.as_str()), ("member.step_up", "ok"));
}

#[tokio::test]
async fn who_has_no_password_proves_nothing_by_typing_one() {
    let Some(scene) = Scene::start().await else { return };
    let jo = late_owner(&scene).await;
    for password in ["", PASSWORD] {
        let form = [("password", password), ("next", NEW_KEY)];
        jo.post("/dashboard/step-up", &form).await.page(400, "Password or code is not right");
    }
    jo.get(NEW_KEY).await.leads_to(STEP_UP);
    let form = [("email", "jo@acme.test"), ("password", "")];
    jo.post("/dashboard/sign-in", &form).await.page(400, "Address or password is not right");
}
