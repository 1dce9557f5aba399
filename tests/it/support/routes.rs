//! Every route of the dashboard with who gets there, and what its address needs to name something that is there.

use serde_json::json;

use super::app::TestApp;
use super::browser::Browser;

/// Who gets where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Who {
    /// Anybody.
    Public,
    /// Whoever is signed in.
    Members,
    /// Owner, admin, editor, viewer: 0 = let through, else the status.
    Roles([u16; 4]),
    /// Something of one's own; that of somebody else is not there.
    Own,
}

use Who::{Members, Own, Public, Roles};

impl Who {
    /// Owner, admin, editor, viewer, as in [`Who::Roles`]; none where nobody is asked who they are.
    pub(crate) const fn statuses(self) -> Option<[u16; 4]> {
        match self {
            Public => None,
            Members => Some([0; 4]),
            Roles(statuses) => Some(statuses),
            Own => Some([404; 4]),
        }
    }
}

const HIDDEN: Who = Roles([0, 0, 404, 404]);
/// What owners alone know of.
const OWNER: Who = Roles([0, 404, 404, 404]);
/// What everybody sees and owners alone may end.
const OWNERS: Who = Roles([0, 403, 403, 403]);
/// What editors and viewers see and may not change.
const ADMINS: Who = Roles([0, 0, 403, 403]);
/// What viewers see and may not look into or mend.
const EDITORS: Who = Roles([0, 0, 0, 403]);

