//! Workspaces, environments and their settings.

mod create;
mod delete;
mod delete_workspace;

use std::collections::HashMap;

use serde_json::{Map, Value};
use url::Url;
use vouchsafe_entity::id::{DataKeyId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::json::{Settings, WorkspaceSettings};
use vouchsafe_entity::kind::{Binding, WorkspaceState};

use super::audit::Target;
use super::validate::Checker;
use super::{Error, Hub, Seen};
use crate::domain::actor::{Actor, Author, Origin};
use crate::domain::data_key::{KeyOwner, KeyPurpose, WrappedKey};
use crate::domain::origin::{origin_of, parse_origin};
use crate::domain::role::Action;
use crate::domain::theme::Theme;
use crate::domain::workspace::{Environment, Tenant, Workspace, is_name};
use crate::store::{self, StoreError, Tx};

/// Changes of settings; what is none stays. The inner none clears.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsChange {
    /// Exact origins that may frame the modal.
    pub allowed_origins: Option<Vec<String>>,
    /// Where a hosted link returns to.
    pub default_return_url: Option<Option<String>>,
    /// Template of the address at which a user reconnects.
    pub reconnect_url: Option<Option<String>>,
    /// How the modal looks; see [`Theme`].
    pub theme: Option<Map<String, Value>>,
    /// The weakest binding that is accepted.
    pub minimum_binding: Option<Binding>,
    /// Whether hosted links need the back end's confirmation.
    pub confirm_hosted_links: Option<bool>,
    /// Days after expiry at which a row is purged; the inner none = never.
    pub purge_after_days: Option<Option<u16>>,
    /// Days before expiry at which to warn.
    pub expiry_warning_days: Option<Vec<u16>>,
    /// Who is told by mail.
    pub mail: Option<Map<String, Value>>,
}

