//! The authenticator of a member: a seed sealed under the workspace's key, set up by a first code, asked for at sign-in.
//! A code works once. Whoever sets one up has just proven who they are: else a session that was taken over would give
//! itself the proof that it lacks.

use secrecy::{ExposeSecret, SecretString};
use vouchsafe_entity::sealed::Sealed;

use super::session::SignedIn;
use crate::domain::member::Member;
use crate::secret::Seed;
use crate::service::audit::Target;
use crate::service::permit::enrol_first;
use crate::service::{Error, Hub};
use crate::store;
use crate::vault::Place;

/// A new authenticator, to be scanned or typed into an app.
#[derive(Debug)]
pub struct Offer {
    /// The address that a picture holds.
    pub uri: SecretString,
    /// The seed, to be typed.
    pub seed: Seed,
}

fn place<'a>(member: &Member, row: &'a str) -> Place<'a> {
    Place {
        workspace: member.workspace,
        environment: None,
        table: "member",
        column: "totp",
        row,
        epoch: 0,
        version: 0,
    }
}

impl Hub {
    fn open_seed(&self, member: &Member, sealed: &Sealed) -> Result<Seed, Error> {
        let row = member.id.to_string();
        Ok(Seed::sealed(self.vault.open::<SecretString>(&place(member, &row), sealed)?))
    }

    /// A seed for a member who is to set up an authenticator.
    pub(super) fn new_seed(&self, member: &Member) -> Result<Sealed, Error> {
        let seed = Seed::random(self.random.as_ref());
        let row = member.id.to_string();
        Ok(self.vault.seal(&place(member, &row), &seed.expose())?)
    }

    /// Whether `code` is one of the member's authenticator that was not used before; used up with the answer.
    pub(super) async fn spend_code(&self, member: &Member, code: &str) -> Result<bool, Error> {
        let Some(sealed) = &member.totp else {
            return Ok(false);
        };
        let Some(step) = self.open_seed(member, sealed)?.check(code, self.seconds()) else {
            return Ok(false);
        };
        let tx = self.store.begin().await?;
        let unused = store::member::spend_step(&tx, member.workspace, member.id, step).await?;
        tx.commit().await?;
        Ok(unused)
    }

    fn seconds(&self) -> i64 {
        self.now().0.div_euclid(1_000)
    }

    /// Makes a new authenticator to set up. One that works goes on working until the new one has given a code.
    ///
    /// # Errors
    /// [`super::super::Code::StepUpRequired`].
    pub async fn begin_authenticator(&self, who: &SignedIn) -> Result<(), Error> {
        self.just_proven(&who.seat())?;
        let tx = self.store.begin().await?;
        let mut member = self.held(&tx, who).await?;
        member.totp_next = Some(self.new_seed(&member)?);
        member.updated_at = self.now();
        store::member::update(&tx, &member).await?;
        Ok(tx.commit().await?)
    }

    /// The authenticator that is being set up, where there is one.
    ///
    /// # Errors
    /// [`super::super::Code::StepUpRequired`], [`super::super::Code::KeyUnavailable`].
    pub fn authenticator_offer(&self, who: &SignedIn) -> Result<Option<Offer>, Error> {
        self.just_proven(&who.seat())?;
        let Some(sealed) = &who.member.totp_next else {
            return Ok(None);
        };
        let seed = self.open_seed(&who.member, sealed)?;
        let uri = seed.uri(&who.member.email).ok_or(Error::internal("a seed makes no address"))?;
        Ok(Some(Offer { uri, seed }))
    }

    /// Takes the first code of the authenticator that is being set up; from now on it is asked for. That code proves
    /// nothing: whoever sees the offer has it.
    ///
    /// # Errors
    /// [`super::super::Code::StepUpRequired`], [`Error::Invalid`] at `/code`.
    pub async fn confirm_authenticator(&self, who: &SignedIn, code: &str) -> Result<(), Error> {
        self.just_proven(&who.seat())?;
        let wrong = || {
            Error::invalid("/code", "wrong", "That code isn't right. Type the one that the app shows now.")
        };
        let tx = self.store.begin().await?;
        let mut member = self.held(&tx, who).await?;
        let next = member.totp_next.take().ok_or_else(wrong)?;
        let seed = self.open_seed(&member, &next)?;
        let step = seed.check(code, self.seconds()).ok_or_else(wrong)?;
        member.totp = Some(next);
        member.totp_step = Some(step);
        member.updated_at = self.now();
        store::member::update(&tx, &member).await?;
        let (workspace, id) = (member.workspace, member.id);
        // Sessions begun without it end.
        store::member_session::end_all(&tx, workspace, id, Some(who.session.id)).await?;
        let target = Target::new("member", id);
        self.record_member(&tx, who, "member.set_authenticator", target, None).await?;
        Ok(tx.commit().await?)
    }

    /// Takes the authenticator away from the member's account.
    ///
    /// # Errors
    /// [`super::super::Code::StepUpRequired`], [`super::super::Code::AuthenticatorRequired`] where the workspace wants one.
    pub async fn remove_authenticator(&self, who: &SignedIn) -> Result<(), Error> {
        self.seat_proven(&who.seat())?;
        let tx = self.store.begin().await?;
        let mut member = self.held(&tx, who).await?;
        member.totp = None;
        member.totp_next = None;
        let without = SignedIn { member: member.clone(), ..who.clone() };
        if without.must_enrol() {
            return Err(enrol_first());
        }
        member.updated_at = self.now();
        store::member::update(&tx, &member).await?;
        let target = Target::new("member", member.id);
        self.record_member(&tx, who, "member.remove_authenticator", target, None).await?;
        self.note_wiped();
        Ok(tx.commit().await?)
    }

    /// The member's own row, held until the transaction ends.
    pub(super) async fn held(&self, tx: &store::Tx, who: &SignedIn) -> Result<Member, Error> {
        let found = store::member::lock(tx, who.workspace.id, who.member.id).await?;
        found.ok_or_else(super::session::expired)
    }
}

impl Offer {
    /// The seed in groups of four, as people type it.
    pub fn typed(&self) -> SecretString {
        let seed: SecretString = self.seed.expose().into();
        let groups: Vec<&str> = (0..seed.expose_secret().len())
            .step_by(4)
            .filter_map(|at| seed.expose_secret().get(at..(at + 4).min(seed.expose_secret().len())))
            .collect();
        groups.join(" ").into()
    }
}
