//! What came from the app, put where it belongs: a new credential, a new grant of one that is there, or a question to
//! the user whether another account may take its place.

use vouchsafe_entity::id::{CredentialId, FlowId};
use vouchsafe_entity::kind::Binding;
use vouchsafe_entity::millis::Millis;

use super::fail::Unkept;
use super::{CallbackAnswer, Returned, Taken, refused};
use crate::domain::actor::Origin;
use crate::domain::connector::Connector;
use crate::domain::credential::{Account, Credential};
use crate::domain::flow::{FLOW_SECONDS, Flow};
use crate::oauth::TokenAnswer;
use crate::provider::{Captured, Definition};
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::connect::Visit;
use crate::service::connect::attempts::stored;
use crate::service::connect::grant::{Destination, Grant};
use crate::service::credentials::{Accepted, Fresh, Source, capture};
use crate::service::material::Material;
use crate::service::throttle::Patience;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Tx};

impl Hub {
    /// Looks at what the tokens say, and finds a place for them. Those that find none are given back.
    pub(super) async fn accept_tokens(
        &self,
        taken: Taken,
        mut material: Material,
        answer: TokenAnswer,
        sent_at: Millis,
    ) -> Result<Returned, Error> {
        material.take(&answer);
        let granted = granted(&taken, &answer);
        let mut fresh = Fresh { answer, sent_at };
        let learned = self.learn(&taken, &granted, &mut fresh, &mut material).await;
        let (warnings, account) = match learned {
            Ok(learned) => learned,
            Err(error) => {
                // An answer may tell whose the tokens are although they are of no use.
                let account = self.account_of(&taken, &material).await.ok().flatten();
                let unkept = Unkept { method: taken.method, account: account.as_ref(), material: &material };
                return self.fail_unkept(&taken.flow, taken.visit, error, &unkept).await;
            }
        };
        let Taken { flow, visit, connector, definition, method } = taken;
        let Fresh { answer, sent_at } = fresh;
        let granted = answer.scopes.unwrap_or(granted);
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
        match self.settle(&flow, &visit, &connector, &definition, &grant).await {
            Err(error) => self.fail_unkept(&flow, visit, error, &Unkept::of(&grant)).await,
            settled => settled,
        }
    }

    /// Asks the app whether the tokens work, and whose they are; what is to be said to the user beside. Tokens that are
    /// refused give way to new ones.
    async fn learn(
        &self,
        taken: &Taken,
        granted: &[String],
        fresh: &mut Fresh,
        material: &mut Material,
    ) -> Result<(Vec<&'static str>, Option<Account>), Error> {
        let Taken { visit, connector, definition, method, .. } = taken;
        capture(definition, *method, Captured::Token(fresh.answer.raw.expose()), material)?;
        let source = Source { actor: &visit.actor, connector, definition, method: *method, scopes: granted };
        let warnings = self.check_fresh(source, material, Some(fresh), Patience::Spent).await?;
        Ok((warnings, self.account_of(taken, material).await?))
    }

    async fn account_of(&self, taken: &Taken, material: &Material) -> Result<Option<Account>, Error> {
        let (tenant, own) = (taken.visit.actor.tenant, material.values());
        let (values, _) = self.open_values(tenant, &taken.connector, &own).await?;
        let account = taken.definition.account(taken.method, &values);
        Ok(account.map(|account| Account { id: account.id, label: account.label }))
    }

    /// Puts a grant where it belongs, or asks who must be asked.
    async fn settle(
        &self,
        flow: &Flow,
        visit: &Visit,
        connector: &Connector,
        definition: &Definition,
        grant: &Grant,
    ) -> Result<Returned, Error> {
        let target = match self.destination(visit, connector, grant).await? {
            Destination::OtherAccount(target) => {
                return self.ask_about_account(flow, visit, (connector, definition), grant, *target).await;
            }
            Destination::New => None,
            Destination::InPlace(target) => Some(target.id),
        };
        let tx = self.store.begin().await?;
        let settled = self.settle_in(&tx, flow, visit, (connector, definition), grant, target).await?;
        if let Err(error) = tx.commit().await {
            // It may be stored all the same, and what may be in use is not given back.
            return self.fail_ours(flow, visit.clone(), error.into()).await;
        }
        Ok(self.settled(flow, visit, (connector, definition), grant, settled))
    }

