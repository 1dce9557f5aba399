//! Sending the browser on to the app, once it is bound to the user: by its opener, or by the page that says who asks.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use vouchsafe_entity::id::FlowId;
use vouchsafe_entity::kind::{Binding, Method};
use vouchsafe_entity::sealed::Sealed;

use super::{FLOW, Kept, TEMPORARY_SECRET, cannot_start, refused};
use crate::domain::actor::Origin;
use crate::domain::connector::Connector;
use crate::domain::flow::Flow;
use crate::oauth::authorize::{AuthorizeInput, authorization_url};
use crate::oauth::{Pkce, new_state, oauth1};
use crate::provider::{CodeChallenge, Definition, Values};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::connect::{Returned, Visit};
use crate::service::material::place;
use crate::service::throttle::Patience;
use crate::service::{Code, Error, Hub};
use crate::store;

/// A flow on its way.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes. Carries `state`: never logged.
    pub location: Url,
}

/// A flow whose user is to go on, as its page shows it.
#[derive(Debug)]
pub struct Asked {
    /// The visit it belongs to.
    pub visit: Visit,
    /// The flow.
    pub flow: FlowId,
    /// The connector's key.
    pub connector: String,
    /// The provider's name.
    pub provider: String,
    /// The slug by which its icon is asked for; none for an app without one.
    pub icon: Option<String>,
    /// The origin that the browser will be sent to.
    pub authorization_origin: String,
}

impl Hub {
    /// Sends the browser on, bound by the nonce that its opener gave.
    ///
    /// # Errors
    /// [`Code::FlowRefused`], [`Code::ProviderChanged`], [`Code::ProviderBusy`].
    pub async fn shake_hands(
        &self,
        flow: FlowId,
        cookie: &str,
        nonce: &str,
        origin: Origin,
    ) -> Result<Begun, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, "connect.handshake", origin).await?;
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
    /// [`Code::FlowRefused`], [`Code::BindingTooWeak`], [`Code::ProviderChanged`], [`Code::ProviderBusy`].
    pub async fn go_on(&self, flow: FlowId, cookie: &str, origin: Origin) -> Result<Begun, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, "connect.continue", origin).await?;
        if visit.needs_opener() {
            let target = Target::new("flow", flow.id);
            self.record_refusal(&visit.actor, "connect.continue", target, "binding too weak").await?;
            let detail = "This app can only be connected from the page that asked for it.";
            return Err(Error::refused(Code::BindingTooWeak, detail));
        }
        self.send_on(flow, visit, Binding::Interstitial, cookie).await
    }

    /// A flow that could not go on yet and stays as it is, to be asked about once more.
    ///
    /// # Errors
    /// [`Code::FlowRefused`].
    pub async fn asked_flow(&self, flow: FlowId, cookie: &str, origin: Origin) -> Result<Asked, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, "connect.continue", origin).await?;
        let connector = self.connector_to_go_on(&flow, &visit).await?;
        let definition = self.definition_of(&connector)?;
        let kept = self.kept_in_flow(&flow, &visit)?;
        let values = self.values_to_go_on(&visit, &connector, &kept).await?;
        let endpoint = definition.authorization_endpoint(&values).map_err(|_| cannot_start())?;
        Ok(Asked {
            flow: flow.id,
            connector: connector.key,
            provider: definition.name().to_owned(),
            icon: definition.icon_slug().map(str::to_owned),
            authorization_origin: endpoint.origin().ascii_serialization(),
            visit,
        })
    }

    /// The user said no on our own page.
    ///
    /// # Errors
    /// [`Code::FlowRefused`].
    pub async fn decline(&self, flow: FlowId, cookie: &str, origin: Origin) -> Result<Returned, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, "connect.cancel", origin).await?;
        self.fail_flow(&flow, visit, Code::AccessDenied.as_str(), None).await
    }

    /// The flow that this browser holds. That `action` was asked of it without its cookie is told to its owner.
    pub(in crate::service::connect) async fn held_flow(
        &self,
        id: FlowId,
        cookie: &str,
        action: &'static str,
        origin: Origin,
    ) -> Result<(Flow, Visit), Error> {
        let useless =
            || refused("This sign-in is over, or was begun in another browser. Go back and try again.");
        let flow = store::flow::find(&self.store, id).await?.ok_or_else(useless)?;
        let visit =
            self.visit_of(flow.session, origin).await?.ok_or_else(|| refused("There is no such session."))?;
        let own = PlainToken::presented(cookie).hash().matches(&flow.cookie_hash);
        let reason = match (own, cookie.is_empty()) {
            (true, _) => (self.now() >= flow.expires_at).then_some("too late"),
            (false, true) => Some("no cookie"),
            (false, false) => Some("cookie of another browser"),
        };
        if let Some(reason) = reason {
            self.record_refusal(&visit.actor, action, Target::new("flow", flow.id), reason).await?;
            return Err(useless());
        }
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
        let connector = self.connector_to_go_on(&flow, &visit).await?;
        let definition = self.definition_of(&connector)?;
        let kept = self.kept_in_flow(&flow, &visit)?;
        if !kept.began_with(&definition) {
            self.fail_flow(&flow, visit, Code::ProviderChanged.as_str(), None).await?;
            let detail = "How this app is connected changed meanwhile. Go back and try again.";
            return Err(Error::refused(Code::ProviderChanged, detail));
        }
        let values = self.values_to_go_on(&visit, &connector, &kept).await?;
        let away = if Self::sign_in_of(&connector, &definition) == Some(Method::OAuth1) {
            self.away_signed(&visit, &connector, &definition, &values, &flow, &kept).await?
        } else {
            let state = new_state(self.random.as_ref());
            let location = authorize(&connector, &definition, &values, &flow, &kept, &state)?;
            Away { location, state, sealed: None }
        };
        let Away { location, state, sealed } = away;
        let state_hash = PlainToken::presented(state.expose_secret()).hash();
        let cookie_hash = PlainToken::presented(cookie).hash();
        let tx = self.store.begin().await?;
        let sent =
            store::flow::send_on(&tx, flow.id, cookie_hash.as_str(), binding, (state_hash.as_str(), sealed))
                .await?;
        if !sent {
            return Err(refused("This sign-in went on already in this browser."));
        }
        tx.commit().await?;
        Ok(Begun { location })
    }

    async fn connector_to_go_on(&self, flow: &Flow, visit: &Visit) -> Result<Connector, Error> {
        let found = store::connector::find(&self.store, visit.actor.environment(), flow.connector).await?;
        found.or_else(|| Self::default_connector_of(visit, flow.connector)).ok_or_else(cannot_start)
    }

    fn kept_in_flow(&self, flow: &Flow, visit: &Visit) -> Result<Kept, Error> {
        let id = flow.id.to_string();
        Ok(self.vault.open(&place(visit.actor.tenant, FLOW, &id, (0, 0)), &flow.sealed)?)
    }

    /// The connector's values, and over them those of the flow.
    async fn values_to_go_on(
        &self,
        visit: &Visit,
        connector: &Connector,
        kept: &Kept,
    ) -> Result<Values, Error> {
        let typed = kept.values()?;
        Ok(self.open_values(visit.actor.tenant, connector, &typed).await?.0)
    }
}