impl Hub {
    /// The actor's environment.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn get_environment(&self, actor: &Actor) -> Result<Environment, Error> {
        self.permit(actor, Action::ViewConnectors).await?;
        let found = store::environment::find(&self.store, actor.environment()).await?;
        found.map(|(environment, _)| environment).ok_or(Error::NotFound)
    }

    /// Changes settings of the actor's environment, where they are as they were `seen`.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`super::Code::ChangedMeanwhile`].
    pub async fn update_environment(
        &self,
        actor: &Actor,
        change: SettingsChange,
        seen: Option<Seen>,
    ) -> Result<Environment, Error> {
        // How the modal looks is everyday work; who may frame it and where it leads is not.
        let looks_alone = change.looks_alone();
        let action = if looks_alone { Action::EditIntegrations } else { Action::ConfigureConnectors };
        self.permit(actor, action).await?;
        let warns_anew = change.expiry_warning_days.is_some();
        let tx = self.store.begin().await?;
        let before = store::environment::lock_settings(&tx, actor.environment()).await?;
        let (before, changed) = before.ok_or(Error::NotFound)?;
        Seen::ensure(seen, Some(changed))?;
        let settings = change.apply(before.clone())?;
        let what = differing(&before, &settings);
        store::environment::save_settings(&tx, actor.environment(), settings, self.now()).await?;
        if warns_anew {
            store::secret::notice_again(&tx, actor.environment(), self.now()).await?;
        }
        let target = Target::new("environment", actor.environment());
        self.record(&tx, actor, "environment.update", target, what).await?;
        tx.commit().await?;
        self.environments.forget(&actor.environment());
        self.get_environment(actor).await
    }

    /// Somebody at the command line, in the environment of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn operator_in(&self, workspace: &str, environment: &str) -> Result<Actor, Error> {
        let workspace = store::workspace::by_name(&self.store, workspace).await?.ok_or(Error::NotFound)?;
        let found = store::environment::by_name(&self.store, workspace.id, environment).await?;
        let environment = found.ok_or(Error::NotFound)?;
        let tenant = Tenant { workspace: workspace.id, environment, state: workspace.state };
        Ok(Actor { author: Author::Operator, tenant, origin: Origin::default() })
    }

    /// All workspaces with the names of their environments.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_workspaces(&self) -> Result<Vec<(Workspace, Vec<String>)>, Error> {
        let all = store::workspace::all(&self.store).await?;
        let mut names: HashMap<WorkspaceId, Vec<String>> = HashMap::new();
        for (workspace, name) in store::environment::names(&self.store).await? {
            names.entry(workspace).or_default().push(name);
        }
        let entry = |workspace: Workspace| {
            let environments = names.remove(&workspace.id).unwrap_or_default();
            (workspace, environments)
        };
        Ok(all.into_iter().map(entry).collect())
    }

    /// Makes a workspace with the environments `production` and `sandbox`.
    ///
    /// # Errors
    /// [`Error::Invalid`], where the name is no name or taken.
    pub async fn create_workspace(&self, name: &str, state: WorkspaceState) -> Result<Workspace, Error> {
        ensure_name(name)?;
        let tx = self.store.begin().await?;
        let workspace = self.insert_workspace(&tx, name, state).await?;
        let target = Target::new("workspace", workspace.id);
        let what = Some(format!("{name}, {state}"));
        let event = self.operator_event(workspace.id, "workspace.create", target, what);
        self.insert_audit(&tx, &[event]).await?;
        tx.commit().await?;
        self.load_keys_for(KeyOwner::Workspace(workspace.id)).await?;
        Ok(workspace)
    }

    pub(super) async fn insert_workspace(
        &self,
        tx: &Tx,
        name: &str,
        state: WorkspaceState,
    ) -> Result<Workspace, Error> {
        let now = self.now();
        let workspace = Workspace {
            id: WorkspaceId::new(self.ids.next()),
            name: name.to_owned(),
            state,
            settings: WorkspaceSettings::default(),
            created_at: now,
            updated_at: now,
        };
        match store::workspace::insert(tx, &workspace).await {
            Err(StoreError::Taken) => {
                return Err(Error::invalid("/name", "taken", "There is a workspace of this name."));
            }
            other => other?,
        }
        self.insert_key(tx, KeyOwner::Workspace(workspace.id), KeyPurpose::Records).await?;
        for name in ["production", "sandbox"] {
            self.insert_environment(tx, &workspace, name).await?;
        }
        Ok(workspace)
    }

    async fn insert_environment(
        &self,
        tx: &Tx,
        workspace: &Workspace,
        name: &str,
    ) -> Result<EnvironmentId, Error> {
        let now = self.now();
        let environment = Environment {
            id: EnvironmentId::new(self.ids.next()),
            workspace: workspace.id,
            workspace_name: workspace.name.clone(),
            name: name.to_owned(),
            settings: Settings::default(),
            created_at: now,
            updated_at: now,
        };
        match store::environment::insert(tx, &environment).await {
            Err(StoreError::Taken) => {
                return Err(Error::invalid(
                    "/name",
                    "taken",
                    "The workspace has an environment of this name.",
                ));
            }
            other => other?,
        }
        self.insert_key(tx, KeyOwner::Environment(environment.id), KeyPurpose::Records).await?;
        Ok(environment.id)
    }

    pub(super) async fn insert_key(
        &self,
        tx: &Tx,
        owner: KeyOwner,
        purpose: KeyPurpose,
    ) -> Result<WrappedKey, Error> {
        let key = self.vault.make_key(DataKeyId::new(self.ids.next()), owner, purpose, self.now())?;
        store::data_key::insert(tx, &key).await?;
        Ok(key)
    }

    /// Sets the subscription of the workspace of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_workspace_state(&self, name: &str, state: WorkspaceState) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let before = store::workspace::by_name(&tx, name).await?.ok_or(Error::NotFound)?;
        if !store::workspace::set_state(&tx, name, state, self.now()).await? {
            return Err(Error::NotFound);
        }
        let target = Target::new("workspace", before.id);
        let what = Some(format!("{} to {state}", before.state));
        let event = self.operator_event(before.id, "workspace.set_state", target, what);
        self.insert_audit(&tx, &[event]).await?;
        tx.commit().await?;
        self.environments.forget_all();
        Ok(())
    }
}

fn ensure_name(name: &str) -> Result<(), Error> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::invalid("/name", "invalid_format", "A name has 1 to 32 of a-z, 0-9 and -."))
}

