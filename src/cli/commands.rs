//! Commands on the database: keys, workspaces, environments; and the check of a configuration.

use crate::app::{self, Adopted, App};
use crate::config::Config;
use crate::http::render::Renderer;
use crate::random::SystemRandom;
use crate::service::keys::NewApiKey;
use crate::service::{Error, bootstrap::DEFAULT_WORKSPACE};
use crate::vault::MasterKey;
use vouchsafe_entity::id::ApiKeyId;

use super::{CliError, Environments, Keys, NewKey, Workspaces, say};

pub(super) fn generate_master_key(label: &str) -> Result<(), CliError> {
    say(MasterKey::random(label, &SystemRandom).to_text().as_str())
}

pub(super) fn check(config: &Config) -> Result<(), CliError> {
    let sources = app::provider_sources(config);
    let registry = crate::provider::Registry::load(&sources)
        .map_err(|report| app::BuildError::Providers(Box::new(report)))?;
    Renderer::load().map_err(app::BuildError::from)?;
    say(format!("configuration, {} providers and templates are in order", registry.len()))
}

pub(super) async fn adopt(config: &Config, check: bool) -> Result<(), CliError> {
    if config.database.url.is_absent_file() {
        return Err(CliError::Said("there is no database here yet; `vouchsafe serve` makes one".to_owned()));
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

async fn hub(config: &Config) -> Result<App, CliError> {
    Ok(app::offline(config).await?)
}

fn said(error: Error, missing: &str) -> CliError {
    match error {
        Error::NotFound => CliError::Said(missing.to_owned()),
        Error::Invalid(violations) => {
            let lines: Vec<_> =
                violations.into_iter().map(|v| format!("{}: {}", v.pointer, v.message)).collect();
            CliError::Said(lines.join("\n"))
        }
        Error::Refused { detail, .. } => CliError::Said(detail),
        Error::Store(error) => CliError::Build(error.into()),
        Error::Internal(what) => CliError::Said(what.to_owned()),
    }
}

pub(super) async fn keys(config: &Config, command: Keys) -> Result<(), CliError> {
    let app = hub(config).await?;
    match command {
        Keys::Create(new) => create_key(&app, new).await,
        Keys::List(place) => {
            let missing =
                format!("there is no environment {} in the workspace {}", place.environment, place.workspace);
            let actor = app.hub.operator_in(&place.workspace, &place.environment).await;
            let actor = actor.map_err(|error| said(error, &missing))?;
            let page = crate::domain::page::PageRequest { limit: 200, after: None };
            let keys = app.hub.list_api_keys(&actor, &page).await.map_err(|error| said(error, &missing))?;
            for key in keys.items {
                let end = key.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string());
                let state = if key.active { "active" } else { "inactive" };
                let scopes = key.scopes.words().join(" ");
                say(format!(
                    "{}  {}…  {state}  expires {end}  [{scopes}]  {}",
                    key.id, key.prefix, key.name
                ))?;
            }
            Ok(())
        }
        Keys::Revoke { id } => {
            let missing = format!("there is no key {id}");
            let id: ApiKeyId = id.parse().map_err(|_| CliError::Said(missing.clone()))?;
            app.hub.revoke_api_key_anywhere(id).await.map_err(|error| said(error, &missing))?;
            say(format!("{id} is revoked"))
        }
    }
}

async fn create_key(app: &App, new: NewKey) -> Result<(), CliError> {
    let place = new.place;
    let missing =
        format!("there is no environment {} in the workspace {}", place.environment, place.workspace);
    let actor = app.hub.operator_in(&place.workspace, &place.environment).await;
    let actor = actor.map_err(|error| said(error, &missing))?;
    let key = NewApiKey {
        name: new.name,
        scopes: if new.scopes.is_empty() { vec!["*".to_owned()] } else { new.scopes },
        expires_at: None,
        period: new.expires,
        allowed_cidrs: Vec::new(),
        rate_limit: None,
    };
    let (_, plain) =
        app.hub.create_api_key(&actor, None, key).await.map_err(|error| said(error, &missing))?;
    say(plain.expose())
}

pub(super) async fn invite_owner(config: &Config, workspace: &str) -> Result<(), CliError> {
    let missing = format!("there is no workspace {workspace}");
    let invited = hub(config).await?.hub.invite_owner(workspace).await;
    let mut link = invited.map_err(|error| said(error, &missing))?;
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
    let app = hub(config).await?;
    match command {
        Workspaces::List => {
            for (workspace, environments) in
                app.hub.list_workspaces().await.map_err(|error| said(error, ""))?
            {
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
            let made = app.hub.create_workspace(&name, state).await.map_err(|error| said(error, ""))?;
            say(made.id)
        }
        Workspaces::SetState { name, state } => {
            let missing = format!("there is no workspace {name}");
            app.hub.set_workspace_state(&name, state).await.map_err(|error| said(error, &missing))?;
            say(format!("{name} is {state}"))
        }
    }
}

pub(super) async fn environments(config: &Config, command: Environments) -> Result<(), CliError> {
    let app = hub(config).await?;
    match command {
        Environments::List { workspace } => {
            let all = app.hub.list_workspaces().await.map_err(|error| said(error, ""))?;
            let found = all.into_iter().find(|(other, _)| other.name == workspace);
            let missing = || CliError::Said(format!("there is no workspace {workspace}"));
            for name in found.ok_or_else(missing)?.1 {
                say(name)?;
            }
            Ok(())
        }
        Environments::Create { name, workspace } => {
            let missing = format!("there is no workspace {workspace}; the first one is {DEFAULT_WORKSPACE}");
            let id = app.hub.create_environment(&workspace, &name).await;
            say(id.map_err(|error| said(error, &missing))?)
        }
    }
}
