//! Commands on the database: its schema and adoption, keys, members, workspaces, environments; and the check of a
//! configuration.

use crate::app::{self, Adopted, CheckedKey, offline};
use crate::config::Config;
use crate::domain::page::PageRequest;
use crate::http::render::Renderer;
use crate::random::SystemRandom;
use crate::service::keys::NewApiKey;
use crate::service::{Error, Hub};
use crate::vault::MasterKey;
use vouchsafe_entity::id::ApiKeyId;

use super::{CliError, Environments, Keys, NewKey, Workspaces, say};

pub(super) fn generate_master_key(label: &str) -> Result<(), CliError> {
    say(MasterKey::random(label, &SystemRandom).to_text().as_str())
}

pub(super) async fn check(config: &Config) -> Result<(), CliError> {
    let sources = app::provider_sources(config);
    let registry = crate::provider::Registry::load(&sources)
        .map_err(|report| app::BuildError::Providers(Box::new(report)))?;
    Renderer::load().map_err(app::BuildError::from)?;
    if let Some(sign_on) = &config.single_sign_on {
        let redirect = app::sign_on_redirect(config)?;
        say(format!(
            "single sign-on by {} at {}; it is to know the redirect URI {redirect}",
            sign_on.name, sign_on.issuer
        ))?;
    }
    for name in &config.unknown {
        say(format!("{name} is no variable that the hub reads; see that it is no misspelling"))?;
    }
    if app::check_master_key(config).await? == CheckedKey::Unreached {
        say("the database can't be reached, so the master key was not compared with what it is sealed with")?;
    }
    say(format!("configuration, {} providers and templates are in order", registry.len()))
}

pub(super) async fn migrate(config: &Config) -> Result<(), CliError> {
    Ok(app::migrate(config).await?)
}

pub(super) async fn adopt(config: &Config, check: bool) -> Result<(), CliError> {
    if config.database.url.is_absent_file() {
        return Err(no_database());
    }
    match app::adopt(config, check).await? {
        Adopted::Already => say("this deployment may refresh what is in its database"),
        Adopted::NotYet(difference) => Err(CliError::Said(format!(
            "nothing is refreshed here: {difference}; if no other hub works with these credentials, run \
             `vouchsafe adopt`"
        ))),
        Adopted::Now { public_url, suspect } => {
            let address = public_url.map(|url| format!(" as {url}")).unwrap_or_default();
            say(format!(
                "the database is adopted{address}; {suspect} credentials have refresh tokens that may be too old, \
                 which shows when they are refreshed"
            ))
        }
    }
}

/// Wraps all data keys by the master key that stands first.
pub(super) async fn rewrap(config: &Config) -> Result<(), CliError> {
    if config.database.url.is_absent_file() {
        return Err(no_database());
    }
    let done = offline(config, async |hub| hub.rewrap_keys().await.map_err(failed)).await?;
    say(format!(
        "{} data keys were wrapped anew by the master key {}, {} were already; no other master key is needed now",
        done.anew, done.master_key, done.already
    ))
}

pub(super) fn no_database() -> CliError {
    CliError::Said("there is no database here yet; `vouchsafe serve` makes one".to_owned())
}

/// A refusal in words, where `missing` says what is not there.
pub(super) fn said(error: Error, missing: &str) -> CliError {
    match error {
        Error::NotFound => CliError::Said(missing.to_owned()),
        error => failed(error),
    }
}

/// What a member of a request is called on the command line.
fn argument(pointer: &str) -> &str {
    match pointer.split('/').nth(1).unwrap_or_default() {
        "scopes" => "--scope",
        "period" => "--expires",
        member => member,
    }
}

/// A refusal in words.
pub(super) fn failed(error: Error) -> CliError {
    match error {
        Error::Invalid(violations) => {
            let lines: Vec<_> =
                violations.into_iter().map(|v| format!("{}: {}", argument(&v.pointer), v.message)).collect();
            CliError::Said(lines.join("\n"))
        }
        Error::Refused { detail, .. } => CliError::Said(detail),
        Error::Store(error) => CliError::Build(error.into()),
        Error::NotFound | Error::Internal(_) => CliError::Said(error.to_string()),
    }
}

pub(super) async fn keys(config: &Config, command: Keys) -> Result<(), CliError> {
    offline(config, async |hub| on_keys(hub, command).await).await
}

async fn on_keys(hub: &Hub, command: Keys) -> Result<(), CliError> {
    match command {
        Keys::Create(new) => create_key(hub, new).await,
        Keys::List { environment, workspace } => {
            let all = environment.is_none();
            let names = match environment {
                Some(name) => vec![name],
                None => environment_names(hub, &workspace).await?,
            };
            for name in names {
                list_keys(hub, &workspace, &name, all).await?;
            }
            Ok(())
        }
        Keys::Revoke { id } => {
            let missing = format!("there is no key {id}");
            let id: ApiKeyId = id.parse().map_err(|_| CliError::Said(missing.clone()))?;
            hub.revoke_api_key_anywhere(id).await.map_err(|error| said(error, &missing))?;
            say(format!("{id} is revoked"))
        }
    }
}

