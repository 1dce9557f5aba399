//! What the overview of an environment shows: what needs attention first, then what happened day by day.

use vouchsafe_entity::id::{AuditEventId, MemberId};
use vouchsafe_entity::kind::{ActivityKind, Status};
use vouchsafe_entity::millis::Millis;

use super::connectors::Lack;
use super::permit::is_let;
use super::secrets::ALARM;
use super::{Error, Hub};
use crate::domain::activity::{Activity, day_of, days_after};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::credential::Credential;
use crate::domain::data_key::{KeyOwner, Resealing};
use crate::domain::page::PageRequest;
use crate::domain::role::Action;
use crate::domain::secret::Secret;
use crate::domain::webhook::WebhookEndpoint;
use crate::ids::Ids;
use crate::store;
use crate::store::credential::CredentialFilter;

/// Days shown.
pub const DAYS: i64 = 30;
/// So many of each kind that needs attention are named.
const NAMED: usize = 5;
/// So many are asked for, to know whether there are more.
const ASKED: u64 = NAMED as u64 + 1;
/// So many connectors are looked at.
const LOOKED_AT: u64 = 200;
/// What ends within so many seconds needs attention.
const SOON_SECONDS: i64 = 7 * 86_400;
/// An alarm is shown for so many milliseconds.
const ALARM_MILLIS: i64 = 86_400_000;

/// The first few of a kind.
#[derive(Debug)]
pub struct Few<T> {
    /// Those that are named.
    pub named: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

impl<T> Few<T> {
    /// The first of what was found.
    fn of(mut found: Vec<T>) -> Self {
        let more = found.len() > NAMED;
        found.truncate(NAMED);
        Self { named: found, more }
    }

    const fn none() -> Self {
        Self { named: Vec::new(), more: false }
    }
}

/// What needs attention, the first few of each kind. Kinds that the actor does not see are empty.
#[derive(Debug)]
pub struct Attention {
    /// Credentials that must be connected again.
    pub expired: Few<Credential>,
    /// Credentials that were revoked at the app.
    pub revoked: Few<Credential>,
    /// Credentials that can't be used just now.
    pub failing: Few<Credential>,
    /// Credentials whose end comes near.
    pub expiring: Few<Credential>,
    /// Secrets that have ended, the last first.
    pub ended_secrets: Few<Secret>,
    /// Secrets that end soon, the soonest first.
    pub ending_secrets: Few<Secret>,
    /// Connectors that lack something that users need to connect.
    pub connectors: Few<(Connector, Vec<Lack>)>,
    /// Connectors whose client the app refuses.
    pub refused: Few<Connector>,
    /// Webhook endpoints that the hub switched off.
    pub endpoints: Few<WebhookEndpoint>,
    /// Webhook endpoints that are switched on and have taken nothing of late.
    pub failing_endpoints: Few<WebhookEndpoint>,
    /// Members who were shown unusually many secrets within a day, for those who read the audit log.
    pub alarms: Few<Alarm>,
    /// How far sealing the values of the environment and the workspace under a new data key is, for those who read the
    /// audit log; none where none is left.
    pub resealing: Option<Resealing>,
    /// Whether another deployment has the right to refresh what is here.
    pub not_adopted: bool,
    /// Whether the workspace's subscription has ended.
    pub suspended: bool,
}

/// A member who was shown more secrets in a short time than is usual.
#[derive(Debug)]
pub struct Alarm {
    /// Their name.
    pub who: String,
    /// When.
    pub at: Millis,
}

/// How many times something happened on each of the last [`DAYS`] days, the oldest first.
#[derive(Debug)]
pub struct Series {
    /// What.
    pub kind: ActivityKind,
    /// How often, a day each.
    pub counts: Vec<i64>,
}

/// The overview of an environment.
#[derive(Debug)]
pub struct Overview {
    /// What needs attention.
    pub attention: Attention,
    /// What happened.
    pub series: Vec<Series>,
    /// The first day of the series.
    pub from: Millis,
    /// Whether nobody has connected anything yet.
    pub is_new: bool,
    /// Where somebody has, in the same workspace, if this one is new.
    pub elsewhere: Option<String>,
}

impl Hub {
    /// The overview of the actor's environment.
    ///
    /// # Errors
    /// [`super::Code::Forbidden`], [`Error::NotFound`].
    pub async fn overview(&self, actor: &Actor) -> Result<Overview, Error> {
        self.permit(actor, Action::ListCredentials).await?;
        let from = days_after(day_of(self.now()), 1 - DAYS);
        let found = store::activity::since(&self.store, actor.environment(), from).await?;
        let series = ActivityKind::ALL.iter().map(|kind| series(&found, *kind, from)).collect();
        let is_new = self.first_credentials(actor, &CredentialFilter::default()).await?.named.is_empty();
        let elsewhere = if is_new {
            store::environment::in_use_beside(&self.store, actor.workspace(), actor.environment()).await?
        } else {
            None
        };
        Ok(Overview { attention: self.attention(actor).await?, series, from, is_new, elsewhere })
    }

