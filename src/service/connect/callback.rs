//! The way back from the app: the flow is taken once, its code exchanged, and what came stored.

mod exchange;
mod fail;
mod outcome;
mod settle;

pub(super) use outcome::with_outcome;
pub use outcome::{CallbackAnswer, Returned};

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use vouchsafe_entity::id::ConnectorId;
use vouchsafe_entity::kind::Method;

use super::Visit;
use super::flows::{FLOW, Kept, TEMPORARY_SECRET, cannot_start};
use crate::domain::actor::Origin;
use crate::domain::connector::Connector;
use crate::domain::flow::Flow;
use crate::oauth::callback::{Callback, Issuer, Outcome};
use crate::oauth::exchange::CodeGrant;
use crate::oauth::oauth1::{self, Temporary};
use crate::provider::{
    AuthorizationResponse, Captured, CodeChallenge, Definition, MCP_ISSUER, MCP_NAMES_ISSUER,
};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::credentials::capture;
use crate::service::material::{Material, place};
use crate::service::{Code, Error, Hub};
use crate::store;
use exchange::Came;

/// A flow that came back, with what it is about.
struct Taken {
    flow: Flow,
    visit: Visit,
    connector: Connector,
    definition: Arc<Definition>,
    method: Method,
}

impl Hub {
    /// Takes what came back to a redirect URI. `cookies` are all flow cookies of the browser.
    ///
    /// # Errors
    /// [`Code::FlowRefused`]: `state` unknown, used up, of another connector or of another browser. Nothing is
    /// consumed then.
    pub async fn finish_flow(
        &self,
        connector: ConnectorId,
        pairs: &[(String, String)],
        cookies: &[String],
        origin: Origin,
    ) -> Result<Returned, Error> {
        let (taken, callback) = self.take_flow(connector, pairs, cookies, origin).await?;
        let (flow, visit) = (taken.flow.clone(), taken.visit.clone());
        match Box::pin(self.take_in(taken, callback, pairs)).await {
            Err(error) => self.fail_ours(&flow, visit, error).await,
            returned => returned,
        }
    }

    /// Goes on with a flow that was taken: what ends it without an answer for the user is nothing that the app did.
    async fn take_in(
        &self,
        taken: Taken,
        callback: Callback,
        pairs: &[(String, String)],
    ) -> Result<Returned, Error> {
        let Taken { flow, visit, connector, definition, method } = taken;
        if let Some(code) = self.hindrance(&flow, &visit, &connector) {
            return self.fail_flow(&flow, visit, code, None).await;
        }
        let code = match callback.outcome {
            Outcome::Error { code, description } => {
                return self.fail_flow(&flow, visit, &code, description).await;
            }
            Outcome::Code(code) => code,
        };
        let kept: Kept =
            self.vault.open(&place(visit.actor.tenant, FLOW, &flow.id.to_string(), (0, 0)), &flow.sealed)?;
        if !kept.began_with(&definition) {
            return self.fail_flow(&flow, visit, Code::ProviderChanged.as_str(), None).await;
        }
        let mut typed = kept.values()?;
        let (values, _) = self.open_values(visit.actor.tenant, &connector, &typed).await?;
        let endpoint = definition.authorization_endpoint(&values).map_err(|_| cannot_start())?;
        let found = values.get(MCP_ISSUER).map(|issuer| issuer.expose_secret().to_owned());
        let announced = values.get(MCP_NAMES_ISSUER).is_some();
        let issuer =
            found.as_deref().map_or(Issuer::Endpoint(&endpoint), |name| Issuer::Exact { name, announced });
        if !issuer.accepts(callback.iss.as_deref()) {
            return self.fail_flow(&flow, visit, "issuer_mismatch", None).await;
        }
        let temporary_secret = typed.remove(TEMPORARY_SECRET);
        let mut material = Material::of_values(&typed);
        if capture(&definition, method, Captured::Callback(pairs), &mut material).is_err() {
            return self.fail_flow(&flow, visit, "unexpected_answer", None).await;
        }
        // What came back may say where the tokens are.
        let values = self.all_values(visit.actor.tenant, &connector, &material).await?;
        let came = match temporary_secret {
            Some(secret) => Came::Verifier(Temporary { token: callback.state, secret }, code),
            None => Came::Code(code_grant(code, &flow, &kept, &definition)),
        };
        let taken = Taken { flow, visit, connector, definition, method };
        let exchanged = Box::pin(self.exchange(&taken, &values, came, &mut material)).await?;
        match exchanged {
            Ok((answer, sent_at)) => Box::pin(self.accept_tokens(taken, material, answer, sent_at)).await,
            Err(error) => self.fail_exchange(&taken.flow, taken.visit, &error).await,
        }
    }

