//! The pages that ask once more before something is lost or replaced, and those beside them, at every size, light and
//! dark.

use chrono::TimeDelta;
use serde_json::json;

use super::{SIZES, become_member, picture};
use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::routes::filled;

const LONG: &str = "consolidated-freight-and-customs-brokerage-international-ag";

/// Of whoever is signed in, the workspace, and what stands between it and other programs.
const OF_THE_WORKSPACE: [(&str, &str); 12] = [
    ("sessions-end", "/dashboard/account/sessions/end"),
    ("authenticator-set", "/dashboard/account/authenticator"),
    ("authenticator-remove", "/dashboard/account/authenticator/remove"),
    ("member", "/dashboard/members/{member}"),
    ("member-remove", "/dashboard/members/{member}/remove"),
    ("invitation-withdraw", "/dashboard/invitations/{invitation}/withdraw"),
    ("api-key-rotate", "/dashboard/{environment}/api-keys/{key}/rotate"),
    ("api-key-deactivate", "/dashboard/{environment}/api-keys/{key}/deactivate"),
    ("api-key-revoke", "/dashboard/{environment}/api-keys/{key}/revoke"),
    ("webhook-rotate", "/dashboard/{environment}/webhooks/{endpoint}/rotate"),
    ("webhook-disable", "/dashboard/{environment}/webhooks/{endpoint}/disable"),
    ("webhook-delete", "/dashboard/{environment}/webhooks/{endpoint}/delete"),
];

/// Of what users connect, and by what.
const OF_AN_ENVIRONMENT: [(&str, &str); 12] = [
    ("kept-secret-remove", "/dashboard/{environment}/connectors/{connector}/kept/{field}/remove"),
    ("connector-disable", "/dashboard/{environment}/connectors/{connector}/disable"),
    ("integration-new", "/dashboard/{environment}/new-integration"),
    ("integration-delete", "/dashboard/{environment}/integrations/{slug}/delete"),
    ("user-new", "/dashboard/{environment}/new-user"),
    ("user-disconnect", "/dashboard/{environment}/users/{user}/credentials/{credential}/disconnect"),
    ("credential-deactivate", "/dashboard/{environment}/credentials/{credential}/deactivate"),
    ("credential-revoke", "/dashboard/{environment}/credentials/{credential}/revoke"),
    ("secret-show", "/dashboard/{environment}/secret/{secret}"),
    ("secret-deactivate", "/dashboard/{environment}/secret/{secret}/deactivate"),
    ("secret-reactivate", "/dashboard/{environment}/secret/{secret}/reactivate"),
    ("secret-revoke", "/dashboard/{environment}/secret/{secret}/revoke"),
];

/// Each of `pages` has something in it that is there.
async fn made(
    app: &TestApp,
    owner: &Browser<'_>,
    pages: &[(&'static str, &str)],
) -> Vec<(&'static str, String)> {
    let mut made = Vec::new();
    for (number, (name, path)) in pages.iter().enumerate() {
        made.push((*name, filled(app, owner, path, number).await));
    }
    made
}

async fn are_sound(app: &TestApp, chrome: &Chrome, pages: &[(&str, String)]) {
    for dark in [false, true] {
        for size in SIZES {
            chrome.look(Look { size, dark, reduced_motion: true }).await;
            for (name, path) in pages {
                chrome.open(&format!("{}{path}", app.base_url)).await;
                assert_eq!(chrome.client().current_url().await.unwrap().path(), path, "{name} is shown");
                picture(chrome, name, size, dark).await;
            }
        }
    }
    assert_eq!(chrome.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_ends_for_a_workspace_is_asked_at_every_size() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let owner = app.as_owner().await;
    let phone = Browser::new(&app, &owner.email).header("user-agent", "Mozilla/5.0 (iPhone) Safari/604.1");
    phone.seed.replace(owner.seed.borrow().clone());
    app.clock.advance(TimeDelta::seconds(60));
    phone.sign_in().await.leads_to("/dashboard");
    let account = owner.get("/dashboard/account").await;
    let other = account.between("/dashboard/account/sessions/msess", "\"");
    let mut pages = made(&app, &owner, &OF_THE_WORKSPACE).await;
    pages.push(("session-end", format!("/dashboard/account/sessions/msess{other}")));
    become_member(&app, &chrome, &owner).await;
    are_sound(&app, &chrome, &pages).await;
    chrome.close().await;
}

#[tokio::test]
async fn what_ends_in_an_environment_is_asked_at_every_size() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let owner = app.as_owner().await;
    let mut pages = made(&app, &owner, &OF_AN_ENVIRONMENT).await;
    app.as_key().put(&format!("/connectors/{LONG}"), &json!({"provider": "hubspot"})).await.ok(201);
    let user = app.user(LONG).await;
    app.credential(LONG).await;
    pages.push(("connector-delete", format!("/dashboard/production/connectors/{LONG}/delete")));
    pages.push(("user-delete", format!("/dashboard/production/users/{user}/delete")));
    become_member(&app, &chrome, &owner).await;
    are_sound(&app, &chrome, &pages).await;
    chrome.close().await;
}
