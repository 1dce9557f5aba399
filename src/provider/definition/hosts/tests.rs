//! Whose hosts are, who names them, and which hold for a setting.

use super::*;
use crate::provider::{Registry, Sources};

fn definition(text: &str) -> std::sync::Arc<Definition> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.toml"), text).unwrap();
    let sources = Sources { builtin: false, dir: Some(folder.path().to_owned()), allow_http: false };
    let registry = Registry::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    registry.get("acme").unwrap()
}

const HEAD: &str = "name = \"Acme\"\ndocumentation = \"https://acme.test/docs\"\n";
const KEY: &str = "key = { label = \"Key\", secret = true }\n";
const REST: &str = "[api_key]\nheaders = { X-Api-Key = \"{key}\" }\n[check]\npath = \"/me\"\n";

#[test]
fn a_host_is_the_providers_perhaps_or_anothers() {
    let text = format!(
        "{HEAD}base_url = \"https://api.acme.test/v1\"\nallowed_hosts = [\"files.acme.test:8443\", \"{{shop}}.acme-shops.test\"]\n\
             [variables]\nshop = {{ label = \"Shop\" }}\n{KEY}{REST}"
    );
    let definition = definition(&text);
    for (host, port, wanted) in [
        ("api.acme.test", 443, HostOwner::Provider),
        ("api.acme.test", 8443, HostOwner::Another),
        ("files.acme.test", 8443, HostOwner::Provider),
        ("files.acme.test", 443, HostOwner::Another),
        ("x.acme-shops.test", 443, HostOwner::Perhaps),
        ("acme.test", 443, HostOwner::Another),
        ("api.acme.test.evil.test", 443, HostOwner::Another),
    ] {
        assert_eq!(definition.host_owner(host, port), wanted, "{host}:{port}");
    }
    assert!(definition.shows_variable("shop") && !definition.shows_variable("key"));
}

#[test]
fn a_host_that_the_connector_names_is_found() {
    let text = format!(
        "{HEAD}base_url = \"{{server}}/api\"\n[variables]\nserver = {{ from = \"connector\", label = \"Server\", pattern = 'https://[a-z0-9.-]+' }}\n{KEY}{REST}"
    );
    let definition = definition(&text);
    let values = Values::new().with("server", "https://git.example.test");
    let host = Authority { host: "git.example.test".to_owned(), port: 443 };
    let wanted = SettingHosts { known: vec![host.clone()], named: vec![host] };
    assert_eq!(definition.hosts_of_setting("key", &values), wanted);
    assert_eq!(definition.known_hosts_of_setting("key", &values), wanted);
    assert_eq!(definition.host_owner("anything.test", 443), HostOwner::Perhaps);
    assert!(definition.shows_variable("server"));
}

#[test]
fn a_host_that_the_connector_leaves_to_the_file_is_the_files() {
    let text = format!(
        "{HEAD}base_url = \"https://{{host}}/api\"\n[variables]\nhost = {{ from = \"connector\", label = \"Host\", default = \"git.acme.test\", pattern = '[a-z0-9-]+(\\.[a-z0-9-]+)+' }}\n{KEY}{REST}"
    );
    let definition = definition(&text);
    for (values, host, named) in [
        (Values::new(), "git.acme.test", false),
        (Values::new().with("host", "git.example.test"), "git.example.test", true),
    ] {
        let host = Authority { host: host.to_owned(), port: 443 };
        let named = if named { vec![host.clone()] } else { Vec::new() };
        let wanted = SettingHosts { known: vec![host], named };
        assert_eq!(definition.hosts_of_setting("key", &values), wanted);
        assert_eq!(definition.known_hosts_of_setting("key", &values), wanted);
    }
}