impl Hub {
    /// Asks the app for temporary credentials (OAuth 1.0a): its token is the state, its secret is kept in the flow. Where
    /// it gets no turn to ask, the flow stays as it is and the user may try again.
    async fn away_signed(
        &self,
        visit: &Visit,
        connector: &Connector,
        definition: &Definition,
        values: &Values,
        flow: &Flow,
        kept: &Kept,
    ) -> Result<Away, Error> {
        let tenant = visit.actor.tenant;
        let client = self.client(tenant, connector, values).await?.ok_or_else(cannot_start)?;
        let url = definition.oauth1().ok_or_else(cannot_start)?.request_token_endpoint.render(values);
        let turn = self.turn_to(tenant.workspace, definition, url, Patience::Refusable).await?;
        let (callback, moment) = (&flow.redirect_uri, self.signing_moment());
        let asked = oauth1::ask(&self.egress, definition, values, &client, callback, &moment).await;
        drop(turn);
        let temporary = asked.map_err(|error| {
            tracing::warn!(flow.id = %flow.id, error = &error as &dyn std::error::Error, "no temporary credentials");
            let detail = format!("{} didn't begin the sign-in. Try again in a moment.", definition.name());
            Error::refused(Code::ProviderUnreachable, detail)
        })?;
        let extra = connector.authorization_params.clone().into_iter();
        let token = &temporary.token;
        let location = oauth1::authorization_url(definition, values, token, &flow.scopes, extra);
        let location = location.map_err(|_| cannot_start())?;
        let mut values = kept.values()?;
        values.set(TEMPORARY_SECRET, temporary.secret);
        let sealed = self.keep_in_flow(tenant, flow.id, &kept.verifier, &values, definition)?;
        Ok(Away { location, state: temporary.token, sealed: Some(sealed) })
    }
}

/// Where the browser goes, what finds the flow again, and what it keeps beside what it has.
struct Away {
    location: Url,
    state: SecretString,
    sealed: Option<Sealed>,
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
        tracing::error!(
            flow.id = %flow.id,
            provider.slug = definition.slug(),
            error = &error as &dyn std::error::Error,
            "an authorization URL could not be built"
        );
        cannot_start()
    })
}
