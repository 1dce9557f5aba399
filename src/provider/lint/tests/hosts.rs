//! Which hosts a secret may go to, and where `http` is allowed.

use super::{Edits, GOOD, codes};
use crate::provider::{Definition, Sources, check_paths};

/// Asserts that `text` has no mistake, and the codes of what is found after each change.
fn after_each(text: &str, changes: &[(Edits<'_>, &[&str])]) {
    assert_eq!(codes(text), Vec::<&str>::new());
    for (edits, found) in changes {
        let mut edited = text.to_owned();
        for (old, new) in *edits {
            assert!(edited.contains(old), "nothing to replace: {old}");
            edited = edited.replace(old, new);
        }
        assert_eq!(codes(&edited), *found, "{edits:?}");
    }
}

#[test]
fn a_free_host_is_fine_where_everything_is_the_users() {
    let text = r#"
name = "Self-hosted"
documentation = "https://acme.example/docs"
base_url = "https://{host}/api"
[variables]
host = { label = "Host", pattern = '[a-z0-9-]+(\.[a-z0-9-]+)+' }
key = { label = "Key", secret = true }
[api_key]
headers = { X-Key = "{key}" }
[check]
path = "/me"
"#;
    let key = ("label = \"Key\",", "label = \"Key\", from = \"connector\",");
    let host = ("label = \"Host\",", "label = \"Host\", from = \"connector\",");
    let options = (r"pattern = '[a-z0-9-]+(\.[a-z0-9-]+)+'", "options = { EU = \"eu.acme.example\" }");
    after_each(text, &[(&[key], &["host-not-pinned"]), (&[key, host], &[]), (&[key, options], &[])]);
}

#[test]
fn a_captured_origin_ends_in_the_vendors_domain() {
    let text = r#"
name = "Captured"
documentation = "https://acme.example/docs"
base_url = "{instance}"
[variables]
instance = { from = "token.instance", pattern = 'https://[a-z0-9-]+\.acme\.example' }
[oauth2]
authorization_endpoint = "https://login.acme.example/authorize"
token_endpoint = "https://login.acme.example/token"
"#;
    after_each(
        text,
        &[
            (&[(r"[a-z0-9-]+\.acme\.example", r"[a-z0-9-]+\.example")], &["host-not-pinned"]),
            (&[("https://[a-z", "http://[a-z")], &["unsafe-host-pattern"]),
            (&[(r"[a-z0-9-]+\.acme", r"[^.]+\.acme")], &["unsafe-host-pattern"]),
            (&[(r", pattern = 'https://[a-z0-9-]+\.acme\.example'", "")], &["unsafe-host-pattern"]),
            (&[("https://login.acme.example/token", "{instance}/token")], &["used-before-known"]),
        ],
    );
}

#[test]
fn http_needs_the_operators_leave() {
    let text = GOOD.replace("https://{shop}.acme.example/token", "http://127.0.0.1:9000/token");
    assert_eq!(codes(&text), ["http-url"]);
    assert!(Definition::from_toml("acme", &text, true).is_ok());
}

#[test]
fn a_setting_that_goes_to_a_typed_host_is_warned_of() {
    let text = r#"
name = "Typed"
documentation = "https://acme.example/docs"
base_url = "https://{host}/api"
[variables]
host = { label = "Host", pattern = '[a-z0-9-]+(\.[a-z0-9-]+)+' }
key = { label = "Key", secret = true }
tier = { label = "Tier", from = "connector" }
[api_key]
headers = { X-Key = "{key}", X-Tier = "{tier}" }
[check]
path = "/me"
"#;
    let warned = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("typed.toml");
        std::fs::write(&file, text).unwrap();
        let report = check_paths(&[file], &Sources::default());
        assert_eq!(report.errors(), 0, "{report}");
        let found = report.problems().iter().find(|problem| problem.code == "typed-host");
        found.map(|problem| (problem.line, problem.message.clone()))
    };
    let message = "`tier` of the connector goes to a host that is typed as `host`".to_owned();
    assert_eq!(warned(text), Some((8, message)));
    for (old, new) in [
        (r"[a-z0-9-]+(\.[a-z0-9-]+)+", r"[a-z0-9-]+\.acme\.example"),
        ("https://{host}/api", "https://{host}.acme.example/api"),
        ("label = \"Host\",", "label = \"Host\", from = \"connector\","),
    ] {
        assert!(text.contains(old));
        assert_eq!(warned(&text.replace(old, new)), None, "{new}");
    }
}
