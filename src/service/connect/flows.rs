//! A flow up to the app: the ticket, the start page, how browser and user are bound, and the address to go on to.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use vouchsafe_entity::id::FlowId;
use vouchsafe_entity::kind::{Binding, Method};

use super::Visit;
use crate::domain::actor::Origin;
use crate::domain::connector::Connector;
use crate::domain::flow::{FLOW_SECONDS, Flow, TICKET_SECONDS, Ticket};
use crate::domain::session::{ConnectResult, Progress};
use crate::oauth::authorize::{AuthorizeInput, authorization_url};
use crate::oauth::{Pkce, new_state};
use crate::provider::{CodeChallenge, Definition, FieldSource, Values};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::error::Violation;
use crate::service::material::place;
use crate::service::{Code, Error, Hub};
use crate::store;

const TICKET: (&str, &str) = ("connect_ticket", "sealed");
pub(super) const FLOW: (&str, &str) = ("flow", "sealed");

/// A ticket, shown once to the frame.
#[derive(Debug)]
pub struct NewTicket {
    /// The ticket.
    pub ticket: PlainToken,
    /// What proves to the start page that its opener is our frame.
    pub nonce: PlainToken,
    /// Seconds that it lives.
    pub expires_in: i64,
}

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
    /// Whether the opener may answer for the user.
    pub handshake: bool,
    /// The origin that the browser will be sent to.
    pub authorization_origin: String,
    /// Whether the app answers by a form post, to which a `Lax` cookie does not come back.
    pub form_post: bool,
}

/// A flow on its way.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes. Carries `state`: never logged.
    pub location: Url,
}

/// What a flow keeps until the browser is back.
#[derive(Serialize)]
struct WrittenKept<'a> {
    verifier: &'a str,
    values: &'a str,
}

/// The same, open.
#[derive(Deserialize)]
pub(super) struct Kept {
    pub(super) verifier: SecretString,
    values: SecretString,
}

impl Kept {
    pub(super) fn values(&self) -> Result<Values, Error> {
        use secrecy::ExposeSecret as _;
        Values::from_exposed_json(self.values.expose_secret())
            .map_err(|_| Error::internal("a flow with unreadable values"))
    }
}

fn refused(detail: &str) -> Error {
    Error::refused(Code::FlowRefused, detail)
}

impl Hub {
    /// A ticket for a sign-in with these values. Each is good for a minute and for one start.
    ///
    /// # Errors
    /// [`Error::Invalid`] with pointers into `/data`.
    pub async fn create_ticket(
        &self,
        visit: &Visit,
        key: &str,
        data: &Map<String, Value>,
        hosted: bool,
    ) -> Result<NewTicket, Error> {
        self.ensure_not_over(visit)?;
        visit.session.need(key).ok_or_else(|| Error::unknown("/connector", "connector"))?;
        let (connector, definition) = self.oauth_connector(visit, key).await?;
        let values =
            definition.validate_fields(Method::OAuth2, data, FieldSource::User).map_err(|errors| {
                let violation = |error: crate::provider::FieldError| {
                    Violation::new(format!("/data/{}", error.name), error.code, error.message)
                };
                Error::Invalid(errors.into_iter().map(violation).collect())
            })?;
        let mut all = self.connector_values(visit.actor.tenant, &connector).await?;
        for (name, value) in values.iter() {
            all.set(name, value.clone());
        }
        definition.authorization_endpoint(&all).map_err(|_| cannot_start())?;

        let (ticket, nonce) =
            (PlainToken::random(self.random.as_ref()), PlainToken::random(self.random.as_ref()));
        let hash = ticket.hash().into_string();
        let tenant = visit.actor.tenant;
        let json = values.expose_json();
        let sealed = self.vault.seal(&place(tenant, TICKET, &hash, (0, 0)), &json.as_str())?;
        let tx = self.store.begin().await?;
        let row = Ticket {
            hash,
            environment: tenant.environment,
            session: visit.session.id,
            connector: key.to_owned(),
            nonce_hash: nonce.hash().into_string(),
            sealed,
            hosted,
            expires_at: self.now().plus_seconds(TICKET_SECONDS),
        };
        store::flow::insert_ticket(&tx, row).await?;
        tx.commit().await?;
        Ok(NewTicket { ticket, nonce, expires_in: TICKET_SECONDS })
    }