/// Method, path, and who.
pub(crate) const ROUTES: &[(&str, &str, Who)] = &[
    ("GET", "/dashboard", Members),
    ("GET", "/dashboard/sign-in", Public),
    ("POST", "/dashboard/sign-in", Public),
    ("GET", "/dashboard/sign-in/code", Public),
    ("POST", "/dashboard/sign-in/code", Public),
    ("GET", "/dashboard/sign-in/single-sign-on", Public),
    ("GET", "/dashboard/sign-in/callback", Public),
    ("POST", "/dashboard/sign-out", Public),
    ("GET", "/dashboard/step-up", Members),
    ("POST", "/dashboard/step-up", Members),
    ("GET", "/dashboard/step-up/single-sign-on", Members),
    ("GET", "/dashboard/join/single-sign-on", Public),
    ("GET", "/dashboard/join", Public),
    ("POST", "/dashboard/join", Public),
    ("GET", "/dashboard/account", Members),
    ("POST", "/dashboard/account", Members),
    ("GET", "/dashboard/account/password", Members),
    ("POST", "/dashboard/account/password", Members),
    ("GET", "/dashboard/account/authenticator", Members),
    ("POST", "/dashboard/account/authenticator", Members),
    ("POST", "/dashboard/account/authenticator/new", Members),
    ("GET", "/dashboard/account/authenticator/remove", Members),
    // Those of owners and admins are wanted by the workspace; editor and viewer have none.
    ("POST", "/dashboard/account/authenticator/remove", Roles([403, 403, 403, 403])),
    ("GET", "/dashboard/account/sessions/end", Members),
    ("POST", "/dashboard/account/sessions/end", Members),
    ("GET", "/dashboard/account/sessions/{session}/end", Own),
    ("POST", "/dashboard/account/sessions/{session}/end", Own),
    ("GET", "/dashboard/members", HIDDEN),
    ("GET", "/dashboard/members/invite", HIDDEN),
    ("POST", "/dashboard/members/invite", HIDDEN),
    ("GET", "/dashboard/members/settings", HIDDEN),
    ("POST", "/dashboard/members/settings", HIDDEN),
    ("GET", "/dashboard/members/{member}", HIDDEN),
    ("POST", "/dashboard/members/{member}", HIDDEN),
    ("GET", "/dashboard/members/{member}/remove", HIDDEN),
    ("POST", "/dashboard/members/{member}/remove", HIDDEN),
    ("GET", "/dashboard/invitations/{invitation}/withdraw", HIDDEN),
    ("POST", "/dashboard/invitations/{invitation}/withdraw", HIDDEN),
    ("GET", "/dashboard/environments/new", HIDDEN),
    ("POST", "/dashboard/environments/new", HIDDEN),
    ("GET", "/dashboard/workspace/delete", OWNER),
    ("POST", "/dashboard/workspace/delete", OWNER),
    ("GET", "/dashboard/{environment}", Members),
    ("GET", "/dashboard/{environment}/overview", Members),
    ("GET", "/dashboard/{environment}/catalogue", Members),
    ("GET", "/dashboard/{environment}/catalogue/{provider}", Members),
    ("POST", "/dashboard/{environment}/catalogue/{provider}", ADMINS),
    ("GET", "/dashboard/{environment}/connectors", Members),
    ("GET", "/dashboard/{environment}/connectors/{connector}", Members),
    ("POST", "/dashboard/{environment}/connectors/{connector}", EDITORS),
    ("POST", "/dashboard/{environment}/connectors/{connector}/test", EDITORS),
    ("POST", "/dashboard/{environment}/connectors/{connector}/enable", ADMINS),
    ("GET", "/dashboard/{environment}/connectors/{connector}/disable", ADMINS),
    ("POST", "/dashboard/{environment}/connectors/{connector}/disable", ADMINS),
    ("GET", "/dashboard/{environment}/connectors/{connector}/delete", ADMINS),
    ("POST", "/dashboard/{environment}/connectors/{connector}/delete", ADMINS),
    ("GET", "/dashboard/{environment}/connectors/{connector}/kept/{field}/remove", ADMINS),
    ("POST", "/dashboard/{environment}/connectors/{connector}/kept/{field}/remove", ADMINS),
    ("GET", "/dashboard/{environment}/integrations", Members),
    ("GET", "/dashboard/{environment}/new-integration", EDITORS),
    ("POST", "/dashboard/{environment}/new-integration", EDITORS),
    ("GET", "/dashboard/{environment}/integrations/{slug}", Members),
    ("POST", "/dashboard/{environment}/integrations/{slug}", EDITORS),
    ("GET", "/dashboard/{environment}/integrations/{slug}/delete", EDITORS),
    ("POST", "/dashboard/{environment}/integrations/{slug}/delete", EDITORS),
    ("GET", "/dashboard/{environment}/webhooks", EDITORS),
    ("GET", "/dashboard/{environment}/webhooks/new", ADMINS),
    ("POST", "/dashboard/{environment}/webhooks/new", ADMINS),
    ("GET", "/dashboard/{environment}/webhooks/{endpoint}", EDITORS),
    ("POST", "/dashboard/{environment}/webhooks/{endpoint}", ADMINS),
    ("POST", "/dashboard/{environment}/webhooks/{endpoint}/test", ADMINS),
    ("GET", "/dashboard/{environment}/webhooks/{endpoint}/rotate", ADMINS),
    ("POST", "/dashboard/{environment}/webhooks/{endpoint}/rotate", ADMINS),
    ("POST", "/dashboard/{environment}/webhooks/{endpoint}/replay", ADMINS),
    ("POST", "/dashboard/{environment}/webhooks/{endpoint}/enable", ADMINS),
    ("GET", "/dashboard/{environment}/webhooks/{endpoint}/disable", ADMINS),
    ("POST", "/dashboard/{environment}/webhooks/{endpoint}/disable", ADMINS),
    ("GET", "/dashboard/{environment}/webhooks/{endpoint}/delete", ADMINS),
    ("POST", "/dashboard/{environment}/webhooks/{endpoint}/delete", ADMINS),
    ("GET", "/dashboard/{environment}/webhooks/{endpoint}/deliveries/{delivery}", EDITORS),
    ("GET", "/dashboard/{environment}/events", Members),
    ("GET", "/dashboard/{environment}/events/{event}", Members),
    ("POST", "/dashboard/{environment}/events/{event}/redeliver", EDITORS),
    ("GET", "/dashboard/{environment}/audit", HIDDEN),
    ("GET", "/dashboard/{environment}/audit/export", HIDDEN),
    ("POST", "/dashboard/{environment}/audit/export", HIDDEN),
    ("GET", "/dashboard/{environment}/audit/check", HIDDEN),
    ("GET", "/dashboard/{environment}/theme", Members),
    ("POST", "/dashboard/{environment}/theme", EDITORS),
    ("GET", "/dashboard/{environment}/theme/preview", Members),
    ("GET", "/dashboard/{environment}/settings", Members),
    ("POST", "/dashboard/{environment}/settings", Roles([0, 0, 403, 403])),
    ("GET", "/dashboard/{environment}/settings/delete", OWNERS),
    ("POST", "/dashboard/{environment}/settings/delete", OWNERS),
    ("GET", "/dashboard/{environment}/secrets", Members),
    ("GET", "/dashboard/{environment}/secrets/new", ADMINS),
    ("POST", "/dashboard/{environment}/secrets/new", ADMINS),
    ("POST", "/dashboard/{environment}/secrets/columns", Members),
    ("POST", "/dashboard/{environment}/secrets/act", ADMINS),
    ("GET", "/dashboard/{environment}/secret/{secret}", Roles([0, 0, 0, 403])),
    ("GET", "/dashboard/{environment}/secret/{secret}/edit", ADMINS),
    ("POST", "/dashboard/{environment}/secret/{secret}/edit", ADMINS),
    ("GET", "/dashboard/{environment}/secret/{secret}/reveal", ADMINS),
    ("POST", "/dashboard/{environment}/secret/{secret}/reveal", ADMINS),
    ("GET", "/dashboard/{environment}/secret/{secret}/deactivate", ADMINS),
    ("POST", "/dashboard/{environment}/secret/{secret}/deactivate", ADMINS),
    ("GET", "/dashboard/{environment}/secret/{secret}/reactivate", ADMINS),
    ("POST", "/dashboard/{environment}/secret/{secret}/reactivate", ADMINS),
    ("GET", "/dashboard/{environment}/secret/{secret}/revoke", ADMINS),
    ("POST", "/dashboard/{environment}/secret/{secret}/revoke", ADMINS),
    ("GET", "/dashboard/{environment}/secret/{secret}/delete", ADMINS),
    ("POST", "/dashboard/{environment}/secret/{secret}/delete", ADMINS),
    ("GET", "/dashboard/{environment}/console", Roles([0, 0, 0, 404])),
    ("POST", "/dashboard/{environment}/console", Roles([0, 0, 0, 404])),
    ("GET", "/dashboard/{environment}/users", Members),
    ("GET", "/dashboard/{environment}/new-user", EDITORS),
    ("POST", "/dashboard/{environment}/new-user", EDITORS),
    ("GET", "/dashboard/{environment}/users/{user}", Members),
    ("POST", "/dashboard/{environment}/users/{user}/link", EDITORS),
    ("GET", "/dashboard/{environment}/users/{user}/delete", ADMINS),
    ("POST", "/dashboard/{environment}/users/{user}/delete", ADMINS),
    ("GET", "/dashboard/{environment}/users/{user}/credentials/{credential}/disconnect", ADMINS),
    ("POST", "/dashboard/{environment}/users/{user}/credentials/{credential}/disconnect", ADMINS),
    ("GET", "/dashboard/{environment}/credentials", Members),
    ("POST", "/dashboard/{environment}/credentials/bulk", ADMINS),
    ("GET", "/dashboard/{environment}/credentials/{credential}", EDITORS),
    ("POST", "/dashboard/{environment}/credentials/{credential}/verify", EDITORS),
    ("POST", "/dashboard/{environment}/credentials/{credential}/refresh", EDITORS),
    ("POST", "/dashboard/{environment}/credentials/{credential}/link", EDITORS),
    ("GET", "/dashboard/{environment}/credentials/{credential}/deactivate", ADMINS),
    ("POST", "/dashboard/{environment}/credentials/{credential}/deactivate", ADMINS),
    ("POST", "/dashboard/{environment}/credentials/{credential}/reactivate", ADMINS),
    ("GET", "/dashboard/{environment}/credentials/{credential}/revoke", ADMINS),
    ("POST", "/dashboard/{environment}/credentials/{credential}/revoke", ADMINS),
    ("GET", "/dashboard/{environment}/credentials/{credential}/delete", ADMINS),
    ("POST", "/dashboard/{environment}/credentials/{credential}/delete", ADMINS),
    ("GET", "/dashboard/{environment}/attempts", EDITORS),
    ("GET", "/dashboard/{environment}/api-keys", HIDDEN),
    ("GET", "/dashboard/{environment}/api-keys/new", HIDDEN),
    ("POST", "/dashboard/{environment}/api-keys/new", HIDDEN),
    ("GET", "/dashboard/{environment}/api-keys/{key}/rotate", HIDDEN),
    ("POST", "/dashboard/{environment}/api-keys/{key}/rotate", HIDDEN),
    ("GET", "/dashboard/{environment}/api-keys/{key}/deactivate", HIDDEN),
    ("POST", "/dashboard/{environment}/api-keys/{key}/deactivate", HIDDEN),
    ("POST", "/dashboard/{environment}/api-keys/{key}/reactivate", HIDDEN),
    ("GET", "/dashboard/{environment}/api-keys/{key}/revoke", HIDDEN),
    ("POST", "/dashboard/{environment}/api-keys/{key}/revoke", HIDDEN),
];

