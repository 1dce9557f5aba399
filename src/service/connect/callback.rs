//! The way back from the app: the flow is taken once, its code exchanged, and what came stored.

use std::sync::Arc;

use url::Url;
use vouchsafe_entity::id::{ConnectorId, CredentialId, FlowId};
use vouchsafe_entity::kind::{Binding, FailClass, Method};

use super::Visit;
use super::flows::{FLOW, Kept};
use super::grant::{Destination, Grant};
use crate::domain::actor::Origin;
use crate::domain::connector::Connector;
use crate::domain::credential::{Account, Credential};
use crate::domain::flow::{FLOW_SECONDS, Flow};
use crate::domain::session::Progress;
use crate::oauth::callback::{Callback, Issuer, Outcome};
use crate::oauth::exchange::{CodeGrant, exchange_code};
use crate::oauth::{TokenAnswer, TokenError};
use crate::provider::{Captured, Definition, Values};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::credentials::{Accepted, capture};
use crate::service::material::{Material, place};
use crate::service::{Code, Error, Hub};
use crate::store;

/// What a callback page shows.
#[derive(Debug)]
pub struct Returned {
    /// The visit.
    pub visit: Visit,
    /// The flow.
    pub flow: FlowId,
    /// The connector's key.
    pub connector: String,
    /// The provider's name.
    pub provider: String,
    /// How it ended.
    pub answer: CallbackAnswer,
    /// Whether the browser goes back to the host app instead of closing a window.
    pub redirect: bool,
    /// Whether the flow began on a hosted page.
    pub hosted: bool,
    /// Where the browser goes back to, with what happened in its query.
    pub return_url: Option<String>,
    /// The code for the window that opened this one.
    pub confirmation_code: Option<PlainToken>,
}

