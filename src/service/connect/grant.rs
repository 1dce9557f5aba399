//! What a flow or a form brought, and how it becomes a credential: a new one, or a new grant of one that is there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Map;
use vouchsafe_entity::id::{CredentialId, FlowId, SessionId};
use vouchsafe_entity::kind::{Binding, Method, Status};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::Visit;
use super::flows::FLOW;
use crate::domain::connector::Connector;
use crate::domain::credential::{Account, Credential, Machine};
use crate::domain::event::EventType;
use crate::domain::flow::{CONFIRMATION_SECONDS, Flow};
use crate::domain::revocation::Remains;
use crate::domain::session::{Confirmation, ConnectResult, Progress};
use crate::domain::workspace::Tenant;
use crate::provider::Definition;
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::credentials::Accepted;
use crate::service::integrations::missing_scopes;
use crate::service::material::{Material, MaterialParts, place};
use crate::service::{Error, Hub};
use crate::store::{self, Tx, credential::Guard};
use vouchsafe_entity::kind::SessionStatus;

/// What the app gave, with the scopes that go with it.
pub(super) struct Grant {
    pub(super) accepted: Accepted,
    pub(super) scopes: Vec<String>,
}

/// Where a grant goes.
pub(super) enum Destination {
    /// A credential of its own.
    New,
    /// A new grant of this one.
    InPlace(Box<Credential>),
    /// Another account than the one to reconnect: only if the user says so.
    OtherAccount(Box<Credential>),
}

/// A grant kept sealed until somebody decides: the user (another account) or the back end (confirmation).
#[derive(Serialize)]
struct WrittenHeld<'a> {
    material: MaterialParts<'a>,
    account: Option<(&'a str, &'a str)>,
    variables: &'a BTreeMap<String, String>,
    scopes: &'a [String],
    method: Method,
    expires_in: Option<u64>,
    refresh_expires_in: Option<u64>,
    sent_at: i64,
    target: CredentialId,
}

#[derive(Deserialize)]
pub(super) struct Held {
    material: Material,
    account: Option<(String, String)>,
    variables: BTreeMap<String, String>,
    scopes: Vec<String>,
    method: Method,
    expires_in: Option<u64>,
    #[serde(default)]
    refresh_expires_in: Option<u64>,
    sent_at: i64,
    pub(super) target: CredentialId,
}

impl Held {
    pub(super) fn into_grant(self) -> Grant {
        Grant {
            accepted: Accepted {
                method: self.method,
                material: self.material,
                expires_in: self.expires_in,
                refresh_expires_in: self.refresh_expires_in,
                minted: true,
                sent_at: Millis(self.sent_at),
                account: self.account.map(|(id, label)| Account { id, label }),
                variables: self.variables,
                scopes: self.scopes.clone(),
                warnings: Vec::new(),
            },
            scopes: self.scopes,
        }
    }
}

impl Hub {
    /// Where a grant goes: the credential that the session reconnects; else one of the same account; else, for an
    /// app that names no account, one that needs mending; else a credential of its own.
    pub(super) async fn destination(
        &self,
        visit: &Visit,
        connector: &Connector,
        grant: &Grant,
    ) -> Result<Destination, Error> {
        let environment = visit.actor.environment();
        let there = self.credentials_of(environment, visit.user.id, Some(connector.id)).await?;
        let account = grant.accepted.account.as_ref();
        if let Some(id) = visit.session.credential {
            let target = there.into_iter().find(|credential| credential.id == id).ok_or(Error::NotFound)?;
            let same = match (&target.account, account) {
                (Some(before), Some(now)) => before.id == now.id,
                _ => true,
            };
            let target = Box::new(target);
            return Ok(if same { Destination::InPlace(target) } else { Destination::OtherAccount(target) });
        }
        let now = self.now();
        let need = visit.session.need(&connector.key);
        let mendable = |credential: &Credential| {
            let lacks = need.is_some_and(|need| !missing_scopes(need, credential).is_empty());
            credential.method == grant.accepted.method
                && (lacks || credential.health(now).status != Status::Active)
        };
        let fits = |credential: &Credential| match (&credential.account, account) {
            (Some(before), Some(now)) => before.id == now.id && credential.method == grant.accepted.method,
            (None, None) => mendable(credential),
            _ => false,
        };
        Ok(there
            .into_iter()
            .find(fits)
            .map_or(Destination::New, |found| Destination::InPlace(Box::new(found))))
    }

    /// Stores a grant as a new credential, waiting for confirmation where that is needed.
    pub(super) async fn store_grant(
        &self,
        tx: &Tx,
        visit: &Visit,
        connector: &Connector,
        definition: &Definition,
        grant: &Grant,
        pending: bool,
    ) -> Result<Credential, Error> {
        let environment = visit.actor.environment();
        let mut credential = self.new_credential(&visit.user, connector, definition, &grant.accepted);
        credential.scopes.clone_from(&grant.scopes);
        credential.metadata = Map::new();
        if pending {
            credential.token.machine = Machine::Pending;
        }
        self.set_value(&visit.actor, &mut credential, &grant.accepted)?;
        if pending {
            // Given back at this time, unless the back end confirms.
            credential.token.due_at = Some(self.now().plus_seconds(CONFIRMATION_SECONDS));
        }
        store::connector::ensure(tx, environment, connector, self.now()).await?;
        self.announce(tx, visit.actor.tenant, &mut credential).await?;
        store::credential::insert(tx, environment, &credential).await?;
        let what = Some(Self::describe(&credential));
        let target = Target::new("credential", credential.id);
        self.record(tx, &visit.actor, "credential.connect", target, what).await?;
        Ok(credential)
    }