/// A webhook endpoint that is there and switched on. An environment has few.
async fn endpoint(app: &TestApp) -> String {
    let there = app.as_key().get("/webhook-endpoints").await.ok(200);
    let id = if let Some(id) = there["data"][0]["webhookEndpointId"].as_str() {
        id.to_owned()
    } else {
        let made = json!({"url": "http://127.0.0.1:9/hook"});
        let made = app.as_key().post("/webhook-endpoints", &made).await.ok(201);
        made["webhookEndpointId"].as_str().unwrap().to_owned()
    };
    app.as_key().patch(&format!("/webhook-endpoints/{id}"), &json!({"enabled": true})).await.ok(200);
    id
}

/// The same path, of connectors, integrations, webhooks and events.
async fn filled_further(app: &TestApp, path: &str, number: usize) -> String {
    let mut path = path.replace("{provider}", "quillpost");
    if path.contains("{connector}") {
        let key = format!("c-{number}");
        let mut connector = json!({"provider": "fernhill"});
        if path.contains("{field}") {
            connector["clientSecret"] = json!("kept");
        }
        app.as_key().put(&format!("/connectors/{key}"), &connector).await.ok(201);
        path = path.replace("{connector}", &key).replace("{field}", "secret-client");
    }
    if path.contains("{slug}") {
        let slug = format!("i-{number}");
        let integration = json!({"name": "I", "connectors": [{"connector": "quillpost"}]});
        app.as_key().put(&format!("/integrations/{slug}"), &integration).await.ok(201);
        path = path.replace("{slug}", &slug);
    }
    if path.contains("{endpoint}") || path.contains("{event}") {
        let id = endpoint(app).await;
        let sent = app.as_key().act(&format!("/webhook-endpoints/{id}/test")).await.ok(202);
        let event = sent["eventId"].as_str().unwrap();
        let log = app.as_key().get(&format!("/events/{event}/deliveries")).await.ok(200);
        let delivery = log["data"][0]["deliveryId"].as_str().unwrap();
        path = path.replace("{endpoint}", &id).replace("{event}", event).replace("{delivery}", delivery);
    }
    path
}

