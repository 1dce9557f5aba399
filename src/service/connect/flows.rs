//! A flow up to the app: the ticket, the start page, how browser and user are bound, and the address to go on to.

mod discover;
mod send_on;
mod ticket;

pub use send_on::{Asked, Begun};
pub use ticket::NewTicket;

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use vouchsafe_entity::id::{ConnectorId, FlowId};
use vouchsafe_entity::kind::Method;
use vouchsafe_entity::sealed::Sealed;

use super::Visit;
use crate::domain::actor::Origin;
use crate::domain::connector::{Connector, connector_id};
use crate::domain::flow::{FLOW_SECONDS, Flow, Ticket};
use crate::domain::session::{ConnectResult, Progress};
use crate::domain::workspace::Tenant;
use crate::oauth::Pkce;
use crate::provider::{Definition, Values};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::material::place;
use crate::service::{Code, Error, Hub};
use crate::store;

pub(super) const FLOW: (&str, &str) = ("flow", "sealed");
/// Under which the secret of temporary credentials is kept among the values of a flow.
pub(super) const TEMPORARY_SECRET: &str = "oauth_temporary_secret";

/// A flow that has begun: what the start page shows and the cookie that binds the browser.
#[derive(Debug)]
pub struct Started {
    /// The visit it belongs to.
    pub visit: Visit,
    /// The flow.
    pub flow: FlowId,
    /// The value of the flow cookie.
    pub cookie: PlainToken,
    /// The connector's key.
    pub connector: String,
    /// The provider's name.
    pub provider: String,
    /// The slug by which its icon is asked for; none for an app without one.
    pub icon: Option<String>,
    /// Whether the opener may answer for the user.
    pub handshake: bool,
    /// The origin that the browser will be sent to.
    pub authorization_origin: String,
    /// Whether the app answers by a form post, to which a `Lax` cookie does not come back.
    pub form_post: bool,
}

/// What a flow keeps until the browser is back.
#[derive(Serialize)]
struct WrittenKept<'a> {
    verifier: &'a str,
    values: &'a str,
    addresses: &'a str,
}

/// The same, open.
#[derive(Deserialize)]
pub(super) struct Kept {
    pub(super) verifier: SecretString,
    values: SecretString,
    /// Where the definition that it began with sends what comes; flows of an older release have none.
    addresses: Option<String>,
}

impl Kept {
    pub(super) fn values(&self) -> Result<Values, Error> {
        Values::from_exposed_json(self.values.expose_secret())
            .map_err(|_| Error::internal("a flow with unreadable values"))
    }

    /// Whether the flow began with a definition of the same addresses: with no other does it go on, as what one app gave
    /// must not be sent where another definition says. What else a file says may change meanwhile.
    pub(super) fn began_with(&self, definition: &Definition) -> bool {
        self.addresses.as_deref().is_none_or(|addresses| addresses == definition.sign_in_addresses())
    }
}

impl Hub {
    /// Takes a ticket and begins its flow in the browser that brought it.
    ///
    /// # Errors
    /// [`Code::FlowRefused`] for a ticket that is used, old or none; [`Code::SessionExpired`],
    /// [`Code::SubscriptionRequired`].
    pub async fn start_flow(&self, ticket: &str, redirect: bool, origin: Origin) -> Result<Started, Error> {
        let hash = PlainToken::presented(ticket).hash().into_string();
        let now = self.now();
        let tx = self.store.begin().await?;
        let taken = store::flow::take_ticket(&tx, &hash).await?;
        tx.commit().await?;
        let useless = || refused("This sign-in link was used already, or is too old. Go back and try again.");
        let Some(ticket) = taken else {
            self.record_reuse(&hash, "connect.start", origin).await?;
            return Err(useless());
        };
        let visit = self
            .visit_of(ticket.session, origin)
            .await?
            .ok_or_else(|| refused("There is no such session."))?;
        if now >= ticket.expires_at {
            let target = Target::new("connect_session", ticket.session);
            self.record_refusal(&visit.actor, "connect.start", target, "ticket too old").await?;
            return Err(useless());
        }
        self.ensure_not_over(&visit)?;
        self.gate(&visit.actor).await?;
        let (mut connector, definition, method) = self.oauth_connector(&visit, &ticket.connector).await?;
        let tenant = visit.actor.tenant;
        let mut typed = self.ticket_values(tenant, &ticket)?;
        let (mut values, _) = self.open_values(tenant, &connector, &typed).await?;
        let found = self.discovered(&visit, &mut connector, &definition, &values).await?;
        for (name, value) in found.iter() {
            values.set(name, value.clone());
            typed.set(name, value.clone());
        }
        let endpoint = definition.authorization_endpoint(&values).map_err(|_| cannot_start())?;

        let cookie = PlainToken::random(self.random.as_ref());
        let flow =
            self.new_flow(&visit, (&connector, &definition), &ticket, &typed, &cookie, redirect).await?;
        let tx = self.store.begin().await?;
        store::flow::insert(&tx, &flow).await?;
        self.begin_attempt(&tx, &visit, (&connector, method), &flow).await?;
        self.save_result(&tx, &visit, &self.result(&ticket.connector, Progress::Started)).await?;
        let target = Target::new("flow", flow.id);
        let what = Some(format!("connector {}", ticket.connector));
        self.record(&tx, &visit.actor, "connect.start", target, what).await?;
        tx.commit().await?;
        self.signal(visit.session.id);
        Ok(Started {
            flow: flow.id,
            cookie,
            connector: ticket.connector,
            provider: definition.name().to_owned(),
            icon: definition.icon_slug().map(str::to_owned),
            handshake: !redirect && !ticket.hosted,
            authorization_origin: endpoint.origin().ascii_serialization(),
            form_post: answers_by_form(&connector, &definition),
            visit,
        })
    }

