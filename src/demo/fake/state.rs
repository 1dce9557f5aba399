//! What the handlers of one fake provider share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::fault::{Call, Fault, FaultBook};
use super::grants::{Ledger, Mint};
use crate::clock::Clock;
use crate::demo::pages::Pages;
use crate::random::Random;

/// The state of a fake provider; cheap to clone.
#[derive(Clone)]
pub(super) struct Fake(Arc<Inner>);

struct Inner {
    base_url: String,
    ledger: Mutex<Ledger>,
    faults: Mutex<FaultBook>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pages: Pages,
}

impl Fake {
    pub(super) fn new(
        base_url: String,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        pages: Pages,
    ) -> Self {
        let (ledger, faults) = (Mutex::new(ledger), Mutex::default());
        Self(Arc::new(Inner { base_url, ledger, faults, clock, random, pages }))
    }

    pub(super) fn base_url(&self) -> &str {
        &self.0.base_url
    }

    pub(super) fn pages(&self) -> &Pages {
        &self.0.pages
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, FaultBook> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the ledger with what is needed to make tokens.
    pub(super) fn with_mint<T>(&self, work: impl FnOnce(&mut Ledger, &Mint<'_>) -> T) -> T {
        let mint = Mint { now: self.now(), random: self.0.random.as_ref() };
        work(&mut self.ledger(), &mint)
    }

    /// The fault programmed for this call, if any; taking it uses it up.
    pub(super) fn fault(&self, call: &Call<'_>) -> Option<Fault> {
        let fault = self.faults().take(call)?;
        self.ledger().counters.faults += 1;
        Some(fault)
    }
}
