//! Every route of the dashboard × nobody and each role. A route that is not in the table fails.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;

use crate::api::secrets::{masked, with};
use crate::support::app::TestApp;
use crate::support::browser::Browser;

/// Who gets where.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
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

const HIDDEN: Who = Roles([0, 0, 404, 404]);
/// What editors and viewers see and may not change.
const ADMINS: Who = Roles([0, 0, 403, 403]);
/// What viewers see and may not look into or mend.
const EDITORS: Who = Roles([0, 0, 0, 403]);

const ROUTES: &[(&str, &str, Who)] = &[
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
    ("POST", "/dashboard/members/settings", HIDDEN),
    ("GET", "/dashboard/members/{member}", HIDDEN),
    ("POST", "/dashboard/members/{member}", HIDDEN),
    ("GET", "/dashboard/members/{member}/remove", HIDDEN),
    ("POST", "/dashboard/members/{member}/remove", HIDDEN),
    ("GET", "/dashboard/invitations/{invitation}/withdraw", HIDDEN),
    ("POST", "/dashboard/invitations/{invitation}/withdraw", HIDDEN),
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

/// What the dashboard and the modules right below it are written as.
fn sources() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/dashboard");
    let mut sources = std::fs::read_to_string(format!("{folder}.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    sources
}

/// The routes as the router has them: method and path.
fn routes() -> BTreeSet<(String, String)> {
    let source = sources();
    let mut found = BTreeSet::new();
    for route in source.split(".route(").skip(1) {
        let (_, rest) = route.split_once('"').unwrap();
        let (path, handlers) = rest.split_once('"').unwrap();
        let handlers = handlers.split([';', '}']).next().unwrap().split(".layer(").next().unwrap();
        for (word, method) in [("get(", "GET"), ("post(", "POST")] {
            if handlers.contains(word) {
                found.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_route_is_in_the_table() {
    let listed: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    let routes = routes();
    assert_eq!(
        routes.difference(&listed).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "not in the table"
    );
    assert_eq!(listed.difference(&routes).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "gone");
    assert!(routes.len() > 40);
}

#[tokio::test]
async fn no_environment_is_called_like_a_page_that_belongs_to_none() {
    let Some(app) = TestApp::start().await else { return };
    let firsts: BTreeSet<String> = routes()
        .into_iter()
        .filter_map(|(_, path)| path.strip_prefix("/dashboard/")?.split('/').next().map(str::to_owned))
        .filter(|first| !first.starts_with('{'))
        .collect();
    assert!(firsts.contains("account") && firsts.contains("sign-in"), "{firsts:?}");
    for name in firsts {
        let refused = app.hub.create_environment("default", &name).await.unwrap_err();
        let vouchsafe::service::Error::Invalid(violations) = refused else { panic!("{name}: {refused:?}") };
        assert_eq!((violations[0].pointer.as_str(), violations[0].code), ("/name", "reserved"), "{name}");
    }
    app.hub.create_environment("default", "staging").await.unwrap();
}

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

/// The path with something in it that is there now.
async fn filled(app: &TestApp, owner: &Browser<'_>, path: &str, number: usize) -> String {
    let mut path = path.replace("{environment}", "production");
    if path.contains("{key}") {
        let made = json!({"name": "k", "scopes": ["users:read"]});
        let made = app.as_key().post("/api-keys", &made).await.ok(201);
        path = path.replace("{key}", made["apiKeyId"].as_str().unwrap());
    }
    if path.contains("{secret}") {
        let secret = with(masked(&format!("K{number}")), "allowedHosts", json!(["api.acme.test"]));
        app.secret(&secret).await;
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

/// What a form has to say before it is asked who may send it.
fn form_of(path: &str) -> &'static [(&'static str, &'static str)] {
    if path.ends_with("/bulk") { &[("action", "delete"), ("all", "1")] } else { &[] }
}

#[tokio::test]
async fn each_role_gets_as_far_as_the_table_says() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let second = app.as_invited(&owner, "owner", "second@acme.test").await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    let people = [&second, &admin, &editor, &viewer];
    let mut number = 0;
    for (method, path, who) in ROUTES {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let expected = match who {
            Public => continue,
            Members => [0; 4],
            Roles(statuses) => *statuses,
            Own => [404; 4],
        };
        for (person, expected) in people.iter().zip(expected) {
            number += 1;
            let filled = filled(&app, &owner, path, number).await;
            let answer = person.send(method.clone(), &filled, form_of(path)).await;
            let seen = format!("{method} {path} as {}: {} {}", person.email, answer.status, answer.html);
            if expected == 0 {
                assert!(![401, 403, 404, 405, 500].contains(&answer.status), "{seen}");
                let signed_out =
                    answer.location.as_deref().is_some_and(|to| to.starts_with("/dashboard/sign-in"));
                assert!(!signed_out, "{seen}");
            } else {
                assert_eq!(answer.status, expected, "{seen}");
            }
        }
        number += 1;
        let filled = filled(&app, &owner, path, number).await;
        let nobody = Browser::new(&app, "nobody@acme.test").send(method.clone(), &filled, &[]).await;
        let to = nobody.location.as_deref().unwrap_or_default();
        assert!(
            nobody.status == 303 && to.starts_with("/dashboard/sign-in?next="),
            "{method} {path}: {nobody:?}"
        );
        // Whoever signs in then is shown something.
        let next = to.trim_start_matches("/dashboard/sign-in?next=").replace("%2F", "/");
        assert_ne!(owner.get(&next).await.status, 405, "{method} {path}: {next}");
    }
}

#[tokio::test]
async fn what_a_role_may_not_do_is_not_offered() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    let viewer = app.as_invited(&owner, "viewer", "vi@acme.test").await;
    for (person, sees) in [
        (&owner, [true; 5]),
        (&editor, [true, true, true, true, false]),
        (&viewer, [true, true, false, true, false]),
    ] {
        let overview = person.get("/dashboard/production/overview").await.html;
        let pages = ["connectors", "integrations", "webhooks", "events", "audit"];
        for (page, seen) in pages.into_iter().zip(sees) {
            let link = format!("/dashboard/production/{page}\"");
            assert_eq!(overview.contains(&link), seen, "{page} for {}", person.email);
        }
    }
    for (person, seen) in [(&owner, true), (&editor, false)] {
        let overview = person.get("/dashboard/production/overview").await.html;
        for link in ["/dashboard/production/api-keys\"", "/dashboard/members\""] {
            assert_eq!(overview.contains(link), seen, "{link} for {}", person.email);
        }
        let settings = person.get("/dashboard/production/settings").await.html;
        assert_eq!(settings.contains("Save settings"), seen, "{}", person.email);
    }
}
