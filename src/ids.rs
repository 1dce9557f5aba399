//! New ids, made of the clock and the random source (UUID version 7), so that tests can hold both still.

use std::sync::Arc;

use uuid::{Builder, Uuid};

use crate::clock::Clock;
use crate::random::Random;

/// The source of new ids.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Ids {
    /// Ids from `clock` and `random`.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// A new UUID version 7, for the `new` of an id type.
    pub fn next(&self) -> Uuid {
        let millis = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        Builder::from_unix_timestamp_millis(millis, &self.random.bytes()).into_uuid()
    }
}