    async fn oauth_connector(
        &self,
        visit: &Visit,
        key: &str,
    ) -> Result<(Connector, Arc<Definition>, Method), Error> {
        let connector = self.connector_named(&visit.actor, key).await?.ok_or(Error::NotFound)?;
        if !connector.enabled {
            return Err(Error::refused(Code::ConnectorDisabled, "The host app has switched this app off."));
        }
        let definition = self.definition_of(&connector)?;
        let method = Self::sign_in_of(&connector, &definition).ok_or_else(cannot_start)?;
        Ok((connector, definition, method))
    }

    /// Writes down a second use of a ticket or `state`, as reads are written down. What was never given out says
    /// nothing to anybody.
    pub(super) async fn record_reuse(
        &self,
        hash: &str,
        action: &'static str,
        origin: Origin,
    ) -> Result<(), Error> {
        let Some(spent) = store::flow::spent(&self.store, hash).await? else {
            tracing::warn!(action, "a ticket or state that is not known was refused");
            return Ok(());
        };
        let Some(visit) = self.visit_of(spent.session, origin).await? else {
            return Ok(());
        };
        let target = match spent.flow {
            Some(flow) => Target::new("flow", flow),
            None => Target::new("connect_session", spent.session),
        };
        let reason = Some("used already".to_owned());
        self.record_later(self.audit_event(&visit.actor, action, target, "refused", reason)).await
    }

    pub(super) fn result(&self, connector: &str, progress: Progress) -> ConnectResult {
        ConnectResult {
            connector: connector.to_owned(),
            progress,
            credential: None,
            error: None,
            detail: None,
            confirmation: None,
            updated_at: self.now(),
        }
    }

    /// What a flow keeps until the browser is back.
    pub(super) fn keep_in_flow(
        &self,
        tenant: Tenant,
        id: FlowId,
        verifier: &SecretString,
        values: &Values,
        definition: &Definition,
    ) -> Result<Sealed, Error> {
        let (json, addresses) = (values.expose_json(), definition.sign_in_addresses());
        let written =
            WrittenKept { verifier: verifier.expose_secret(), values: json.as_str(), addresses: &addresses };
        Ok(self.vault.seal(&place(tenant, FLOW, &id.to_string(), (0, 0)), &written)?)
    }

    async fn new_flow(
        &self,
        visit: &Visit,
        (connector, definition): (&Connector, &Definition),
        ticket: &Ticket,
        typed: &Values,
        cookie: &PlainToken,
        redirect: bool,
    ) -> Result<Flow, Error> {
        let id = FlowId::new(self.ids.next());
        let pkce = Pkce::new(self.random.as_ref());
        let sealed = self.keep_in_flow(visit.actor.tenant, id, &pkce.verifier, typed, definition)?;
        let now = self.now();
        Ok(Flow {
            id,
            environment: visit.actor.environment(),
            session: visit.session.id,
            connector: connector.id,
            user: visit.user.id,
            credential: visit.session.credential,
            cookie_hash: cookie.hash().into_string(),
            nonce_hash: Some(ticket.nonce_hash.clone()),
            state_hash: None,
            sealed,
            scopes: self.scopes_for(visit, connector).await?,
            redirect_uri: self.redirect_uri(connector.id),
            binding: None,
            hosted: ticket.hosted,
            redirect: redirect || ticket.hosted,
            created_at: now,
            expires_at: now.plus_seconds(FLOW_SECONDS),
        })
    }

    /// The connector's own scopes, what the session needs, and what was granted before.
    async fn scopes_for(&self, visit: &Visit, connector: &Connector) -> Result<Vec<String>, Error> {
        let mut scopes = connector.scopes.clone();
        scopes.extend(visit.session.need(&connector.key).into_iter().flat_map(|need| need.scopes.clone()));
        let before =
            self.credentials_of(visit.actor.environment(), visit.user.id, Some(connector.id)).await?;
        let of_oauth = before.into_iter().filter(|credential| credential.method == Method::OAuth2);
        let granted = match visit.session.credential {
            Some(id) => of_oauth.filter(|credential| credential.id == id).flat_map(|c| c.scopes).collect(),
            None => of_oauth.take(1).flat_map(|c| c.scopes).collect::<Vec<_>>(),
        };
        scopes.extend(granted);
        let mut seen = std::collections::HashSet::new();
        scopes.retain(|scope| seen.insert(scope.clone()));
        Ok(scopes)
    }

    pub(super) fn default_connector_of(visit: &Visit, id: ConnectorId) -> Option<Connector> {
        let keys = visit.session.needs.iter().map(|need| need.connector.as_str());
        let key = keys.into_iter().find(|key| connector_id(visit.actor.environment(), key) == id)?;
        Some(Connector::by_default(visit.actor.environment(), key))
    }
}

fn answers_by_form(connector: &Connector, definition: &Definition) -> bool {
    let own = connector.authorization_params.get("response_mode").map(String::as_str);
    let stated = definition.oauth2().and_then(|oauth2| oauth2.authorization_params.literal("response_mode"));
    own.or(stated) == Some("form_post")
}

fn refused(detail: &str) -> Error {
    Error::refused(Code::FlowRefused, detail)
}

pub(super) fn cannot_start() -> Error {
    Error::refused(Code::ConnectorIncomplete, "The host app has not finished setting this app up.")
}
