//! Asking an app whether a credential still works.

use crate::domain::actor::Actor;
use crate::domain::role::Action;
use crate::provider::CheckOutcome;
use crate::service::audit::Target;
use crate::service::check::outcome_word;
use crate::service::throttle::Patience;
use crate::service::{Code, Error, Hub};
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

/// What `verify` found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Whether the credential works.
    pub ok: bool,
    /// The outcome, as a word.
    pub outcome: &'static str,
    /// The credential's status.
    pub status: Status,
    /// When.
    pub checked_at: Millis,
}

impl Hub {
    /// Asks the app whether a credential works. One refusal does not end a key, since the app may be wrong for a moment;
    /// a second one a minute later does.
    ///
    /// # Errors
    /// [`Code::NoCheck`], [`Code::ProviderBusy`], and those of a token read.
    pub async fn verify_credential(&self, actor: &Actor, id: CredentialId) -> Result<Verification, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        let credential = self.get_credential(actor, id).await?;
        let connector = self.connector_of(actor.environment(), &credential).await?;
        let definition = self.definition_of(&connector)?;
        if definition.check(credential.method).is_none() {
            let detail =
                format!("{} has no request that shows whether a credential works.", definition.name());
            return Err(Error::refused(Code::NoCheck, detail));
        }
        let (mut credential, material) = self.usable_material(actor, credential).await?;
        let values = self.all_values(actor.tenant, &connector, &material).await?;
        let workspace = actor.workspace();
        let mut checked =
            self.run_check(workspace, &definition, credential.method, &values, Patience::Refusable).await?;
        let refused = checked.as_ref().is_some_and(|checked| checked.outcome == CheckOutcome::WrongKey);
        if refused && credential.is_renewable() {
            // The app may have ended the access token early: one refresh, one repeat.
            let version = credential.token.version;
            if let Some((renewed, material)) = self.after_unauthorized(actor.tenant, id, version).await? {
                let values = self.all_values(actor.tenant, &connector, &material).await?;
                let patience = Patience::Spent;
                checked = self.run_check(workspace, &definition, renewed.method, &values, patience).await?;
                credential = renewed;
            }
        }
        let outcome = checked.map_or(CheckOutcome::Unexpected, |checked| checked.outcome);
        let credential = self.note_check(actor.tenant, &credential, outcome).await?;
        self.record_read(actor, "credential.verify", Target::new("credential", id)).await?;
        Ok(Verification {
            ok: matches!(outcome, CheckOutcome::Ok | CheckOutcome::MissingPermission),
            outcome: outcome_word(outcome),
            status: credential.health(self.now()).status,
            checked_at: self.now(),
        })
    }
}
