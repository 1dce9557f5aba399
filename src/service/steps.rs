//! Pieces of work that do not depend on each other, one after another: one that fails keeps none of the others from
//! its turn.
//!
//! It must not know what they do.

use std::collections::BTreeSet;

use vouchsafe_entity::id::EnvironmentId;

use super::Error;
use crate::store::StoreError;

/// The first failure of several pieces of work.
#[derive(Default)]
pub(super) struct Steps {
    failed: Option<Error>,
}

impl Steps {
    /// Keeps a failure for the end. Without a database nothing would go better, so that ends all at once.
    pub(super) fn pass(&mut self, done: Result<(), Error>) -> Result<(), Error> {
        match done {
            Err(error @ Error::Store(StoreError::Database(_))) => Err(error),
            Err(error) => {
                self.failed.get_or_insert(error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// The first failure.
    pub(super) fn end(self) -> Result<(), Error> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// Pieces of work in several environments, some of which may be shut: no key seals their events, say. What they have to
/// do waits for the next time, and takes no place from the others.
#[derive(Default)]
pub(super) struct EnvironmentSteps {
    steps: Steps,
    shut: BTreeSet<EnvironmentId>,
}

impl EnvironmentSteps {
    /// What was done in an environment; nothing, and the environment is shut, where that failed. Without a database
    /// everything ends.
    pub(super) fn pass<T: Default>(
        &mut self,
        environment: EnvironmentId,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        match done {
            Ok(done) => Ok(done),
            Err(error) => {
                self.shut.insert(environment);
                self.steps.pass(Err(error)).map(|()| T::default())
            }
        }
    }

    /// The same for one row, after which its work goes on whatever comes of it: one that fits no state shuts nothing.
    pub(super) fn pass_row(
        &mut self,
        environment: EnvironmentId,
        done: Result<(), Error>,
    ) -> Result<(), Error> {
        match done {
            Err(Error::Store(error)) if error.tells_of_row() => Ok(()),
            done => self.pass(environment, done),
        }
    }

    /// Whether something failed in an environment.
    pub(super) fn is_shut(&self, environment: EnvironmentId) -> bool {
        self.shut.contains(&environment)
    }

    /// Where something failed.
    pub(super) fn shut(&self) -> Vec<EnvironmentId> {
        self.shut.iter().copied().collect()
    }

    /// The first failure.
    pub(super) fn end(self) -> Result<(), Error> {
        self.steps.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_fails_is_shut_and_the_others_go_on() {
        let mut steps = EnvironmentSteps::default();
        let [first, second] = [1, 2].map(|n| EnvironmentId::new(uuid::Uuid::from_u128(n)));
        assert_eq!(steps.pass(first, Err::<usize, _>(Error::NotFound)).ok(), Some(0));
        assert_eq!(steps.pass(second, Ok(7)).ok(), Some(7));
        assert_eq!((steps.is_shut(first), steps.is_shut(second)), (true, false));
        let broken = StoreError::Inconsistent { table: "credential_token", id: String::new(), what: "" };
        assert!(steps.pass_row(second, Err(Error::Store(broken))).is_ok());
        assert_eq!(steps.shut(), [first], "nor does a row that can't be read shut one");
        assert!(matches!(steps.end(), Err(Error::NotFound)));
    }

    #[test]
    fn a_value_that_cannot_be_read_is_no_reason_to_end() {
        let failed = |error: sea_orm::DbErr| Err(Error::Store(error.into()));
        let mut steps = Steps::default();
        assert!(steps.pass(failed(sea_orm::DbErr::Type("no such word".to_owned()))).is_ok());
        assert!(
            steps.pass(failed(sea_orm::DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout))).is_err()
        );
        assert!(steps.end().is_err(), "it is told all the same");
    }

    #[test]
    fn the_first_failure_is_told_at_the_end() {
        let mut steps = Steps::default();
        for done in [Ok(()), Err(Error::NotFound), Err(Error::Internal("another")), Ok(())] {
            assert!(steps.pass(done).is_ok());
        }
        assert!(matches!(steps.end(), Err(Error::NotFound)));
        assert!(Steps::default().end().is_ok());
    }
}