    async fn take_flow(
        &self,
        connector: ConnectorId,
        pairs: &[(String, String)],
        cookies: &[String],
        origin: Origin,
    ) -> Result<(Taken, Callback), Error> {
        let (names, signed) = self.callback_names(connector, pairs).await?;
        let pairs = if signed { oauth1::callback_pairs(pairs) } else { pairs.to_vec() };
        let callback = Callback::read(&pairs, &names).map_err(|error| refused(&format!("{error}.")))?;
        let state = { PlainToken::presented(callback.state.expose_secret()).hash() };
        let hashes: Vec<String> =
            cookies.iter().map(|cookie| PlainToken::presented(cookie).hash().into_string()).collect();
        let tx = self.store.begin().await?;
        let taken = store::flow::take(&tx, state.as_str(), &hashes, connector).await?;
        tx.commit().await?;
        let Some(flow) = taken else {
            self.record_stray(state.as_str(), origin).await?;
            return Err(refused(
                "This answer belongs to no sign-in of this browser: it was used already, is too old, or was begun elsewhere.",
            ));
        };
        let visit =
            self.visit_of(flow.session, origin).await?.ok_or_else(|| refused("There is no such session."))?;
        let found = store::connector::find(&self.store, flow.environment, connector).await?;
        let connector = match found {
            Some(connector) => connector,
            None => Self::default_connector_of(&visit, connector).ok_or(Error::NotFound)?,
        };
        let definition = self.definition_of(&connector)?;
        let method = if signed { Method::OAuth1 } else { Method::OAuth2 };
        Ok((Taken { flow, visit, connector, definition, method }, callback))
    }

    /// Why a flow that came back must not go on: its session ended, it took too long, or meanwhile the subscription
    /// ended or its connector was switched off. Its code is not exchanged then.
    fn hindrance(&self, flow: &Flow, visit: &Visit, connector: &Connector) -> Option<&'static str> {
        let now = self.now();
        if visit.session.is_over(now) {
            return Some(Code::SessionExpired.as_str());
        }
        if now >= flow.expires_at {
            return Some("flow_expired");
        }
        if !visit.actor.tenant.may_write() {
            return Some(Code::SubscriptionRequired.as_str());
        }
        (!connector.enabled).then(|| Code::ConnectorDisabled.as_str())
    }

    /// The names of the callback's parameters hang on the connector's definition, so the flow is found without being
    /// taken: by whatever parameter has a `state` that we know. True where they are those of OAuth 1.0a.
    async fn callback_names(
        &self,
        connector: ConnectorId,
        pairs: &[(String, String)],
    ) -> Result<(AuthorizationResponse, bool), Error> {
        for (_, value) in pairs.iter().take(20) {
            let hash = PlainToken::presented(value).hash();
            let Some((environment, flow)) = store::flow::by_state(&self.store, hash.as_str()).await? else {
                continue;
            };
            if flow.connector != connector {
                break;
            }
            let found = store::connector::find(&self.store, environment, connector).await?;
            let definition = match found {
                Some(connector) => self.definition_of(&connector)?,
                None => break,
            };
            if let Some(oauth2) = definition.oauth2() {
                return Ok((oauth2.authorization_response.clone(), false));
            }
            if definition.oauth1().is_some() {
                return Ok((oauth1::callback_names(), true));
            }
        }
        Ok((AuthorizationResponse::default(), false))
    }

    /// A stranger's answer is written down for the owner of the flow and ends nothing.
    async fn record_stray(&self, state: &str, origin: Origin) -> Result<(), Error> {
        let Some((_, flow)) = store::flow::by_state(&self.store, state).await? else {
            return self.record_reuse(state, "connect.callback", origin).await;
        };
        let Some(visit) = self.visit_of(flow.session, origin).await? else {
            return Ok(());
        };
        let target = Target::new("flow", flow.id);
        self.record_refusal(&visit.actor, "connect.callback", target, "cookie or connector of another flow")
            .await
    }

    async fn connector_of_flow(&self, flow: &Flow, visit: &Visit) -> Result<Connector, Error> {
        let found = store::connector::find(&self.store, flow.environment, flow.connector).await?;
        found.or_else(|| Self::default_connector_of(visit, flow.connector)).ok_or(Error::NotFound)
    }
}

fn code_grant(code: SecretString, flow: &Flow, kept: &Kept, definition: &Definition) -> CodeGrant {
    let uses_pkce = definition.oauth2().is_some_and(|oauth2| oauth2.code_challenge == CodeChallenge::S256);
    CodeGrant {
        code,
        verifier: uses_pkce.then(|| kept.verifier.clone()),
        redirect_uri: flow.redirect_uri.clone(),
        scopes: flow.scopes.clone(),
    }
}

fn refused(detail: &str) -> Error {
    Error::refused(Code::FlowRefused, detail)
}
