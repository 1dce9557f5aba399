//! A look at a deployment, part by part. It makes nothing and writes nothing: what is not there is said to be missing.

mod reach;
mod rotation;

use std::error::Error;

use super::{BuildError, Deps, KeyError, MOST_SKEW, WARN_SKEW, home, keys};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::data_key::WrappedKey;
use crate::http::render::Renderer;
use crate::provider::Registry;
use crate::store::{self, Schema, Store};
use crate::vault::{MasterKeys, Vault};

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Ok,
    /// Worth a look; a hub works all the same.
    Warning,
    /// It fails.
    Fails,
    /// It fails, and the configuration or the master key is why.
    Misconfigured,
}

impl Health {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fails | Self::Misconfigured => "fails",
        }
    }

    /// The exit code of a command that finds it.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Warning => 0,
            Self::Fails => 1,
            Self::Misconfigured => 78,
        }
    }
}

/// What was seen of a part.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The part.
    pub part: &'static str,
    /// How it is.
    pub health: Health,
    /// What was seen and, where something is wrong, what to do; one line.
    pub words: String,
}

impl Finding {
    fn new(part: &'static str, health: Health, words: impl Into<String>) -> Self {
        let words: String = words.into();
        Self { part, health, words: words.replace('\n', "; ") }
    }
}

/// An error and its causes in one line.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // Transparent layers say the same thing twice.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// What there is of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing yet.
    Nothing,
    /// Something that can't be asked.
    Unreached,
    /// A schema that lacks something.
    Behind,
    /// The schema of this program.
    Current,
}

/// Looks at the deployment of a configuration.
pub async fn examine(config: &Config, deps: &Deps) -> Vec<Finding> {
    let mut findings = vec![configuration(config), definitions(config), pages()];
    let (finding, state, store) = database(config).await;
    findings.push(finding);
    let wrapped = match (&store, state) {
        (Some(store), _) => store::data_key::all(store).await.map(Some),
        (None, State::Nothing) => Ok(Some(Vec::new())),
        (None, _) => Ok(None),
    };
    let wrapped = wrapped.unwrap_or_else(|error| {
        findings.push(Finding::new("data keys", Health::Fails, causes(&error)));
        None
    });
    let (finding, master_keys) = master_key(config, wrapped.as_deref());
    findings.push(finding);
    if let (Some(master_keys), Some(wrapped)) = (master_keys, &wrapped) {
        findings.push(data_keys(master_keys, wrapped, deps));
    }
    if let Some(store) = store {
        if state == State::Current {
            if let Some(wrapped) = &wrapped {
                findings.push(rotation::rotation(&store, wrapped, deps.clock.as_ref()).await);
            }
            findings.push(adoption(config, &store).await);
        }
        findings.push(clock(&store, deps.clock.as_ref()).await);
        if let Err(error) = store.close().await {
            tracing::warn!(error = &error as &dyn Error, "the database could not be closed");
        }
    }
    findings.push(reach::public_url(config, &deps.egress).await);
    findings.extend(reach::identity_provider(config, &deps.egress).await);
    findings
}

fn configuration(config: &Config) -> Finding {
    let given = config.given.join(", ");
    let words = if given.is_empty() { "nothing is set".to_owned() } else { format!("set: {given}") };
    if config.unknown.is_empty() {
        return Finding::new("configuration", Health::Ok, words);
    }
    let words = format!("{words}; not read, see that it is no misspelling: {}", config.unknown.join(", "));
    Finding::new("configuration", Health::Warning, words)
}

fn definitions(config: &Config) -> Finding {
    let (health, words) = match Registry::load(&super::provider_sources(config)) {
        Ok(registry) => (Health::Ok, format!("{} definitions are in order", registry.len())),
        Err(report) => (
            Health::Misconfigured,
            format!("{} mistakes in definitions; see `vouchsafe providers check`", report.errors()),
        ),
    };
    Finding::new("providers", health, words)
}

fn pages() -> Finding {
    match Renderer::load() {
        Ok(_) => Finding::new("templates", Health::Ok, "all are in order"),
        Err(error) => Finding::new("templates", Health::Misconfigured, causes(&error)),
    }
}

