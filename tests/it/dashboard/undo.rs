//! What was switched off is switched on again by one press, right where it is said.

use crate::api::secrets::masked;
use crate::support::app::TestApp;
use crate::support::browser::Shown;

const SECRETS: &str = "/dashboard/production/secrets";

/// Where the form of the message leads.
fn offered(shown: &Shown) -> Option<String> {
    let (form, _) = shown
        .html
        .split_once("\"><button class=\"button secondary small\" type=\"submit\">Switch on again")?;
    let (_, action) = form.rsplit_once("action=\"")?;
    Some(action.to_owned())
}

#[tokio::test]
async fn what_was_switched_off_is_on_again_by_one_press() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.put_fernhill().await;
    app.secret(&masked("STRIPE_KEY.eu")).await;
    app.user("u-17").await;
    let id = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    let fernhill = "/dashboard/production/connectors/fernhill";
    let credential = format!("/dashboard/production/credentials/{id}");
    let secret = "/dashboard/production/secret/STRIPE_KEY.eu";
    let keys = "/dashboard/production/api-keys";
    let listed = owner.get(keys).await;
    let (before, _) = listed.html.split_once("/deactivate\"").unwrap();
    let api_key = before.rsplit_once("href=\"").unwrap().1;
    for (page, (off, on), next, said) in [
        (fernhill, ("disable", "enable"), fernhill, "The connector is switched on."),
        (
            credential.as_str(),
            ("deactivate", "reactivate"),
            credential.as_str(),
            "The credential works again.",
        ),
        (secret, ("deactivate", "reactivate"), SECRETS, "The secret works again."),
        (api_key, ("deactivate", "reactivate"), keys, "The key works again."),
    ] {
        owner.post(&format!("{page}/{off}"), &[]).await.leads_to(next);
        let shown = owner.get(next).await;
        let again = offered(&shown).unwrap();
        assert_eq!(again, format!("{page}/{on}"));
        assert_eq!(offered(&owner.get(next).await), None, "{page}: said once");
        owner.post(&again, &[]).await.leads_to(next);
        let shown = owner.get(next).await;
        shown.page(200, said);
        assert_eq!(offered(&shown), None, "{page}");
    }
    assert_eq!(app.shown(&id).await["status"], "active");
    // From a part of a list one comes back to it; another page has nothing of that.
    let off = format!("{secret}/deactivate?type=api_key");
    let part = format!("{SECRETS}?type=api_key");
    owner.post(&off, &[]).await.leads_to(&part);
    let again = offered(&owner.get(&part).await).unwrap();
    owner.post(&again, &[]).await.leads_to(&part);
    owner.post(&off, &[]).await.leads_to(&part);
    let elsewhere = owner.get("/dashboard/production/api-keys?limit=7").await;
    assert_eq!(offered(&elsewhere), Some(format!("{secret}/reactivate")));
}

#[tokio::test]
async fn a_forged_message_offers_nothing() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    for forged in [
        "secret_deactivated:production:../api-keys/new",
        "secret_deactivated:elsewhere:K",
        "secret_deleted:production:K",
        "secret_deactivated",
    ] {
        owner.set_cookie("vs_flash", forged);
        let shown = owner.get(SECRETS).await;
        shown.page(200, "class=\"flash\"");
        assert_eq!(offered(&shown), None, "{forged}");
    }
}
