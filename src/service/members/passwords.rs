//! Passwords are hashed where waiting hurts nobody, and few at once: each takes 19 MiB and a core.

use std::time::Instant;

use secrecy::SecretString;

use crate::secret::PlainPassword;
use crate::service::validate::Checker;
use crate::service::{Error, Hub};

/// Passwords hashed at once.
pub const HASHED_AT_ONCE: usize = 4;

impl Hub {
    /// What is stored of a new password.
    pub(super) async fn hash_password(&self, password: PlainPassword) -> Result<SecretString, Error> {
        let random = std::sync::Arc::clone(&self.random);
        self.beside(move || password.hash(random.as_ref()))
            .await?
            .map_err(|_| Error::internal("a password could not be hashed"))
    }

    /// Whether the password is the one whose hash is stored; as slow where there is none.
    pub(super) async fn is_password(
        &self,
        password: PlainPassword,
        stored: Option<SecretString>,
    ) -> Result<bool, Error> {
        self.beside(move || password.is_of(stored.as_ref())).await
    }

    /// Does the work where it hurts nobody. How long that took, with the wait for a place, is measured: people at the
    /// sign-in page wait for it.
    async fn beside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let began = Instant::now();
        let _place = self.hashing.acquire().await.map_err(|_| Error::internal("the hub ends"))?;
        let done = tokio::task::spawn_blocking(work).await;
        metrics::histogram!("vouchsafe_password_seconds").record(began.elapsed().as_secs_f64());
        done.map_err(|_| Error::internal("hashing ended early"))
    }
}

/// Notes what is wrong with a new password of somebody called `names`.
pub(super) fn check_password(checker: &mut Checker, pointer: &str, password: &PlainPassword, names: &[&str]) {
    let (least, most) = PlainPassword::LENGTH;
    let message = format!("Write {least} to {most} characters. Several words are easy to remember.");
    checker.ensure(password.fits(), pointer, "invalid_length", &message);
    let guessed = names.iter().any(|name| password.is(name));
    checker.ensure(!guessed, pointer, "too_easy", "Your name or address is the first thing that is tried.");
}
