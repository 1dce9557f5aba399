//! Pieces of work that do not depend on each other, one after another: one that fails keeps none of the others from
//! its turn.
//!
//! It must not know what they do.

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

#[cfg(test)]
mod tests {
    use super::*;

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
