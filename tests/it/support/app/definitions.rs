//! The apps that every test's hub knows.

use std::path::PathBuf;

use tempfile::TempDir;
use url::Url;
use vouchsafe::demo::fake::{self, FERNHILL, FakeProvider, QUILLPOST};

use super::{BASIC, HOSTED, OWN_CLIENT, PARTNER, SESSION};

/// Writes the definitions of the fake's apps; `more` stands at the end of Fernhill's.
pub(super) fn definitions(fake: &FakeProvider, folder: &TempDir, more: &str) -> PathBuf {
    let dir = folder.path().join("providers");
    std::fs::create_dir(&dir).unwrap();
    let base_url = fake.base_url();
    for (slug, text) in [
        (FERNHILL, fake.definition_toml(FERNHILL) + more),
        (QUILLPOST, fake.api_key_definition_toml(QUILLPOST)),
        (BASIC, fake::basic_definition_toml(BASIC, base_url)),
        (SESSION, fake::session_definition_toml(SESSION, base_url)),
        (OWN_CLIENT, fake::client_credentials_definition_toml(OWN_CLIENT, base_url)),
        (PARTNER, partner_definition(base_url)),
        (HOSTED, hosted_definition()),
    ] {
        // Limits are real time, and most stories are not about them. Fernhill's are for a story to say.
        let limits = if slug == FERNHILL { "" } else { "\n[limits]\nconcurrency = 64\nrate = 10000\n" };
        std::fs::write(dir.join(format!("{slug}.toml")), text + limits).unwrap();
    }
    dir
}

/// An API-key app with a key in the query, a fixed header, and three values of the connector.
fn partner_definition(base_url: &str) -> String {
    let port = Url::parse(base_url).unwrap().port().unwrap();
    format!(
        r#"name = "Fern Partner"
documentation = "https://fern.example/docs"
base_url = "{base_url}/api"
allowed_hosts = ["localhost:{port}"]
headers = {{ X-Version = "2030-01-01" }}
account = "{{account_id}}"

[variables]
key = {{ label = "API key", secret = true }}
partner_token = {{ from = "connector", label = "Partner token", secret = true, optional = true, pattern = 'pt-\S+' }}
tier = {{ from = "connector", label = "Tier", optional = true }}
region = {{ from = "connector", label = "Region", optional = true, default = "eu" }}
account_id = {{ from = "check.id", optional = true }}

[api_key]
headers = {{ X-Api-Key = "{{key}}", X-Partner = "{{partner_token}}", X-Tier = "{{tier}} {{region}}" }}
query = {{ api_key = "{{key}}" }}

[check]
path = "/me"
"#
    )
}

fn hosted_definition() -> String {
    r#"name = "Fern Hosted"
documentation = "https://fern.example/docs"
base_url = "{server}/api"

[variables]
key = { label = "API key", secret = true }
server = { from = "connector", label = "Server", pattern = 'https://[a-z0-9.-]+' }
token = { from = "connector", label = "Token", secret = true, optional = true }

[api_key]
headers = { X-Api-Key = "{key}", X-Token = "{token}" }

[check]
path = "/me"
"#
    .to_owned()
}