    async fn oauth_connector(
        &self,
        visit: &Visit,
        key: &str,
    ) -> Result<(Connector, std::sync::Arc<Definition>), Error> {
        let connector = self.connector_named(&visit.actor, key).await?.ok_or(Error::NotFound)?;
        if !connector.enabled {
            return Err(Error::refused(Code::ConnectorDisabled, "The host app has switched this app off."));
        }
        let definition = self.definition_of(&connector)?;
        if !Self::working_methods(&connector, &definition).contains(&Method::OAuth2) {
            return Err(cannot_start());
        }
        Ok((connector, definition))
    }

    /// Takes a ticket and begins its flow in the browser that brought it.
    ///
    /// # Errors
    /// [`Code::FlowRefused`] for a ticket that is used, old or none; [`Code::SessionExpired`].
    pub async fn start_flow(&self, ticket: &str, redirect: bool, origin: Origin) -> Result<Started, Error> {
        let hash = PlainToken::presented(ticket).hash().into_string();
        let now = self.now();
        let tx = self.store.begin().await?;
        let taken = store::flow::take_ticket(&tx, &hash).await?;
        tx.commit().await?;
        let ticket = taken.filter(|ticket| now < ticket.expires_at).ok_or_else(|| {
            refused("This sign-in link was used already, or is older than a minute. Go back and try again.")
        })?;
        let visit = self
            .visit_of(ticket.session, origin)
            .await?
            .ok_or_else(|| refused("There is no such session."))?;
        self.ensure_not_over(&visit)?;
        let (connector, definition) = self.oauth_connector(&visit, &ticket.connector).await?;
        let tenant = visit.actor.tenant;
        let json: SecretString =
            self.vault.open(&place(tenant, TICKET, &ticket.hash, (0, 0)), &ticket.sealed)?;
        let mut values = self.connector_values(tenant, &connector).await?;
        let typed = {
            use secrecy::ExposeSecret as _;
            Values::from_exposed_json(json.expose_secret())
                .map_err(|_| Error::internal("unreadable ticket values"))?
        };
        for (name, value) in typed.iter() {
            values.set(name, value.clone());
        }
        let endpoint = definition.authorization_endpoint(&values).map_err(|_| cannot_start())?;

        let cookie = PlainToken::random(self.random.as_ref());
        let handshake = !redirect && !ticket.hosted;
        let flow = self.new_flow(&visit, &connector, &ticket, &typed, &cookie, redirect).await?;
        let tx = self.store.begin().await?;
        store::flow::insert(&tx, &flow).await?;
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
            handshake,
            authorization_origin: endpoint.origin().ascii_serialization(),
            form_post: answers_by_form(&connector, &definition),
            visit,
        })
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

    async fn new_flow(
        &self,
        visit: &Visit,
        connector: &Connector,
        ticket: &Ticket,
        typed: &Values,
        cookie: &PlainToken,
        redirect: bool,
    ) -> Result<Flow, Error> {
        use secrecy::ExposeSecret as _;
        let id = FlowId::new(self.ids.next());
        let pkce = Pkce::new(self.random.as_ref());
        let json = typed.expose_json();
        let written = WrittenKept { verifier: pkce.verifier.expose_secret(), values: json.as_str() };
        let sealed = self.vault.seal(&place(visit.actor.tenant, FLOW, &id.to_string(), (0, 0)), &written)?;
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

    /// Sends the browser on, bound by the nonce that its opener gave.
    ///
    /// # Errors
    /// [`Code::FlowRefused`].
    pub async fn shake_hands(
        &self,
        flow: FlowId,
        cookie: &str,
        nonce: &str,
        origin: Origin,
    ) -> Result<Begun, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, origin).await?;
        let nonce = PlainToken::presented(nonce).hash();
        if flow.redirect || !flow.nonce_hash.as_ref().is_some_and(|stored| nonce.matches(stored)) {
            let target = Target::new("flow", flow.id);
            self.record_refusal(&visit.actor, "connect.handshake", target, "wrong nonce").await?;
            return Err(refused("The window that opened this one could not prove that it is ours."));
        }
        self.send_on(flow, visit, Binding::Opener, cookie).await
    }

    /// Sends the browser on after the user read who asks.
    ///
    /// # Errors
    /// [`Code::FlowRefused`], [`Code::BindingTooWeak`].
    pub async fn go_on(&self, flow: FlowId, cookie: &str, origin: Origin) -> Result<Begun, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, origin).await?;
        if visit.environment.settings.minimum_binding == Binding::Opener {
            let target = Target::new("flow", flow.id);
            self.record_refusal(&visit.actor, "connect.continue", target, "binding too weak").await?;
            let detail = "This app can only be connected from the page that asked for it.";
            return Err(Error::refused(Code::BindingTooWeak, detail));
        }
        self.send_on(flow, visit, Binding::Interstitial, cookie).await
    }

    /// The user said no on our own page.
    ///
    /// # Errors
    /// [`Code::FlowRefused`].
    pub async fn decline(
        &self,
        flow: FlowId,
        cookie: &str,
        origin: Origin,
    ) -> Result<super::Returned, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, origin).await?;
        self.fail_flow(&flow, visit, Code::AccessDenied.as_str(), None).await
    }

    pub(super) async fn held_flow(
        &self,
        id: FlowId,
        cookie: &str,
        origin: Origin,
    ) -> Result<(Flow, Visit), Error> {
        let hash = PlainToken::presented(cookie).hash();
        let found = store::flow::find(&self.store, id, hash.as_str()).await?;
        let flow = found.filter(|flow| self.now() < flow.expires_at).ok_or_else(|| {
            refused("This sign-in is over, or was begun in another browser. Go back and try again.")
        })?;
        let visit =
            self.visit_of(flow.session, origin).await?.ok_or_else(|| refused("There is no such session."))?;
        self.ensure_not_over(&visit)?;
        Ok((flow, visit))
    }

    async fn send_on(
        &self,
        flow: Flow,
        visit: Visit,
        binding: Binding,
        cookie: &str,
    ) -> Result<Begun, Error> {
        let tenant = visit.actor.tenant;
        let found = store::connector::find(&self.store, tenant.environment, flow.connector).await?;
        let connector = match found {
            Some(connector) => connector,
            None => Self::default_connector_of(&visit, flow.connector).ok_or_else(cannot_start)?,
        };
        let definition = self.definition_of(&connector)?;
        let kept: Kept = self.vault.open(&place(tenant, FLOW, &flow.id.to_string(), (0, 0)), &flow.sealed)?;
        let mut values = self.connector_values(tenant, &connector).await?;
        for (name, value) in kept.values()?.iter() {
            values.set(name, value.clone());
        }
        let state = new_state(self.random.as_ref());
        let location = authorize(&connector, &definition, &values, &flow, &kept, &state)?;
        let state_hash = {
            use secrecy::ExposeSecret as _;
            PlainToken::presented(state.expose_secret()).hash()
        };
        let cookie_hash = PlainToken::presented(cookie).hash();
        let tx = self.store.begin().await?;
        let sent =
            store::flow::send_on(&tx, flow.id, cookie_hash.as_str(), binding, state_hash.as_str()).await?;
        if !sent {
            return Err(refused("This sign-in went on already in this browser."));
        }
        tx.commit().await?;
        Ok(Begun { location })
    }

    pub(super) fn default_connector_of(
        visit: &Visit,
        id: vouchsafe_entity::id::ConnectorId,
    ) -> Option<Connector> {
        let keys = visit.session.needs.iter().map(|need| need.connector.as_str());
        let key = keys
            .into_iter()
            .find(|key| crate::domain::connector::connector_id(visit.actor.environment(), key) == id)?;
        Some(Connector::by_default(visit.actor.environment(), key))
    }
}