/// The path with something in it that is there now, made for this `number` alone.
pub(crate) async fn filled(app: &TestApp, owner: &Browser<'_>, path: &str, number: usize) -> String {
    let mut path = path.replace("{environment}", "production");
    if path.contains("{key}") {
        let made = json!({"name": "k", "scopes": ["users:read"]});
        let made = app.as_key().post("/api-keys", &made).await.ok(201);
        path = path.replace("{key}", made["apiKeyId"].as_str().unwrap());
    }
    if path.contains("{secret}") {
        let secret = json!({"key": format!("K{number}"), "value": "sk-never-to-be-seen", "type": "api_key",
            "visibility": "masked", "allowedHosts": ["api.acme.test"]});
        app.as_key().post("/secrets", &secret).await.ok(201);
        path = path.replace("{secret}", &format!("K{number}"));
    }
    if path.contains("{user}") || path.contains("{credential}") {
        let name = format!("user-{number}");
        let user = app.user(&name).await;
        let credential = app.credential(&name).await;
        path = path.replace("{credential}", credential["credentialId"].as_str().unwrap());
        path = path.replace("{user}", &user);
    }
    if path.contains("{member}") {
        let email = format!("m{number}@acme.test");
        app.as_invited(owner, "viewer", &email).await;
        let page = owner.get("/dashboard/members?limit=200").await;
        let (_, rest) = page.html.split_once(&email).unwrap();
        let (_, rest) = rest.split_once("href=\"/dashboard/members/").unwrap();
        path = path.replace("{member}", rest.split('"').next().unwrap());
    }
    if path.contains("{invitation}") {
        let form = [("email", "open@acme.test"), ("role", "viewer")];
        owner.post("/dashboard/members/invite", &form).await.page(200, "Send this link");
        let page = owner.get("/dashboard/members").await;
        path = path.replace("{invitation}", &page.between("/dashboard/invitations/", "/withdraw"));
    }
    filled_further(app, &path.replace("{session}", "msess_01jz0000000000000000000000"), number).await
}
