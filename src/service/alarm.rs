//! What the owners of a workspace are told at once, by mail, where the operator names a mail server. It stands in the
//! audit log and on their overview too, so a mail that is lost is no loss.

use std::sync::Arc;

use super::{Error, Hub};
use crate::domain::mail::{Alarm, AlarmLetter};
use crate::domain::member::Member;
use crate::domain::workspace::Tenant;
use crate::store;

/// So many owners are told.
const MOST_OWNERS: u64 = 20;

impl Hub {
    /// Tells the owners of the workspace of `tenant`. To be called once what it tells of lasts.
    pub(super) async fn tell_owners(self: &Arc<Self>, tenant: Tenant, alarm: Alarm) -> Result<(), Error> {
        if !self.mails() {
            return Ok(());
        }
        let Some(workspace) = store::workspace::find(&self.store, tenant.workspace).await? else {
            return Ok(());
        };
        let (environment, _) = &*self.environment_of(tenant.environment).await?;
        let link = self
            .public_url()
            .join(&format!("dashboard/{}/overview", environment.name))
            .map_err(|_| Error::internal("the public URL takes no path"))?;
        let letter = |owner: Member| AlarmLetter {
            to: owner.email,
            workspace: workspace.name.clone(),
            environment: environment.name.clone(),
            alarm: alarm.clone(),
            link: link.to_string(),
        };
        let owners = store::member::owners(&self.store, tenant.workspace, MOST_OWNERS).await?;
        self.mail_alarm(owners.into_iter().map(letter).collect());
        Ok(())
    }
}
