//! Taking the audit log along: an export is itself written down, and reads page by page.

use std::collections::HashMap;

use vouchsafe_entity::id::{ApiKeyId, MemberId};

use super::{AuditFilter, Target};
use crate::domain::actor::{Actor, Author};
use crate::domain::audit::AuditEvent;
use crate::domain::role::Action;
use crate::service::{Error, Hub};
use crate::store;

impl Hub {
    /// Whether somebody may export the audit log, for a page that offers it.
    ///
    /// # Errors
    /// [`crate::service::Code::StepUpRequired`] and those of [`Hub::list_audit_events`].
    pub async fn may_export_audit(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::ReadAudit).await?;
        self.proven(actor)
    }

    /// How many events an export of `filter` has at this moment; counting stops soon behind `most`.
    ///
    /// # Errors
    /// Those of [`Hub::list_audit_events`].
    pub async fn count_audit_events(
        &self,
        actor: &Actor,
        filter: &AuditFilter,
        most: u64,
    ) -> Result<u64, Error> {
        self.permit(actor, Action::ReadAudit).await?;
        let workspace = matches!(actor.author, Author::Member(_)).then(|| actor.workspace());
        Ok(store::audit::count(&self.store, actor.environment(), workspace, filter, most).await?)
    }

    /// Begins an export: writes it down first. The filter that is given back ends at this moment, so that the export
    /// has an end; its pages are those of [`Hub::list_audit_events`].
    ///
    /// # Errors
    /// Those of [`Hub::may_export_audit`].
    pub async fn begin_audit_export(&self, actor: &Actor, filter: AuditFilter) -> Result<AuditFilter, Error> {
        self.may_export_audit(actor).await?;
        let now = self.now();
        let until = Some(filter.until.map_or(now, |until| until.min(now)));
        let filter = AuditFilter { until, ..filter };
        let tx = self.store.begin().await?;
        let target = Target::new("environment", actor.environment());
        self.record(&tx, actor, "audit.export", target, Some(described(&filter))).await?;
        tx.commit().await?;
        Ok(filter)
    }

    /// The names of those who did what is in `events`, by their ids: members and API keys that are still there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn authors_of(
        &self,
        actor: &Actor,
        events: &[AuditEvent],
    ) -> Result<HashMap<String, String>, Error> {
        self.permit(actor, Action::ReadAudit).await?;
        let ids = events.iter().filter_map(|event| event.actor_id.as_deref());
        let mut ids: Vec<&str> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        let members: Vec<MemberId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let keys: Vec<ApiKeyId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut names = HashMap::new();
        if !members.is_empty() {
            let found = store::member::names(&self.store, actor.workspace(), &members).await?;
            names.extend(found.into_iter().map(|(id, name)| (id.to_string(), name)));
        }
        if !keys.is_empty() {
            let found = store::api_key::names(&self.store, actor.environment(), &keys).await?;
            names.extend(found.into_iter().map(|(id, name)| (id.to_string(), name)));
        }
        Ok(names)
    }
}

/// The filter in words, for the log.
fn described(filter: &AuditFilter) -> String {
    let parts = [
        filter.action.as_ref().map(|action| format!("action {action}")),
        filter.target.as_ref().map(|target| format!("target {target}")),
        filter.member.map(|member| format!("by {member}")),
        filter.since.map(|since| format!("since {since}")),
        filter.until.map(|until| format!("until {until}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
