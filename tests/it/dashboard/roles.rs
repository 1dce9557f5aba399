//! Every route of the dashboard × nobody and each role, and × what is another workspace's, another environment's or not
//! there. A route that is not in the table fails.

use std::collections::BTreeSet;
use std::path::Path;

use http::Method;

use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::routes::{ROUTES, filled};

/// What the dashboard and the modules below it, however deep, are written as.
fn sources() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/dashboard");
    let mut sources = std::fs::read_to_string(format!("{folder}.rs")).unwrap();
    add_sources(Path::new(folder), &mut sources);
    sources
}

fn add_sources(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_sources(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
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

/// What a form has to say before it is asked who may send it.
fn form_of(path: &str) -> &'static [(&'static str, &'static str)] {
    if path.ends_with("/bulk") {
        &[("action", "delete"), ("all", "1")]
    } else if path.ends_with("/{member}") {
        &[("role", "viewer")]
    } else {
        &[]
    }
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
        let Some(expected) = who.statuses() else { continue };
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

/// What addresses name that belongs to a workspace or an environment.
const NAMED: [&str; 13] = [
    "{key}",
    "{secret}",
    "{user}",
    "{credential}",
    "{member}",
    "{invitation}",
    "{session}",
    "{connector}",
    "{field}",
    "{slug}",
    "{endpoint}",
    "{event}",
    "{delivery}",
];

/// The path of a route with these in the place of what it names.
fn named(path: &str, environment: &str, names: &[String]) -> String {
    let path = path.replace("{environment}", environment).replace("{provider}", "quillpost");
    NAMED.iter().zip(names).fold(path, |path, (name, value)| path.replace(name, value))
}

/// A name of the same kind that nothing has.
fn absent(name: &str) -> String {
    match name.rsplit_once('_') {
        Some((prefix, _)) => format!("{prefix}_01jz0000000000000000000000"),
        None => format!("{name}9"),
    }
}

/// What a route is asked for is answered like what nobody ever made.
async fn is_not_there(person: &Browser<'_>, method: &str, path: &str, address: &str) {
    let sent = Method::from_bytes(method.as_bytes()).unwrap();
    let answer = person.send(sent, address, form_of(path)).await;
    let hidden = answer.html.contains("There is nothing here, or nothing that you can see.");
    let shown = format!("{method} {address} as {}: {} {}", person.email, answer.status, answer.html);
    assert!(answer.status == 404 && hidden, "{shown}");
}

#[tokio::test]
async fn what_is_elsewhere_or_nowhere_is_not_there_on_any_route() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let foreign = app.as_foreign_owner().await;
    app.hub.create_environment("default", "staging").await.unwrap();
    let there = filled(&app, &owner, &NAMED.join("/"), 1).await;
    let there: Vec<String> = there.split('/').map(str::to_owned).collect();
    assert_eq!(there.len(), NAMED.len(), "{there:?}");
    let nowhere: Vec<String> = there.iter().map(|name| absent(name)).collect();
    let mut seen = 0;
    for (method, path, _) in ROUTES {
        let mut calls = Vec::new();
        if path.contains("{environment}") {
            calls.push((&foreign, named(path, "staging", &there)));
        }
        if NAMED.iter().any(|name| path.contains(name)) {
            calls.push((&foreign, named(path, "production", &there)));
            calls.push((&owner, named(path, "production", &nowhere)));
            if path.contains("{environment}") {
                calls.push((&owner, named(path, "sandbox", &there)));
            }
        }
        for (person, address) in calls {
            seen += 1;
            is_not_there(person, method, path, &address).await;
        }
    }
    assert!(seen > 300, "{seen}");
    // All of it is where it was. A session of one's own is another story.
    for (_, path, _) in
        ROUTES.iter().filter(|(method, path, _)| *method == "GET" && !path.contains("{session}"))
    {
        if NAMED.iter().any(|name| path.contains(name)) {
            let answer = owner.get(&named(path, "production", &there)).await;
            assert_ne!(answer.status, 404, "{path}");
        }
    }
}

/// What of it can be deleted. Keys are revoked and stay in their list; events and sessions end by themselves.
const DELETED: [&str; 8] =
    ["{secret}", "{user}", "{credential}", "{member}", "{invitation}", "{connector}", "{slug}", "{endpoint}"];

#[tokio::test]
async fn what_was_deleted_is_not_there_on_any_route() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let there = filled(&app, &owner, &NAMED.join("/"), 1).await;
    let there: Vec<String> = there.split('/').map(str::to_owned).collect();
    let of = |wanted: &str| there[NAMED.iter().position(|name| *name == wanted).unwrap()].clone();
    for (kind, name) in [
        ("secrets", "{secret}"),
        // The user's own would go with them.
        ("credentials", "{credential}"),
        ("users", "{user}"),
        ("connectors", "{connector}"),
        ("integrations", "{slug}"),
        ("webhook-endpoints", "{endpoint}"),
    ] {
        let gone = app.as_key().delete(&format!("/{kind}/{}", of(name))).await;
        assert!(gone.status < 300, "{name}: {}", gone.status);
    }
    for (kind, name, act) in [("members", "{member}", "remove"), ("invitations", "{invitation}", "withdraw")]
    {
        let path = format!("/dashboard/{kind}/{}/{act}", of(name));
        owner.post(&path, &[]).await.leads_to("/dashboard/members");
    }
    let mut seen = 0;
    for (method, path, _) in ROUTES {
        if DELETED.iter().any(|name| path.contains(name)) {
            seen += 1;
            is_not_there(&owner, method, path, &named(path, "production", &there)).await;
        }
    }
    assert!(seen > 50, "{seen}");
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
        let environments = "/dashboard/environments/new\"";
        for link in ["/dashboard/production/api-keys\"", "/dashboard/members\"", environments] {
            assert_eq!(overview.contains(link), seen, "{link} for {}", person.email);
        }
        let settings = person.get("/dashboard/production/settings").await.html;
        assert_eq!(settings.contains("Save settings"), seen, "{}", person.email);
    }
}