    async fn attention(&self, actor: &Actor) -> Result<Attention, Error> {
        let week = (self.now(), self.now().plus_seconds(SOON_SECONDS));
        let with = |status| CredentialFilter { status: Some(status), ..CredentialFilter::default() };
        let ending = store::credential::ending_soon(&self.store, actor.environment(), week, ASKED).await?;
        let (ended_secrets, ending_secrets) = self.ending_secrets(actor, week).await?;
        let revoked = store::credential::revoked_at_app(&self.store, actor.environment(), ASKED).await?;
        let endpoints = store::webhook::switched_off(&self.store, actor.environment(), ASKED).await?;
        let failing_endpoints = store::webhook::failing(&self.store, actor.environment(), ASKED).await?;
        Ok(Attention {
            expired: self.first_credentials(actor, &with(Status::Expired)).await?,
            revoked: Few::of(revoked.into_iter().map(|credential| self.seen(credential)).collect()),
            failing: self.first_credentials(actor, &with(Status::Error)).await?,
            expiring: Few::of(ending.into_iter().map(|credential| self.seen(credential)).collect()),
            ended_secrets,
            ending_secrets,
            connectors: self.lacking(actor).await?,
            refused: self.refused(actor).await?,
            endpoints: Few::of(endpoints),
            failing_endpoints: Few::of(failing_endpoints),
            alarms: self.alarms(actor).await?,
            resealing: self.resealing(actor).await?,
            not_adopted: !self.may_refresh(),
            suspended: !actor.tenant.may_write(),
        })
    }

    async fn first_credentials(
        &self,
        actor: &Actor,
        filter: &CredentialFilter,
    ) -> Result<Few<Credential>, Error> {
        let page = PageRequest { limit: ASKED, after: None };
        let found =
            store::credential::list(&self.store, actor.environment(), filter, self.now(), &page).await?;
        Ok(Few::of(found.items.into_iter().map(|credential| self.seen(credential)).collect()))
    }

    /// Those that have ended, and those that will soon.
    async fn ending_secrets(
        &self,
        actor: &Actor,
        week: (Millis, Millis),
    ) -> Result<(Few<Secret>, Few<Secret>), Error> {
        if !is_let(actor, Action::ViewSecrets) {
            return Ok((Few::none(), Few::none()));
        }
        let found = store::secret::ending(&self.store, actor.environment(), week, ASKED).await?;
        let has_ended = |secret: &Secret| secret.expires_at.is_some_and(|at| at <= week.0);
        let (mut ended, ending): (Vec<_>, Vec<_>) = found.into_iter().partition(has_ended);
        ended.reverse();
        Ok((Few::of(ended), Few::of(ending)))
    }

    async fn refused(&self, actor: &Actor) -> Result<Few<Connector>, Error> {
        if !is_let(actor, Action::ViewConnectors) {
            return Ok(Few::none());
        }
        Ok(Few::of(store::connector::refused(&self.store, actor.environment(), ASKED).await?))
    }

    async fn lacking(&self, actor: &Actor) -> Result<Few<(Connector, Vec<Lack>)>, Error> {
        if !is_let(actor, Action::ViewConnectors) {
            return Ok(Few::none());
        }
        let mut all = store::connector::all(&self.store, actor.environment(), LOOKED_AT).await?;
        all.retain(|connector| connector.enabled && connector.explicit);
        let mut lacks = self.lacks_of(actor, &all.iter().collect::<Vec<_>>()).await?;
        let lacking = |connector: Connector| lacks.remove(&connector.id).map(|lacks| (connector, lacks));
        Ok(Few::of(all.into_iter().filter_map(lacking).collect()))
    }

    /// How far sealing anew is, after a data key of the environment or its workspace was replaced; none to those who may
    /// not know.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn resealing(&self, actor: &Actor) -> Result<Option<Resealing>, Error> {
        if !is_let(actor, Action::ReadAudit) {
            return Ok(None);
        }
        let owners = [KeyOwner::Environment(actor.environment()), KeyOwner::Workspace(actor.workspace())];
        Ok(store::data_key::resealing(&self.store, owners).await?)
    }

    async fn alarms(&self, actor: &Actor) -> Result<Few<Alarm>, Error> {
        if !is_let(actor, Action::ReadAudit) {
            return Ok(Few::none());
        }
        let from = AuditEventId::new(Ids::earliest(self.now().0 - ALARM_MILLIS));
        let here = [actor.environment()];
        let found = Few::of(store::audit::latest(&self.store, &here, ALARM, None, from, ASKED).await?);
        let ids: Vec<MemberId> =
            found.named.iter().filter_map(|event| event.actor_id.as_ref()?.parse().ok()).collect();
        if ids.is_empty() {
            return Ok(Few::none());
        }
        let members = store::member::of_ids(&self.store, actor.workspace(), &ids).await?;
        let mut alarms: Vec<Alarm> = Vec::new();
        for event in found.named {
            let who = members.iter().find(|member| event.actor_id.as_ref() == Some(&member.id.to_string()));
            let who = who.map_or_else(|| "Somebody who has left".to_owned(), |member| member.name.clone());
            if alarms.iter().all(|alarm| alarm.who != who) {
                alarms.push(Alarm { who, at: event.at });
            }
        }
        Ok(Few { named: alarms, more: found.more })
    }
}

fn series(found: &[Activity], kind: ActivityKind, from: Millis) -> Series {
    let on =
        |day: Millis| found.iter().find(|one| one.kind == kind && one.day == day).map_or(0, |one| one.count);
    Series { kind, counts: (0..DAYS).map(|day| on(days_after(from, day))).collect() }
}
