//! A form of the modal: typed values, tested against the app and stored for the visit's user.

use serde_json::{Map, Value};
use vouchsafe_entity::id::{CredentialId, FlowId};
use vouchsafe_entity::kind::{Binding, Method};

use super::Visit;
use super::attempts::stored;
use super::callback::{CallbackAnswer, with_outcome};
use super::grant::{Destination, Grant};
use crate::domain::connector::Connector;
use crate::domain::credential::is_sign_in;
use crate::domain::flow::{FLOW_SECONDS, Flow};
use crate::provider::{Definition, FieldSource};
use crate::secret::PlainToken;
use crate::service::{Error, Hub};
use crate::store;

/// What was typed.
#[derive(Debug)]
pub struct Typed {
    /// The connector's key.
    pub connector: String,
    /// The method.
    pub method: Method,
    /// The values.
    pub data: Map<String, Value>,
    /// Whether the page is not framed.
    pub hosted: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum TypedOutcome {
    /// Stored.
    Stored {
        /// The credential.
        credential: CredentialId,
        /// What people see of its account.
        account: Option<String>,
        /// Codes, such as `permission_missing`.
        warnings: Vec<&'static str>,
        /// Whether the back end must confirm.
        pending: bool,
        /// Where a hosted page leads, with what happened in its query.
        return_url: Option<String>,
    },
    /// The value belongs to another account than the one to reconnect.
    OtherAccount {
        /// The account so far.
        expected: String,
        /// The account of the value.
        found: String,
    },
}

impl Hub {
    /// Tests and stores what was typed in the modal.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`super::Code::CredentialRejected`], [`super::Code::ProviderUnreachable`],
    /// [`super::Code::SubscriptionRequired`], [`super::Code::RateLimited`].
    pub async fn connect_typed(&self, visit: &Visit, typed: Typed) -> Result<TypedOutcome, Error> {
        self.visit_limits.key(visit.session.id)?;
        self.ensure_not_over(visit)?;
        self.gate(&visit.actor).await?;
        visit.session.need(&typed.connector).ok_or_else(|| Error::unknown("/connector", "connector"))?;
        let offer = self.offer(visit, &typed.connector, Some(typed.method)).await?;
        if offer.method != typed.method || is_sign_in(typed.method) {
            return Err(Error::unknown("/method", "method"));
        }
        let connector = self.connector_named(&visit.actor, &typed.connector).await?.ok_or(Error::NotFound)?;
        let definition = self.definition_of(&connector)?;
        let values = definition
            .validate_fields(typed.method, &typed.data, FieldSource::User)
            .map_err(|errors| Error::fields("/data", errors))?;
        let accepted = self.accept(&visit.actor, &connector, &definition, typed.method, &values, true).await;
        if let Err(error) = &accepted {
            self.log_refusal(visit, (&connector, typed.method, typed.hosted), error).await?;
        }
        let accepted = accepted?;
        let scopes = accepted.scopes.clone();
        let grant = Grant { accepted, scopes };
        let target = match self.destination(visit, &connector, &grant).await? {
            Destination::New => None,
            Destination::InPlace(target) => Some(target.id),
            Destination::OtherAccount(target) => {
                let label = |account: Option<&crate::domain::credential::Account>| {
                    account.map_or_else(String::new, |account| account.label.clone())
                };
                return Ok(TypedOutcome::OtherAccount {
                    expected: label(target.account.as_ref()),
                    found: label(grant.accepted.account.as_ref()),
                });
            }
        };
        self.store_typed(visit, &connector, &definition, grant, target, typed.hosted).await
    }

    async fn store_typed(
        &self,
        visit: &Visit,
        connector: &Connector,
        definition: &Definition,
        grant: Grant,
        target: Option<CredentialId>,
        hosted: bool,
    ) -> Result<TypedOutcome, Error> {
        let settings = &visit.environment.settings;
        // The frame's token came from the embedder's own page; a hosted link may come from anybody.
        let binding = if hosted { Binding::Interstitial } else { Binding::Opener };
        let pending = Self::needs_code(&visit.session, settings, hosted, Some(binding));
        let account = grant.accepted.account.as_ref().map(|account| account.label.clone());
        let (warnings, method) = (grant.accepted.warnings.clone(), grant.accepted.method);
        let tx = self.store.begin().await?;
        let credential = match target {
            None => {
                let stored = self.store_grant(&tx, visit, connector, definition, &grant, pending).await?;
                stored.id
            }
            Some(id) if pending => {
                let held = self.holding_flow(visit, connector, &grant, id, binding)?;
                store::flow::insert(&tx, &held).await?;
                id
            }
            Some(id) => self.regrant(&tx, visit, id, &grant).await?.id,
        };
        let confirmation = pending.then_some(binding);
        let code = self.finish_connector(&tx, visit, &connector.key, credential, confirmation).await?;
        let form = (connector, method, hosted);
        self.log_typed(&tx, visit, form, stored(pending), Some(credential)).await?;
        tx.commit().await?;
        self.signal(visit.session.id);
        let answer = CallbackAnswer::Completed { credential, account: account.clone() };
        let return_url = visit
            .return_url()
            .filter(|_| hosted)
            .and_then(|address| with_outcome(address, visit, &answer, code.as_ref()));
        Ok(TypedOutcome::Stored { credential, account, warnings, pending, return_url })
    }
}

impl Hub {
    /// A flow without a browser, that keeps a typed value until the back end confirms.
    fn holding_flow(
        &self,
        visit: &Visit,
        connector: &Connector,
        grant: &Grant,
        target: CredentialId,
        binding: Binding,
    ) -> Result<Flow, Error> {
        let id = FlowId::new(self.ids.next());
        let now = self.now();
        Ok(Flow {
            id,
            environment: visit.actor.environment(),
            session: visit.session.id,
            connector: connector.id,
            user: visit.user.id,
            credential: Some(target),
            cookie_hash: PlainToken::random(self.random.as_ref()).hash().into_string(),
            nonce_hash: None,
            state_hash: None,
            sealed: self.hold(visit.actor.tenant, id, grant, target)?,
            scopes: Vec::new(),
            redirect_uri: String::new(),
            binding: Some(binding),
            hosted: binding != Binding::Opener,
            redirect: false,
            created_at: now,
            expires_at: now.plus_seconds(FLOW_SECONDS * 2),
        })
    }
}

impl Typed {
    /// The values that are no secret, to be shown again when something was wrong.
    pub fn shown_again(&self, fields: &[crate::provider::Field]) -> Vec<(String, String)> {
        fields
            .iter()
            .filter(|field| !field.secret)
            .filter_map(|field| Some((field.name.clone(), self.data.get(&field.name)?.as_str()?.to_owned())))
            .collect()
    }
}

/// Wipes typed values as far as they are ours.
impl Drop for Typed {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        for value in self.data.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}