    /// Gives a credential that is there a new grant; its id stays.
    pub(super) async fn regrant(
        &self,
        tx: &Tx,
        visit: &Visit,
        id: CredentialId,
        grant: &Grant,
    ) -> Result<Credential, Error> {
        let environment = visit.actor.environment();
        let mut credential = store::credential::lock(tx, environment, id).await?.ok_or(Error::NotFound)?;
        let before = credential.clone();
        let guard = Guard { epoch: before.token.epoch, version: before.token.version };
        let never_active = credential.token.announced.is_none();
        self.renew_grant(&mut credential);
        credential.issued_at = self.now();
        credential.method = grant.accepted.method;
        credential.deactivated_at = None;
        credential.scopes.clone_from(&grant.scopes);
        if grant.accepted.account.is_some() {
            credential.account.clone_from(&grant.accepted.account);
        }
        credential.variables.clone_from(&grant.accepted.variables);
        credential.expires_at = None;
        self.set_value(&visit.actor, &mut credential, &grant.accepted)?;
        if never_active {
            self.announce(tx, visit.actor.tenant, &mut credential).await?;
        } else {
            credential.token.announced = Some(credential.health(self.now()).status);
            self.tell(tx, visit.actor.tenant, &mut credential, EventType::CredentialReconnected, None)
                .await?;
        }
        self.write(tx, environment, &credential, guard).await?;
        let what = Some(Self::describe(&credential));
        let target = Target::new("credential", credential.id);
        self.record(tx, &visit.actor, "credential.reconnect", target, what).await?;
        self.part_from_replaced(tx, &visit.actor, &before).await?;
        Ok(credential)
    }

    /// The upstream account is part of the audit row, so that a swap is visible.
    fn describe(credential: &Credential) -> String {
        let account =
            credential.account.as_ref().map_or("an account without a name", |account| &account.label);
        format!("{} as {account}", credential.provider)
    }

    /// Keeps a grant in its flow until somebody decides.
    pub(super) fn hold(
        &self,
        tenant: Tenant,
        flow: FlowId,
        grant: &Grant,
        target: CredentialId,
    ) -> Result<Sealed, Error> {
        let accepted = &grant.accepted;
        let written = WrittenHeld {
            material: accepted.material.parts(),
            account: accepted.account.as_ref().map(|account| (account.id.as_str(), account.label.as_str())),
            variables: &accepted.variables,
            scopes: &grant.scopes,
            method: accepted.method,
            expires_in: accepted.expires_in,
            refresh_expires_in: accepted.refresh_expires_in,
            sent_at: accepted.sent_at.0,
            target,
        };
        // The version tells it from what a flow keeps before it comes back.
        Ok(self.vault.seal(&place(tenant, FLOW, &flow.to_string(), (0, 1)), &written)?)
    }

    pub(super) fn open_held(&self, tenant: Tenant, flow: &Flow) -> Result<Held, Error> {
        Ok(self.vault.open(&place(tenant, FLOW, &flow.id.to_string(), (0, 1)), &flow.sealed)?)
    }

    /// Writes in `tx` that the app is to be told of a grant that nobody wants.
    pub(super) async fn discard(
        &self,
        tx: &Tx,
        tenant: Tenant,
        flow: &Flow,
        grant: &Grant,
    ) -> Result<(), Error> {
        let target = flow.credential.ok_or(Error::internal("a held grant without a credential"))?;
        let remains = Remains {
            credential: target,
            connector: flow.connector,
            method: grant.accepted.method,
            account: grant.accepted.account.as_ref().map(|account| account.id.clone()),
            epoch: 0,
        };
        self.give_back(tx, tenant, remains, &grant.accepted.material).await
    }

    /// Writes that a connector is connected, with a code to show where the back end must confirm, and completes the
    /// session where that was the last. The code is given to whoever finished.
    pub(super) async fn finish_connector(
        &self,
        tx: &Tx,
        visit: &Visit,
        connector: &str,
        credential: CredentialId,
        confirmation: Option<Binding>,
    ) -> Result<Option<PlainToken>, Error> {
        let mut result = self.result(connector, Progress::Completed);
        result.credential = Some(credential);
        let code = match confirmation {
            None => None,
            Some(binding) => {
                let code = PlainToken::random(self.random.as_ref());
                let tenant = visit.actor.tenant;
                // The session's own channel may carry the code only where its opener was proven: an attacker who
                // made somebody follow a link holds that channel.
                let sealed_code = (binding == Binding::Opener)
                    .then(|| self.seal_code(tenant, visit.session.id, connector, code.expose()))
                    .transpose()?;
                result.progress = Progress::Waiting;
                result.confirmation = Some(Confirmation {
                    hash: code.hash().into_string(),
                    until: self.now().plus_seconds(CONFIRMATION_SECONDS),
                    sealed_code,
                });
                Some(code)
            }
        };
        self.save_result(tx, visit, &result).await?;
        self.complete_if_satisfied(tx, visit, result).await?;
        Ok(code)
    }

    /// Completes the session where everything that it must have is connected.
    pub(super) async fn complete_if_satisfied(
        &self,
        tx: &Tx,
        visit: &Visit,
        latest: ConnectResult,
    ) -> Result<(), Error> {
        let environment = visit.actor.environment();
        let id: SessionId = visit.session.id;
        let mut results = store::session::results(tx, environment, id).await?;
        results.retain(|result| result.connector != latest.connector);
        results.push(latest);
        if Self::is_satisfied(&visit.session, &results) {
            store::session::set_status(tx, environment, id, SessionStatus::Completed).await?;
        }
        Ok(())
    }
}