#[test]
fn a_host_that_a_user_types_or_a_server_tells_is_named_unless_the_file_pins_it() {
    let free = "pattern = '[a-z0-9-]+(\\.[a-z0-9-]+)+'";
    for (from, rest, host, named) in [
        ("", free, "git.evil.test", true),
        ("", &*format!("{free}, default = \"git.acme.test\""), "git.acme.test", false),
        ("", &*format!("{free}, default = \"git.acme.test\""), "git.evil.test", true),
        ("", "pattern = '[a-z0-9-]+\\.acme\\.test'", "git.acme.test", false),
        ("from = \"connector\", ", "pattern = '[a-z0-9-]+\\.acme\\.test'", "git.acme.test", false),
        ("", "options = { EU = \"eu.acme.test\" }", "eu.acme.test", false),
        ("from = \"callback.host\", ", free, "git.evil.test", true),
        ("from = \"token.host\", ", free, "git.evil.test", true),
        ("from = \"token.host\", ", "pattern = '[a-z0-9-]+\\.acme\\.test'", "git.acme.test", false),
    ] {
        let label = if from.contains('.') { "" } else { "label = \"Host\", " };
        let host_line = format!("host = {{ {from}{label}{rest} }}");
        let text = format!(
            "{HEAD}base_url = \"https://{{host}}/api\"\n[variables]\n{host_line}\n\
                 tier = {{ from = \"connector\", label = \"Tier\" }}\n{CALLBACK}"
        );
        let (definition, values) = (definition(&text), Values::new().with("host", host));
        let found = definition.hosts_of_setting("tier", &values);
        let wanted = Authority { host: host.to_owned(), port: 443 };
        assert_eq!(found.known, std::slice::from_ref(&wanted), "{host_line}");
        assert_eq!(found.named.contains(&wanted), named, "{host_line} as {host}");
        assert_eq!(definition.is_typed_host(&wanted, &values), named, "{host_line} as {host}");
    }
}

const CALLBACK: &str = r#"
[oauth2]
authorization_endpoint = "https://acme.test/authorize"
token_endpoint = "https://acme.test/token"
headers = { Authorization = "Bearer {access_token}", X-Tier = "{tier}" }
"#;

const SETTINGS: &str = r#"
base_url = "https://api.acme.test/{team}"
allowed_hosts = ["files.acme.test:8443"]
headers = { X-Partner = "{partner}" }

[variables]
team = { label = "Team" }
region = { label = "Region", default = "eu" }
partner = { from = "connector", label = "Partner", secret = true }
device = { from = "connector", label = "Device", secret = true }
audience = { from = "connector", label = "Audience" }
found = { lookup = { url = "https://who.acme.test/me", path = "id" } }

[oauth2]
authorization_endpoint = "https://acme.test/authorize"
token_endpoint = "https://{region}.login.acme.test/token"
revocation_endpoint = "https://end.acme.test/revoke"
authorization_params = { audience = "{audience}" }
token_params = { device = "{device}" }
headers = { Authorization = "Bearer {access_token}", X-Found = "{found}" }
"#;

#[test]
fn a_setting_goes_where_requests_have_it_and_nowhere_else() {
    let definition = definition(&format!("{HEAD}{SETTINGS}"));
    let hosts = |found: SettingHosts| {
        assert!(found.named.is_empty());
        let hosts = found.known.into_iter().map(|one| format!("{}:{}", one.host, one.port));
        hosts.collect::<Vec<_>>()
    };
    let list = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>();
    let (none, us) = (Values::new(), Values::new().with("region", "us"));
    let of_calls = list(&["api.acme.test:443", "who.acme.test:443", "files.acme.test:8443"]);
    assert_eq!(hosts(definition.known_hosts_of_setting("partner", &none)), of_calls);
    for setting in ["client_secret", "device"] {
        let known = hosts(definition.known_hosts_of_setting(setting, &none));
        assert_eq!(known, list(&["end.acme.test:443"]), "a user may say more than the default");
        let with = |values| hosts(definition.hosts_of_setting(setting, values));
        assert_eq!(with(&us), list(&["us.login.acme.test:443", "end.acme.test:443"]));
        assert_eq!(with(&none), list(&["eu.login.acme.test:443", "end.acme.test:443"]));
    }
    assert!(definition.shows_variable("audience") && !definition.shows_variable("device"));
}
