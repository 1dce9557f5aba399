//! Where a user mends a credential that must be connected again: the embedder's own page, or a hosted link that is
//! good for this credential alone.

use vouchsafe_entity::id::{CredentialId, SessionId};
use vouchsafe_entity::json::Need;
use vouchsafe_entity::kind::{Binding, Confirm, SessionStatus};
use vouchsafe_entity::millis::Millis;

use crate::domain::actor::Actor;
use crate::domain::credential::{Credential, NextStep};
use crate::domain::event::EventType;
use crate::domain::role::Action;
use crate::domain::session::Session;
use crate::domain::workspace::{Environment, Tenant};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Tx};

/// How long a hosted reconnect link is good.
const LINK_SECONDS: i64 = 7 * 86_400;

/// A link that somebody may send to a user.
#[derive(Debug)]
pub struct ReconnectLink {
    /// The address.
    pub address: PlainToken,
    /// Until when it is good; none for the embedder's own page.
    pub until: Option<Millis>,
}

/// A hosted link whose outcome a back end must confirm leads back to it.
pub(super) fn no_way_back() -> Error {
    let detail = "What comes of a hosted link waits for your back end, which has no page to come back to. Set the \
        return address of this environment in its settings first, or let links go without that confirmation there.";
    Error::refused(Code::BindingTooWeak, detail)
}

impl Hub {
    /// The embedder's page for a credential, where reconnecting would help. A read makes no link.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reconnect_url_of(
        &self,
        actor: &Actor,
        credential: &Credential,
    ) -> Result<Option<String>, Error> {
        self.permit(actor, Action::ListCredentials).await?;
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        let helps = credential.health(self.now()).next_step == Some(NextStep::Reconnect);
        Ok(own_page(environment, credential).filter(|_| helps))
    }

    /// A link by which its user mends a credential: the embedder's own page, else a hosted link that is good for a week
    /// and for one reconnect.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::ConnectorDisabled`], [`Code::ConnectorIncomplete`], [`Code::BindingTooWeak`] where
    /// a back end must confirm what comes of a link and has no page to come back to.
    pub async fn reconnect_link(&self, actor: &Actor, id: CredentialId) -> Result<ReconnectLink, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        self.gate(actor).await?;
        let found = store::credential::find(&self.store, actor.environment(), id).await?;
        let credential = found.ok_or(Error::NotFound)?;
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        let target = || Target::new("credential", id);
        if let Some(page) = own_page(environment, &credential) {
            return Ok(ReconnectLink { address: PlainToken::presented(&page), until: None });
        }
        let connector = self.connector_of(actor.environment(), &credential).await?;
        if !connector.enabled {
            let detail = format!("The connector `{}` is switched off.", connector.key);
            return Err(Error::refused(Code::ConnectorDisabled, detail));
        }
        let definition = self.definition_of(&connector)?;
        Self::ensure_complete(&connector, &definition, "")?;
        let settings = &environment.settings;
        let confirmed = settings.default_return_url.is_some();
        let wanted = settings.confirm_hosted_links || settings.minimum_binding == Binding::Backend;
        if wanted && !confirmed {
            return Err(no_way_back());
        }
        let tx = self.store.begin().await?;
        let confirm = confirmed.then_some(Confirm::Backend);
        let address = self.hosted_reconnect(&tx, actor.tenant, &credential, confirm).await?;
        self.record(&tx, actor, "credential.link", target(), None).await?;
        tx.commit().await?;
        let until = self.now().plus_seconds(LINK_SECONDS);
        Ok(ReconnectLink { address: PlainToken::presented(&address), until: Some(until) })
    }

    /// The link that an event of `kind` carries: the embedder's page, else a hosted link made in `tx`, else none.
    pub(in crate::service) async fn link_for(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
        kind: EventType,
    ) -> Result<Option<String>, Error> {
        use EventType as E;
        if !matches!(kind, E::CredentialExpiring | E::CredentialExpired | E::CredentialRevoked) {
            return Ok(None);
        }
        let (environment, _) = &*self.environment_in(tx, tenant.environment).await?;
        if let Some(page) = own_page(environment, credential) {
            return Ok(Some(page));
        }
        // The back end confirms, and hears of it where the link returns to.
        let returns = environment.settings.default_return_url.is_some();
        if !returns || !tenant.may_write() || !self.can_be_connected(tx, tenant, credential).await? {
            return Ok(None);
        }
        self.hosted_reconnect(tx, tenant, credential, Some(Confirm::Backend)).await.map(Some)
    }

    async fn can_be_connected(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
    ) -> Result<bool, Error> {
        let found = store::connector::find(tx, tenant.environment, credential.connector_id).await?;
        Ok(found.is_some_and(|connector| {
            let complete =
                |definition: std::sync::Arc<_>| Self::ensure_complete(&connector, &definition, "").is_ok();
            connector.enabled && self.definition_of(&connector).is_ok_and(complete)
        }))
    }

    /// A connect session for this credential alone; its link is used up by the first reconnect.
    async fn hosted_reconnect(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
        confirm: Option<Confirm>,
    ) -> Result<String, Error> {
        let now = self.now();
        let secret = PlainToken::random(self.random.as_ref());
        let need = Need { connector: credential.connector.clone(), scopes: Vec::new(), optional: false };
        let session = Session {
            id: SessionId::new(self.ids.next()),
            user: credential.user,
            secret_hash: secret.hash().into_string(),
            integration: None,
            needs: vec![need],
            allowed_origins: Vec::new(),
            return_url: None,
            credential: Some(credential.id),
            confirm,
            locale: None,
            theme: serde_json::Map::new(),
            stored_status: SessionStatus::Open,
            created_at: now,
            expires_at: now.plus_seconds(LINK_SECONDS),
        };
        store::session::insert(tx, tenant.environment, &session).await?;
        Ok(self.hosted_link(session.id, &secret).expose().to_owned())
    }

    /// The hosted link of a session. Its token stands behind the `#`, so no server on the way sees it.
    pub(super) fn hosted_link(&self, id: SessionId, secret: &PlainToken) -> PlainToken {
        let link = format!("{}connect?session={id}&hosted=1#{id}.{}", self.public_url, secret.expose());
        PlainToken::presented(&link)
    }
}

/// The environment's own page, with the credential filled in.
fn own_page(environment: &Environment, credential: &Credential) -> Option<String> {
    let template = environment.settings.reconnect_url.as_ref()?;
    let filled = template
        .replace("{credentialId}", &credential.id.to_string())
        .replace("{userId}", &credential.user.to_string());
    Some(filled)
}
