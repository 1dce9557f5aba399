//! What came from the app, put where it belongs: a new credential, a new grant of one that is there, or a question to
//! the user whether another account may take its place.

use vouchsafe_entity::id::{CredentialId, FlowId};
use vouchsafe_entity::kind::Binding;
use vouchsafe_entity::millis::Millis;

use super::{CallbackAnswer, Returned, Taken, refused};
use crate::domain::actor::Origin;
use crate::domain::connector::Connector;
use crate::domain::credential::{Account, Credential};
use crate::domain::flow::{FLOW_SECONDS, Flow};
use crate::oauth::TokenAnswer;
use crate::provider::{Captured, Definition};
use crate::service::audit::Target;
use crate::service::connect::Visit;
use crate::service::connect::attempts::stored;
use crate::service::connect::grant::{Destination, Grant};
use crate::service::credentials::{Accepted, capture};
use crate::service::material::Material;
use crate::service::throttle::Patience;
use crate::service::{Code, Error, Hub};
use crate::store;

impl Hub {
    /// Looks at what the tokens say, and finds a place for them.
    pub(super) async fn accept_tokens(
        &self,
        taken: Taken,
        mut material: Material,
        answer: TokenAnswer,
        sent_at: Millis,
    ) -> Result<Returned, Error> {
        let Taken { flow, visit, connector, definition, method } = taken;
        material.take(&answer);
        let captured = capture(&definition, method, Captured::Token(answer.raw.expose()), &mut material);
        let checked = match captured {
            Ok(()) => {
                let patience = Patience::Spent;
                self.check_and_learn(&visit.actor, &connector, &definition, method, &mut material, patience)
                    .await
            }
            Err(error) => Err(error),
        };
        let warnings = match checked {
            Ok(warnings) => warnings,
            Err(Error::Refused {
                code: code @ (Code::CredentialRejected | Code::ProviderUnreachable),
                detail,
                ..
            }) => return self.fail_flow(&flow, visit, code.as_str(), Some(detail)).await,
            Err(error) => return Err(error),
        };
        let values = self.all_values(visit.actor.tenant, &connector, &material).await?;
        let account = definition
            .account(method, &values)
            .map(|account| Account { id: account.id, label: account.label });
        let granted = answer.scopes.clone().unwrap_or_else(|| {
            // RFC 6749, section 5.1: an answer without scopes means those that were asked for.
            let always = definition.token_request_of(method).map(|token| token.scopes.clone());
            let mut all = always.unwrap_or_default();
            all.extend(flow.scopes.iter().filter(|scope| !all.contains(scope)).cloned().collect::<Vec<_>>());
            all
        });
        let grant = Grant {
            accepted: Accepted {
                method,
                account,
                variables: definition.public_variables(method, &material.values()).into_iter().collect(),
                material,
                expires_in: answer.expires_in,
                refresh_expires_in: answer.refresh_expires_in,
                minted: true,
                sent_at,
                scopes: granted.clone(),
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
        self.end_attempt(&tx, &flow, &stored(waits), Some(id)).await?;
        tx.commit().await?;
        self.signal(visit.session.id);
        let answer = CallbackAnswer::Completed { credential: id, account };
        Ok(Returned::new(&flow, visit, connector.key.clone(), definition, answer, code))
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
        self.insert_audit(&tx, &[event]).await?;
        tx.commit().await?;
        let definition = self.definition_of(connector)?;
        Ok(Returned::new(&held, visit, connector.key.clone(), &definition, answer, None))
    }

    /// The user decides about another account. What is accepted too late, after the end of the subscription, is given
    /// back like what nobody decided about.
    ///
    /// # Errors
    /// [`Code::FlowRefused`], [`Code::SubscriptionRequired`].
    pub async fn decide_account(
        &self,
        flow: FlowId,
        cookie: &str,
        accept: bool,
        origin: Origin,
    ) -> Result<Returned, Error> {
        let (flow, visit) = self.held_flow(flow, cookie, "connect.account", origin).await?;
        if flow.binding.is_none() || flow.state_hash.is_some() {
            return Err(refused("There is nothing to decide here."));
        }
        if accept {
            self.gate(&visit.actor).await?;
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
            let (of, by) = (flow.clone(), visit.clone());
            return match self.settle_in(of, by, &connector, &definition, grant, Some(target)).await {
                Err(error) => self.fail_ours(&flow, visit, error).await,
                settled => settled,
            };
        }
        self.fail_flow(&flow, visit, Code::AccountChanged.as_str(), None).await
    }
}