/// What of them differs, by the names that the API has for it; none where nothing does.
fn differing(old: &Settings, new: &Settings) -> Option<String> {
    let differs = [
        ("allowedOrigins", old.allowed_origins != new.allowed_origins),
        ("defaultReturnUrl", old.default_return_url != new.default_return_url),
        ("reconnectUrl", old.reconnect_url != new.reconnect_url),
        ("theme", old.theme != new.theme),
        ("minimumBinding", old.minimum_binding != new.minimum_binding),
        ("confirmHostedLinks", old.confirm_hosted_links != new.confirm_hosted_links),
        ("purgeAfterDays", old.purge_after_days != new.purge_after_days),
        ("expiryWarningDays", old.expiry_warning_days != new.expiry_warning_days),
        ("mail", old.mail != new.mail),
    ];
    let names: Vec<_> = differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

impl SettingsChange {
    /// Whether it is about how the modal looks, and nothing else.
    fn looks_alone(&self) -> bool {
        let others = Self { theme: None, ..self.clone() };
        self.theme.is_some() && others == Self::default()
    }

    fn apply(self, mut settings: Settings) -> Result<Settings, Error> {
        let mut checker = Checker::default();
        if let Some(origins) = self.allowed_origins {
            settings.allowed_origins = checker.origins("/allowedOrigins", &origins);
        }
        if let Some(address) = self.default_return_url {
            checker.address("/defaultReturnUrl", address.as_deref());
            settings.default_return_url = address;
        }
        if let Some(template) = self.reconnect_url {
            let sample =
                template.as_deref().map(|t| t.replace("{credentialId}", "x").replace("{userId}", "x"));
            checker.address("/reconnectUrl", sample.as_deref());
            let filled = sample.as_ref().is_none_or(|sample| !sample.contains(['{', '}']));
            let message = "Only {credentialId} and {userId} are filled in.";
            checker.ensure(filled, "/reconnectUrl", "unknown_placeholder", message);
            settings.reconnect_url = template;
        }
        if let Some(theme) = self.theme {
            checker.theme("/theme", &theme);
            settings.theme = theme;
        }
        if let Some(mail) = self.mail {
            super::mail::check_settings(&mut checker, &mail);
            settings.mail = mail;
        }
        if let Some(days) = self.purge_after_days {
            let fits = days.is_none_or(|days| (1..=365).contains(&days));
            checker.ensure(
                fits,
                "/purgeAfterDays",
                "out_of_range",
                "Write 1 to 365 days, or null for never.",
            );
            settings.purge_after_days = days;
        }
        if let Some(days) = self.expiry_warning_days {
            let fits = days.len() <= 10 && days.iter().all(|days| (1..=365).contains(days));
            checker.ensure(
                fits,
                "/expiryWarningDays",
                "out_of_range",
                "Write up to ten numbers from 1 to 365.",
            );
            settings.expiry_warning_days = days;
        }
        settings.minimum_binding = self.minimum_binding.unwrap_or(settings.minimum_binding);
        settings.confirm_hosted_links = self.confirm_hosted_links.unwrap_or(settings.confirm_hosted_links);
        checker.finish()?;
        Ok(settings)
    }
}

impl Checker {
    /// A theme. What the hub does not know in it is the embedder's own.
    pub fn theme(&mut self, pointer: &str, theme: &Map<String, Value>) {
        self.metadata(pointer, theme);
        for wrong in Theme::read(theme).1 {
            self.add(format!("{pointer}/{}", wrong.name), "invalid_format", wrong.message);
        }
    }

    /// Exact origins, in canonical form.
    pub fn origins(&mut self, pointer: &str, origins: &[String]) -> Vec<String> {
        self.ensure(origins.len() <= 50, pointer, "too_many", "At most 50 are allowed.");
        let mut canonical = Vec::new();
        for (at, origin) in origins.iter().enumerate() {
            match parse_origin(origin) {
                Some(origin) => canonical.push(origin),
                None => self.add(
                    format!("{pointer}/{at}"),
                    "invalid_origin",
                    "Write an exact origin such as https://app.acme.test, without a path.",
                ),
            }
        }
        canonical
    }

    /// An absolute address that a browser may be sent to; its origin.
    pub fn address(&mut self, pointer: &str, address: Option<&str>) -> Option<String> {
        let address = address?;
        let origin =
            Url::parse(address).ok().filter(|_| address.len() <= 2_000).and_then(|url| origin_of(&url));
        if origin.is_none() {
            self.add(pointer, "invalid_url", "Write an https address (http on loopback).");
        }
        origin
    }
}