/// How a flow ended.
#[derive(Debug)]
pub enum CallbackAnswer {
    /// Connected.
    Completed {
        /// The credential.
        credential: CredentialId,
        /// What people see of its account.
        account: Option<String>,
    },
    /// Not connected.
    Failed {
        /// A code.
        code: String,
        /// The app's own words. Untrusted.
        message: Option<String>,
    },
    /// The user must decide whether another account may take the place of the old.
    OtherAccount {
        /// The account so far.
        expected: String,
        /// The account that came.
        found: String,
    },
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
        let (flow, visit, connector, definition, callback) =
            self.take_flow(connector, pairs, cookies, origin).await?;
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
        let mut values = self.connector_values(visit.actor.tenant, &connector).await?;
        let typed = kept.values()?;
        for (name, value) in typed.iter() {
            values.set(name, value.clone());
        }
        let endpoint = definition.authorization_endpoint(&values).map_err(|_| Error::NotFound)?;
        if !Issuer::Endpoint(&endpoint).accepts(callback.iss.as_deref()) {
            return self.fail_flow(&flow, visit, "issuer_mismatch", None).await;
        }
        let mut material = Material::of_values(&typed);
        if capture(&definition, Method::OAuth2, Captured::Callback(pairs), &mut material).is_err() {
            return self.fail_flow(&flow, visit, "unexpected_answer", None).await;
        }
        for (name, value) in material.values().iter() {
            values.set(name, value.clone());
        }
        let uses_pkce = definition
            .oauth2()
            .is_some_and(|oauth2| oauth2.code_challenge == crate::provider::CodeChallenge::S256);
        let grant = CodeGrant {
            code,
            verifier: uses_pkce.then(|| kept.verifier.clone()),
            redirect_uri: flow.redirect_uri.clone(),
            scopes: flow.scopes.clone(),
        };
        match self.exchange(&visit, &connector, &definition, &values, &grant).await {
            Ok((answer, sent_at)) => {
                let accepted =
                    self.accept_tokens(flow, visit, connector, definition, material, answer, sent_at);
                Box::pin(accepted).await
            }
            Err(error) => self.fail_exchange(&flow, visit, &error).await,
        }
    }

    async fn take_flow(
        &self,
        connector: ConnectorId,
        pairs: &[(String, String)],
        cookies: &[String],
        origin: Origin,
    ) -> Result<(Flow, Visit, Connector, Arc<Definition>, Callback), Error> {
        let names = self.callback_names(connector, pairs).await?;
        let callback = Callback::read(pairs, &names).map_err(|error| refused(&format!("{error}.")))?;
        let state = {
            use secrecy::ExposeSecret as _;
            PlainToken::presented(callback.state.expose_secret()).hash()
        };
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
        Ok((flow, visit, connector, definition, callback))
    }

    /// Why a flow that came back must not go on: its session ended, it took too long, or its connector was switched
    /// off meanwhile.
    fn hindrance(&self, flow: &Flow, visit: &Visit, connector: &Connector) -> Option<&'static str> {
        let now = self.now();
        if visit.session.is_over(now) {
            return Some(Code::SessionExpired.as_str());
        }
        if now >= flow.expires_at {
            return Some("flow_expired");
        }
        (!connector.enabled).then(|| Code::ConnectorDisabled.as_str())
    }

    /// The names of the callback's parameters hang on the connector's definition, so the flow is found without being
    /// taken: by whatever parameter has a `state` that we know.
    async fn callback_names(
        &self,
        connector: ConnectorId,
        pairs: &[(String, String)],
    ) -> Result<crate::provider::AuthorizationResponse, Error> {
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
                return Ok(oauth2.authorization_response.clone());
            }
        }
        Ok(crate::provider::AuthorizationResponse::default())
    }

    /// A stranger's answer is written down for the owner of the flow and ends nothing.
    async fn record_stray(&self, state: &str, origin: Origin) -> Result<(), Error> {
        let Some((_, flow)) = store::flow::by_state(&self.store, state).await? else {
            tracing::warn!("a callback with an unknown state was refused");
            return Ok(());
        };
        let Some(visit) = self.visit_of(flow.session, origin).await? else {
            return Ok(());
        };
        let target = Target::new("flow", flow.id);
        self.record_refusal(&visit.actor, "connect.callback", target, "cookie or connector of another flow")
            .await
    }

    async fn exchange(
        &self,
        visit: &Visit,
        connector: &Connector,
        definition: &Definition,
        values: &Values,
        grant: &CodeGrant,
    ) -> Result<(TokenAnswer, vouchsafe_entity::millis::Millis), TokenError> {
        let local = || TokenError {
            class: FailClass::Local,
            code: None,
            description: None,
            status: None,
            retry_after: None,
            cause: None,
        };
        let client = self.client(visit.actor.tenant, connector).await.ok().flatten().ok_or_else(local)?;
        let now = self.clock.now();
        let answer = exchange_code(&self.egress, definition, values, &client, grant, now).await?;
        Ok((answer, now.into()))
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of one flow, taken apart once")]
    async fn accept_tokens(
        &self,
        flow: Flow,
        visit: Visit,
        connector: Connector,
        definition: Arc<Definition>,
        mut material: Material,
        answer: TokenAnswer,
        sent_at: vouchsafe_entity::millis::Millis,
    ) -> Result<Returned, Error> {
        material.take(&answer);
        let captured =
            capture(&definition, Method::OAuth2, Captured::Token(answer.raw.expose()), &mut material);
        let checked = match captured {
            Ok(()) => {
                self.check_and_learn(&visit.actor, &connector, &definition, Method::OAuth2, &mut material)
                    .await
            }
            Err(error) => Err(error),
        };
        let warnings = match checked {
            Ok(warnings) => warnings,
            Err(Error::Refused { code, detail, .. }) => {
                return self.fail_flow(&flow, visit, code.as_str(), Some(detail)).await;
            }
            Err(error) => return Err(error),
        };
        let values = self.all_values(visit.actor.tenant, &connector, &material).await?;
        let account =
            definition.account(&values).map(|account| Account { id: account.id, label: account.label });
        let granted = answer.scopes.clone().unwrap_or_else(|| {
            // RFC 6749, section 5.1: an answer without scopes means those that were asked for.
            let always = definition.token_request_of(Method::OAuth2).map(|token| token.scopes.clone());
            let mut all = always.unwrap_or_default();
            all.extend(flow.scopes.iter().filter(|scope| !all.contains(scope)).cloned().collect::<Vec<_>>());
            all
        });
        let grant = Grant {
            accepted: Accepted {
                method: Method::OAuth2,
                account,
                variables: definition.public_variables(&material.values()).into_iter().collect(),
                material,
                expires_in: answer.expires_in,
                minted: true,
                sent_at,
                warnings,
            },
            scopes: granted,
        };
        self.settle(flow, visit, &connector, &definition, grant).await
    }

    /// Puts a grant where it belongs, or asks who must be asked.
    async fn settle(
        &self,
        flow: Flow,
        visit: Visit,
        connector: &Connector,
        definition: &Definition,
        grant: Grant,
    ) -> Result<Returned, Error> {
        match self.destination(&visit, connector, &grant).await? {
            Destination::OtherAccount(target) => {
                self.ask_about_account(flow, visit, connector, grant, *target).await
            }
            Destination::New => self.settle_in(flow, visit, connector, definition, grant, None).await,
            Destination::InPlace(target) => {
                self.settle_in(flow, visit, connector, definition, grant, Some(target.id)).await
            }
        }
    }

    /// Stores a grant; with a confirmation to come, a new credential is pending and one that is there keeps its old
    /// grant until then.
    async fn settle_in(
        &self,
        flow: Flow,
        visit: Visit,
        connector: &Connector,
        definition: &Definition,
        grant: Grant,
        target: Option<CredentialId>,
    ) -> Result<Returned, Error> {
        let binding = flow.binding.unwrap_or(Binding::Interstitial);
        let settings = &visit.environment.settings;
        let waits = Self::needs_code(&visit.session, settings, flow.hosted, Some(binding));
        let tx = self.store.begin().await?;
        let account = grant.accepted.account.as_ref().map(|account| account.label.clone());
        let id = match target {
            None => self.store_grant(&tx, &visit, connector, definition, grant, waits).await?.id,
            Some(id) if waits => {
                let held = Flow {
                    sealed: self.hold(visit.actor.tenant, flow.id, &grant, id)?,
                    state_hash: None,
                    credential: Some(id),
                    expires_at: self.now().plus_seconds(FLOW_SECONDS * 2),
                    ..flow.clone()
                };
                store::flow::insert(&tx, &held).await?;
                id
            }
            Some(id) => self.regrant(&tx, &visit, id, grant).await?.id,
        };
        let code = self.finish_connector(&tx, &visit, &connector.key, id, waits.then_some(binding)).await?;
        tx.commit().await?;
        self.signal(visit.session.id);
        let answer = CallbackAnswer::Completed { credential: id, account };
        Ok(Self::returned(&flow, visit, connector.key.clone(), definition.name(), answer, code))
    }

    async fn ask_about_account(
        &self,
        flow: Flow,
        visit: Visit,
        connector: &Connector,
        grant: Grant,
        target: Credential,
    ) -> Result<Returned, Error> {
        let label =
            |account: Option<&Account>| account.map_or_else(String::new, |account| account.label.clone());
        let answer = CallbackAnswer::OtherAccount {
            expected: label(target.account.as_ref()),
            found: label(grant.accepted.account.as_ref()),
        };
        let held = Flow {
            sealed: self.hold(visit.actor.tenant, flow.id, &grant, target.id)?,
            state_hash: None,
            expires_at: self.now().plus_seconds(FLOW_SECONDS),
            ..flow
        };
        let tx = self.store.begin().await?;
        store::flow::insert(&tx, &held).await?;
        let reason = Code::AccountChanged.as_str();
        let event = self.audit_event(
            &visit.actor,
            "connect.account",
            Target::new("credential", target.id),
            "refused",
            Some(reason.into()),
        );
        store::audit::insert(&tx, &[event]).await?;
        tx.commit().await?;
        let name = self.definition_of(connector)?.name().to_owned();
        Ok(Self::returned(&held, visit, connector.key.clone(), &name, answer, None))
    }

    /// The user decides about another account.
    ///
    /// # Errors
    /// [`Code::FlowRefused`].
    pub async fn decide_account(
        &self,
        flow: FlowId,
        cookie: &str,
        accept: bool,
        origin: Origin,
    ) -> Result<Returned, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, origin).await?;
        if flow.binding.is_none() || flow.state_hash.is_some() {
            return Err(refused("There is nothing to decide here."));
        }
        let held = self.open_held(visit.actor.tenant, &flow)?;
        let target = held.target;
        let grant = held.into_grant();
        let tx = self.store.begin().await?;
        store::flow::delete(&tx, flow.id).await?;
        if !accept {
            self.discard(&tx, visit.actor.tenant, &flow, &grant).await?;
        }
        tx.commit().await?;
        if accept {
            let connector = self.connector_of_flow(&flow, &visit).await?;
            let definition = self.definition_of(&connector)?;
            return self.settle_in(flow, visit, &connector, &definition, grant, Some(target)).await;
        }
        self.fail_flow(&flow, visit, Code::AccountChanged.as_str(), None).await
    }

    async fn connector_of_flow(&self, flow: &Flow, visit: &Visit) -> Result<Connector, Error> {
        let found = store::connector::find(&self.store, flow.environment, flow.connector).await?;
        found.or_else(|| Self::default_connector_of(visit, flow.connector)).ok_or(Error::NotFound)
    }

    async fn fail_exchange(&self, flow: &Flow, visit: Visit, error: &TokenError) -> Result<Returned, Error> {
        tracing::warn!(
            flow.id = %flow.id,
            error = error as &dyn std::error::Error,
            "a code could not be exchanged"
        );
        let code = match error.class {
            FailClass::NotSent | FailClass::Ambiguous | FailClass::Throttled => "provider_unreachable",
            FailClass::Client => "connector_failing",
            FailClass::Refused
            | FailClass::Revoked
            | FailClass::Unreadable
            | FailClass::Local
            | FailClass::Other => "unexpected_answer",
        };
        let message = error.description.clone().or_else(|| error.code.clone());
        self.fail_flow(flow, visit, code, message).await
    }

    /// Ends a flow without a credential, and says so to session and audit log.
    pub(super) async fn fail_flow(
        &self,
        flow: &Flow,
        visit: Visit,
        code: &str,
        message: Option<String>,
    ) -> Result<Returned, Error> {
        let connector = self.connector_of_flow(flow, &visit).await?;
        let mut result = self.result(&connector.key, Progress::Failed);
        result.error = Some(code.to_owned());
        result.detail.clone_from(&message);
        let tx = self.store.begin().await?;
        store::flow::delete(&tx, flow.id).await?;
        self.save_result(&tx, &visit, &result).await?;
        let event = self.audit_event(
            &visit.actor,
            "connect.failed",
            Target::new("flow", flow.id),
            "refused",
            Some(format!("{}: {code}", connector.key)),
        );
        store::audit::insert(&tx, &[event]).await?;
        tx.commit().await?;
        self.signal(visit.session.id);
        let name = self.definition_of(&connector)?.name().to_owned();
        let answer = CallbackAnswer::Failed { code: code.to_owned(), message };
        Ok(Self::returned(flow, visit, connector.key, &name, answer, None))
    }

    fn returned(
        flow: &Flow,
        visit: Visit,
        connector: String,
        provider: &str,
        answer: CallbackAnswer,
        code: Option<PlainToken>,
    ) -> Returned {
        let decided = !matches!(answer, CallbackAnswer::OtherAccount { .. });
        let return_url = visit
            .return_url()
            .filter(|_| flow.redirect && decided)
            .and_then(|address| with_outcome(address, &visit, &answer, code.as_ref()));
        Returned {
            flow: flow.id,
            connector,
            provider: provider.to_owned(),
            answer,
            redirect: flow.redirect,
            hosted: flow.hosted,
            return_url,
            confirmation_code: code,
            visit,
        }
    }
}

/// The address to go back to, with what happened in its query.
pub(super) fn with_outcome(
    address: &str,
    visit: &Visit,
    answer: &CallbackAnswer,
    code: Option<&PlainToken>,
) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("sessionId", &visit.session.id.to_string());
        match answer {
            CallbackAnswer::Completed { credential, .. } => {
                query.append_pair("credentialId", &credential.to_string());
            }
            CallbackAnswer::Failed { code, .. } => {
                query.append_pair("error", code);
            }
            CallbackAnswer::OtherAccount { .. } => {}
        }
        if let Some(code) = code {
            query.append_pair("confirmationCode", code.expose());
        }
        let status = match answer {
            CallbackAnswer::Completed { .. } if code.is_some() => "waiting",
            CallbackAnswer::Completed { .. } => "completed",
            CallbackAnswer::Failed { .. } | CallbackAnswer::OtherAccount { .. } => "failed",
        };
        query.append_pair("status", status);
    }
    Some(url.into())
}

fn refused(detail: &str) -> Error {
    Error::refused(Code::FlowRefused, detail)
}