/// The database is given back where there is something to read in it.
async fn database(config: &Config) -> (Finding, State, Option<Store>) {
    let found = |health, words: &str, state, store| (Finding::new("database", health, words), state, store);
    let url = &config.database.url;
    if url.is_absent_file() {
        let words = "there is none here yet; `vouchsafe serve` makes it";
        return found(Health::Warning, words, State::Nothing, None);
    }
    let store = match Store::open(url).await {
        Ok(store) => store,
        Err(error) => {
            let words = format!(
                "it can't be reached: {}; see that it runs and that VOUCHSAFE_DATABASE_URL is right",
                causes(&error)
            );
            return found(Health::Fails, &words, State::Unreached, None);
        }
    };
    match store.schema().await {
        Ok(Schema::None) => {
            let words = "reached, and empty; `vouchsafe serve` sets it up";
            found(Health::Warning, words, State::Nothing, None)
        }
        Ok(Schema::Current) => {
            found(Health::Ok, "reached; its schema is up to date", State::Current, Some(store))
        }
        Ok(Schema::Earlier(steps)) => {
            let words = format!(
                "reached; its schema lacks {}, which the next start or `vouchsafe migrate` brings",
                steps.join(", ")
            );
            found(Health::Warning, &words, State::Behind, Some(store))
        }
        Ok(Schema::Later(step)) => {
            let words = format!(
                "reached, but its schema is not one of this program: a later version took the step {step}; run that \
                 version or a newer one"
            );
            found(Health::Fails, &words, State::Unreached, None)
        }
        Err(error) => {
            let words = format!("reached, but its schema can't be read: {}", causes(&error));
            found(Health::Fails, &words, State::Unreached, None)
        }
    }
}

/// The master key beside what the database is sealed with; none of the latter where it can't be asked.
fn master_key(config: &Config, wrapped: Option<&[WrappedKey]>) -> (Finding, Option<MasterKeys>) {
    const PART: &str = "master key";
    match fitting(config, wrapped.unwrap_or_default()) {
        Err(error) => (Finding::new(PART, Health::Misconfigured, causes(&error)), None),
        Ok(None) if wrapped.is_none() => (
            Finding::new(PART, Health::Warning, "there is none, and what is sealed could not be asked"),
            None,
        ),
        Ok(None) => {
            let words = format!("there is none yet; the first start makes {}", keys::file(config).display());
            (Finding::new(PART, Health::Ok, words), None)
        }
        Ok(Some(keys)) => {
            let (health, words) = match wrapped {
                None => (Health::Warning, "it could not be compared with what is sealed"),
                Some([]) => (Health::Ok, "given; nothing is sealed yet"),
                Some(_) => (Health::Ok, "it is the one that everything is sealed with"),
            };
            let found: Vec<&str> = keys.fingerprints().collect();
            let words = format!("{words} ({})", found.join(", "));
            (Finding::new(PART, health, words), Some(keys))
        }
    }
}

fn fitting(config: &Config, wrapped: &[WrappedKey]) -> Result<Option<MasterKeys>, KeyError> {
    keys::compared(config, keys::given(config)?, &keys::fingerprints(wrapped))
}

fn data_keys(master_keys: MasterKeys, wrapped: &[WrappedKey], deps: &Deps) -> Finding {
    let vault = Vault::new(master_keys, std::sync::Arc::clone(&deps.random));
    let broken: Vec<String> = wrapped
        .iter()
        .filter_map(|key| vault.install(key).err().map(|why| format!("{} of {}: {why}", key.id, key.owner)))
        .collect();
    if broken.is_empty() {
        return Finding::new("data keys", Health::Ok, format!("{} open", wrapped.len()));
    }
    let words = format!(
        "{} of {} don't open, and a hub does not start without `--degraded`; restore them from a backup: {}",
        broken.len(),
        wrapped.len(),
        broken.join("; ")
    );
    Finding::new("data keys", Health::Fails, words)
}

async fn adoption(config: &Config, store: &Store) -> Finding {
    let compared = async {
        let adopted = store::adoption::find(store).await?;
        let home = home::home_of(config, store).await?;
        Ok::<_, BuildError>(adopted.map(|adopted| home.difference(&adopted.home)))
    };
    let (health, words) = match compared.await {
        Ok(None) => {
            (Health::Ok, "nobody has adopted the database; the first `vouchsafe serve` does".to_owned())
        }
        Ok(Some(None)) => (Health::Ok, "the database is this deployment's".to_owned()),
        Ok(Some(Some(difference))) => (
            Health::Fails,
            format!(
                "nothing is refreshed here: {difference}; if no other hub works with these credentials, run \
                 `vouchsafe adopt`"
            ),
        ),
        Err(error) => (Health::Fails, causes(&error)),
    };
    Finding::new("adoption", health, words)
}

async fn clock(store: &Store, clock: &dyn Clock) -> Finding {
    let (health, words) = match store::refresh::database_now(store).await {
        Ok(None) => (Health::Ok, "the database has that of this machine".to_owned()),
        Ok(Some(there)) => {
            let skew = -clock.behind(there.into()).num_milliseconds();
            if skew.abs() > MOST_SKEW * 1_000 {
                (Health::Fails, BuildError::Skew(skew).to_string())
            } else if skew.abs() >= WARN_SKEW * 1_000 {
                (
                    Health::Warning,
                    format!("it differs from the database's by {} ms; set it (NTP)", skew.abs()),
                )
            } else {
                (Health::Ok, format!("it differs from the database's by {} ms", skew.abs()))
            }
        }
        Err(error) => (Health::Fails, causes(&error)),
    };
    Finding::new("clock", health, words)
}
