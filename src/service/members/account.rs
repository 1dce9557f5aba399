//! What belongs to a member alone: their name and password.

use super::passwords::check_password;
use super::session::{Browser, SignedIn};
use super::sign_in::Entry;
use crate::secret::PlainPassword;
use crate::service::audit::Target;
use crate::service::validate::Checker;
use crate::service::{Error, Hub};
use crate::store;

impl Hub {
    /// Changes what others call a member.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn rename_member(&self, who: &SignedIn, name: &str) -> Result<(), Error> {
        let mut checker = Checker::default();
        checker.text("/name", name, 100);
        checker.finish()?;
        let tx = self.store.begin().await?;
        let mut member = self.held(&tx, who).await?;
        name.trim().clone_into(&mut member.name);
        member.updated_at = self.now();
        store::member::update(&tx, &member).await?;
        let target = Target::new("member", member.id);
        self.record_member(&tx, who, "member.update", target, Some("name".to_owned())).await?;
        Ok(tx.commit().await?)
    }

    /// Changes the password; all sessions end, and the present browser gets a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`super::super::Code::SignInRefused`], [`super::super::Code::RateLimited`].
    pub async fn change_password(
        &self,
        who: &SignedIn,
        present: PlainPassword,
        code: &str,
        new: PlainPassword,
        browser: &Browser,
    ) -> Result<Entry, Error> {
        let mut checker = Checker::default();
        check_password(&mut checker, "/newPassword", &new, &[&who.member.email, &who.member.name]);
        checker.finish()?;
        let counting = self.prove(who, present, code, browser).await?;
        let hash = self.hash_password(new).await?;
        let tx = self.store.begin().await?;
        let mut member = self.held(&tx, who).await?;
        member.password = Some(hash);
        member.updated_at = self.now();
        store::member::update(&tx, &member).await?;
        store::member_session::end_all(&tx, member.workspace, member.id, None).await?;
        let target = Target::new("member", member.id);
        self.record_member(&tx, who, "member.change_password", target, None).await?;
        tx.commit().await?;
        self.enter(&member, None, Some(&counting), browser, "member.sign_in").await
    }
}