/// One line a key; with `named` each says its environment.
async fn list_keys(hub: &Hub, workspace: &str, environment: &str, named: bool) -> Result<(), CliError> {
    let missing = format!("there is no environment {environment} in the workspace {workspace}");
    let actor = hub.operator_in(workspace, environment).await.map_err(|error| said(error, &missing))?;
    let place = if named { format!("{environment}  ") } else { String::new() };
    let mut page = PageRequest { limit: 200, after: None };
    loop {
        let keys = hub.list_api_keys(&actor, &page).await.map_err(|error| said(error, &missing))?;
        page.after = keys.next_after();
        for key in keys.items {
            let end = key.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string());
            let state = if key.active { "active" } else { "inactive" };
            let scopes = key.scopes.words().join(" ");
            say(format!(
                "{}  {}…  {place}{state}  expires {end}  [{scopes}]  {}",
                key.id, key.prefix, key.name
            ))?;
        }
        if page.after.is_none() {
            return Ok(());
        }
    }
}

async fn environment_names(hub: &Hub, workspace: &str) -> Result<Vec<String>, CliError> {
    let all = hub.list_workspaces().await.map_err(failed)?;
    let found = all.into_iter().find(|(other, _)| other.name == workspace);
    Ok(found.ok_or_else(|| CliError::Said(format!("there is no workspace {workspace}")))?.1)
}

async fn create_key(hub: &Hub, new: NewKey) -> Result<(), CliError> {
    let place = new.place;
    let missing =
        format!("there is no environment {} in the workspace {}", place.environment, place.workspace);
    let actor = hub.operator_in(&place.workspace, &place.environment).await;
    let actor = actor.map_err(|error| said(error, &missing))?;
    let key = NewApiKey {
        name: new.name,
        scopes: if new.scopes.is_empty() { vec!["*".to_owned()] } else { new.scopes },
        expires_at: None,
        period: new.expires,
        allowed_cidrs: Vec::new(),
        rate_limit: None,
    };
    let (_, plain) = hub.create_api_key(&actor, None, key).await.map_err(|error| said(error, &missing))?;
    say(plain.expose())
}

pub(super) async fn invite_owner(config: &Config, workspace: &str) -> Result<(), CliError> {
    let missing = format!("there is no workspace {workspace}");
    let invited =
        offline(config, async |hub| hub.invite_owner(workspace).await.map_err(|error| said(error, &missing)));
    let mut link = invited.await?;
    // A hub on a free port says in a file which one it got.
    if config.server.public_url.is_none() && config.server.listen.port() == 0 {
        let address = std::fs::read_to_string(config.database.data_dir.join("address")).unwrap_or_default();
        if let Ok(address) = address.trim().parse::<std::net::SocketAddr>() {
            let _ = link.set_port(Some(address.port()));
        }
    }
    say(link)
}

pub(super) async fn workspaces(config: &Config, command: Workspaces) -> Result<(), CliError> {
    offline(config, async |hub| on_workspaces(hub, command).await).await
}

async fn on_workspaces(hub: &Hub, command: Workspaces) -> Result<(), CliError> {
    match command {
        Workspaces::List => {
            for (workspace, environments) in hub.list_workspaces().await.map_err(failed)? {
                say(format!(
                    "{}  {}  {}  [{}]",
                    workspace.id,
                    workspace.name,
                    workspace.state,
                    environments.join(" ")
                ))?;
            }
            Ok(())
        }
        Workspaces::Create { name, state } => {
            let made = hub.create_workspace(&name, state).await.map_err(failed)?;
            say(made.id)
        }
        Workspaces::Delete { name, force } => {
            let missing = format!("there is no workspace {name}");
            hub.delete_workspace(&name, force).await.map_err(|error| said(error, &missing))?;
            hub.empty_environments().await.map_err(failed)?;
            say(format!("{name} is deleted"))
        }
        Workspaces::SetState { name, state } => {
            let missing = format!("there is no workspace {name}");
            hub.set_workspace_state(&name, state).await.map_err(|error| said(error, &missing))?;
            say(format!("{name} is {state}"))
        }
    }
}

pub(super) async fn environments(config: &Config, command: Environments) -> Result<(), CliError> {
    offline(config, async |hub| on_environments(hub, command).await).await
}

async fn on_environments(hub: &Hub, command: Environments) -> Result<(), CliError> {
    match command {
        Environments::List { workspace } => {
            for name in environment_names(hub, &workspace).await? {
                say(name)?;
            }
            Ok(())
        }
        Environments::Create { name, workspace } => {
            let missing = format!(
                "there is no workspace {workspace}; `vouchsafe workspaces list` names those there are"
            );
            let id = hub.create_environment(&workspace, &name).await;
            say(id.map_err(|error| said(error, &missing))?)
        }
        Environments::Delete { name, workspace, force } => {
            let missing = format!("there is no environment {name} in the workspace {workspace}");
            let actor = hub.operator_in(&workspace, &name).await.map_err(|error| said(error, &missing))?;
            hub.delete_environment(&actor, force).await.map_err(|error| said(error, &missing))?;
            hub.empty_environments().await.map_err(failed)?;
            say(format!("{name} is deleted"))
        }
    }
}