fn authorize(
    connector: &Connector,
    definition: &Definition,
    values: &Values,
    flow: &Flow,
    kept: &Kept,
    state: &SecretString,
) -> Result<Url, Error> {
    let oauth2 = definition.oauth2().ok_or_else(cannot_start)?;
    let client_id = connector.client_id.as_deref().ok_or_else(cannot_start)?;
    let challenge =
        (oauth2.code_challenge == CodeChallenge::S256).then(|| Pkce::challenge_of(&kept.verifier));
    let extra: Vec<(String, String)> =
        connector.authorization_params.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let input = AuthorizeInput {
        client_id,
        redirect_uri: &flow.redirect_uri,
        state,
        scopes: &flow.scopes,
        code_challenge: challenge.as_ref(),
        extra_params: &extra,
    };
    authorization_url(definition, values, &input).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "an authorization URL could not be built");
        cannot_start()
    })
}

pub(super) fn answers_by_form(connector: &Connector, definition: &Definition) -> bool {
    let own = connector.authorization_params.get("response_mode").map(String::as_str);
    let stated = definition.oauth2().and_then(|oauth2| oauth2.authorization_params.literal("response_mode"));
    own.or(stated) == Some("form_post")
}

fn cannot_start() -> Error {
    Error::refused(Code::ConnectorIncomplete, "The host app has not finished setting this app up.")
}