    /// Stores a grant in `tx`; with a confirmation to come, a new credential is pending and one that is there keeps its
    /// old grant until then. The credential, and the code to confirm it with.
    async fn settle_in(
        &self,
        tx: &Tx,
        flow: &Flow,
        visit: &Visit,
        (connector, definition): (&Connector, &Definition),
        grant: &Grant,
        target: Option<CredentialId>,
    ) -> Result<(CredentialId, Option<PlainToken>), Error> {
        let binding = flow.binding.unwrap_or(Binding::Interstitial);
        let settings = &visit.environment.settings;
        let waits = Self::needs_code(&visit.session, settings, flow.hosted, Some(binding));
        let id = match target {
            None => self.store_grant(tx, visit, connector, definition, grant, waits).await?.id,
            Some(id) if waits => {
                let held = Flow {
                    sealed: self.hold(visit.actor.tenant, flow.id, grant, id)?,
                    state_hash: None,
                    credential: Some(id),
                    expires_at: self.now().plus_seconds(FLOW_SECONDS * 2),
                    ..flow.clone()
                };
                store::flow::insert(tx, &held).await?;
                id
            }
            Some(id) => self.regrant(tx, visit, id, grant).await?.id,
        };
        let code = self.finish_connector(tx, visit, &connector.key, id, waits.then_some(binding)).await?;
        self.end_attempt(tx, flow, &stored(waits), Some(id)).await?;
        Ok((id, code))
    }

    /// Says that a grant is stored, once that lasts.
    fn settled(
        &self,
        flow: &Flow,
        visit: &Visit,
        (connector, definition): (&Connector, &Definition),
        grant: &Grant,
        (credential, code): (CredentialId, Option<PlainToken>),
    ) -> Returned {
        self.signal(visit.session.id);
        let account = grant.accepted.account.as_ref().map(|account| account.label.clone());
        let answer = CallbackAnswer::Completed { credential, account };
        Returned::new(flow, visit.clone(), connector.key.clone(), definition, answer, code)
    }

    async fn ask_about_account(
        &self,
        flow: &Flow,
        visit: &Visit,
        (connector, definition): (&Connector, &Definition),
        grant: &Grant,
        target: Credential,
    ) -> Result<Returned, Error> {
        let label =
            |account: Option<&Account>| account.map_or_else(String::new, |account| account.label.clone());
        let answer = CallbackAnswer::OtherAccount {
            expected: label(target.account.as_ref()),
            found: label(grant.accepted.account.as_ref()),
        };
        let held = Flow {
            sealed: self.hold(visit.actor.tenant, flow.id, grant, target.id)?,
            state_hash: None,
            expires_at: self.now().plus_seconds(FLOW_SECONDS),
            ..flow.clone()
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
        Ok(Returned::new(&held, visit.clone(), connector.key.clone(), definition, answer, None))
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
        if !flow.holds_a_grant() {
            return Err(refused("There is nothing to decide here."));
        }
        if !accept {
            return self.fail_flow(&flow, visit, Code::AccountChanged.as_str(), None).await;
        }
        self.gate(&visit.actor).await?;
        let held = self.open_held(visit.actor.tenant, &flow)?;
        let target = held.target;
        match self.accept_account(&flow, &visit, &held.into_grant(), target).await {
            Err(error) => self.fail_ours(&flow, visit, error).await,
            accepted => accepted,
        }
    }

    /// The flow lets go of its grant in the transaction that stores it: until then it can be given back.
    async fn accept_account(
        &self,
        flow: &Flow,
        visit: &Visit,
        grant: &Grant,
        target: CredentialId,
    ) -> Result<Returned, Error> {
        let connector = self.connector_of_flow(flow, visit).await?;
        let definition = self.definition_of(&connector)?;
        let of = (&connector, &*definition);
        let tx = self.store.begin().await?;
        if !store::flow::delete(&tx, flow.id).await? {
            return Err(refused("This was decided already."));
        }
        let settled = self.settle_in(&tx, flow, visit, of, grant, Some(target)).await?;
        tx.commit().await?;
        Ok(self.settled(flow, visit, of, grant, settled))
    }
}

/// The scopes of an answer; one without means those that were asked for (RFC 6749, section 5.1).
fn granted(taken: &Taken, answer: &TokenAnswer) -> Vec<String> {
    let Taken { flow, definition, method, .. } = taken;
    if let Some(scopes) = &answer.scopes {
        return scopes.clone();
    }
    let always = definition.token_request_of(*method).map(|token| token.scopes.clone());
    let mut all = always.unwrap_or_default();
    all.extend(flow.scopes.iter().filter(|scope| !all.contains(scope)).cloned().collect::<Vec<_>>());
    all
}
