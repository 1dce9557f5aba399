//! `vouchsafe demo`: a hub on a throw-away database, two invented apps and a small host app. Nothing outside the
//! machine is needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{BuildError, Deps, Running, make_master_key};
use crate::config::Config;
use crate::demo::fake::{self, Client, FakeConfig, FakeProvider};
use crate::demo::host::{HostApp, HostConfig, HubAnswer, HubClient};
use crate::random::{Random, SystemRandom};
use crate::service::keys::NewApiKey;

use super::commands::failed;
use super::{CliError, block_on, say};

const ENVIRONMENT: &str = "sandbox";
const LOOPBACK: &str = "127.0.0.0/8";

/// A directory that goes when the demo ends.
struct Throwaway(PathBuf);

impl Throwaway {
    fn new() -> Result<Self, CliError> {
        let random: &dyn Random = &SystemRandom;
        let path = std::env::temp_dir().join(format!("vouchsafe-demo-{}", hex::encode(random.bytes::<8>())));
        std::fs::create_dir_all(path.join("providers"))?;
        Ok(Self(path))
    }

    fn providers(&self) -> PathBuf {
        self.0.join("providers")
    }

    fn master_key(&self) -> PathBuf {
        self.0.join("master.key")
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the demo's directory could not be removed"
            );
        }
    }
}

pub(super) fn run(env: &BTreeMap<String, String>) -> Result<(), CliError> {
    let directory = Throwaway::new()?;
    let config = config(env, &directory)?;
    crate::telemetry::start_logs(&config.server)?;
    crate::telemetry::log_panics();
    block_on(async {
        let fake = start_apps(&directory).await?;
        let running = Running::start(&config, Deps::default(), None).await?;
        let host = start_host(&running, &fake).await?;
        // Before anything is said: whoever reads it may end the demo.
        let end = end()?;
        say("")?;
        say("  Vouchsafe demo: a hub, two invented apps, and Acme, a product that embeds the hub.")?;
        say("")?;
        say(format!("  Open  {}  and press Connect.", host.base_url()))?;
        say(format!("  Quillpost, one of the apps, takes the key  {}", fake::VALID_KEY))?;
        say("")?;
        let link = super::serve::owner_link(&running.hub).await?;
        let hub = running.hub.public_url();
        say(format!("  The dashboard: {hub}dashboard (environment {ENVIRONMENT})"))?;
        say(format!("  Set up an account for it, once, at  {link}"))?;
        say(format!("  The hub is at {hub} (API at /docs). Everything is forgotten on Ctrl-C."))?;
        end.await;
        host.stop().await;
        running.stop().await;
        fake.stop().await;
        Ok(())
    })
}

/// The configuration of the demo: variables count, but data, database, keys and egress are its own.
fn config(env: &BTreeMap<String, String>, directory: &Throwaway) -> Result<Config, CliError> {
    let kept = ["VOUCHSAFE_LISTEN", "VOUCHSAFE_LOG", "VOUCHSAFE_LOG_FORMAT"];
    let mut own: BTreeMap<String, String> = env
        .iter()
        .filter(|(name, _)| kept.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    own.entry("VOUCHSAFE_LISTEN".to_owned()).or_insert_with(|| "127.0.0.1:0".to_owned());
    own.entry("VOUCHSAFE_LOG".to_owned()).or_insert_with(|| "warn".to_owned());
    let text = |path: &Path| path.display().to_string();
    own.insert("VOUCHSAFE_DATA_DIR".to_owned(), text(&directory.0.join("data")));
    // Made here: where the hub makes one, it asks for a copy of it, and this one is thrown away.
    let key = directory.master_key();
    make_master_key(&key, &SystemRandom).map_err(BuildError::from)?;
    own.insert("VOUCHSAFE_MASTER_KEY_FILE".to_owned(), text(&key));
    own.insert("VOUCHSAFE_PROVIDERS_DIR".to_owned(), text(&directory.providers()));
    own.insert("VOUCHSAFE_EGRESS_ALLOW".to_owned(), LOOPBACK.to_owned());
    own.insert("VOUCHSAFE_EGRESS_HTTP".to_owned(), "true".to_owned());
    Ok(Config::from_variables(&own)?)
}

async fn start_apps(directory: &Throwaway) -> Result<FakeProvider, CliError> {
    let fake = FakeProvider::start(FakeConfig::on_loopback().await?)?;
    let write =
        |slug: &str, text: String| std::fs::write(directory.providers().join(format!("{slug}.toml")), text);
    write(fake::FERNHILL, fake.definition_toml(fake::FERNHILL))?;
    write(fake::QUILLPOST, fake.api_key_definition_toml(fake::QUILLPOST))?;
    Ok(fake)
}

/// Makes a key as an operator would, and sets the hub up as an embedder would, over its API.
async fn start_host(running: &Running, fake: &FakeProvider) -> Result<HostApp, CliError> {
    let hub_url = format!("http://{}", running.address);
    let actor = running.hub.operator_in(crate::service::bootstrap::DEFAULT_WORKSPACE, ENVIRONMENT).await;
    let actor = actor.map_err(failed)?;
    let new = NewApiKey {
        name: "Acme".to_owned(),
        scopes: vec!["*".to_owned(), "credentials:reveal".to_owned()],
        expires_at: None,
        period: None,
        allowed_cidrs: Vec::new(),
        rate_limit: None,
    };
    let made = running.hub.create_api_key(&actor, None, new).await;
    let (_, key) = made.map_err(failed)?;
    let client = HubClient::new(&hub_url, key.expose().into())?;
    let settings = json!({
        "provider": fake::FERNHILL,
        "clientId": fake::DEMO_CLIENT_ID,
        "clientSecret": fake::DEMO_CLIENT_SECRET,
    });
    let connector = done(client.put_connector(fake::FERNHILL, &settings).await)?;
    fake.register(Client::demo(connector["redirectUri"].as_str().unwrap_or_default()));
    done(client.put_connector(fake::QUILLPOST, &json!({ "provider": fake::QUILLPOST })).await)?;
    let needs = json!([{ "connector": fake::FERNHILL }, { "connector": fake::QUILLPOST }]);
    done(client.put_integration("orders-to-sheet", "Orders to sheet", &needs).await)?;
    let theme = json!({ "theme": { "appName": "Acme" } });
    done(client.call(Method::PATCH, "/environment", &[], Some(&theme), "Acme told the hub its name.").await)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let host = HostConfig::demo(listener, &hub_url, key.expose().into(), fake.base_url());
    Ok(HostApp::start(host)?)
}

/// The body of a call that went well.
fn done(answer: HubAnswer) -> Result<Value, CliError> {
    if answer.ok() {
        Ok(answer.body)
    } else {
        Err(CliError::Said(format!("the demo's set-up failed: {}", answer.trouble())))
    }
}

/// The end that an operator tells, heard from now on.
fn end() -> Result<impl Future<Output = ()>, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
