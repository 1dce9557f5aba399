//! What the handlers of one fake provider share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::fault::{Call, Fault, FaultBook};
use super::grants::{Ledger, Mint};
use crate::clock::Clock;
use crate::demo::pages::Pages;
use crate::random::Random;

/// A fault that was taken, and what ends its holding.
pub(super) struct Programmed {
    pub(super) fault: Fault,
    pub(super) releases: watch::Receiver<u64>,
}

/// The state of a fake provider; cheap to clone.
#[derive(Clone)]
pub(super) struct Fake(Arc<Inner>);

struct Inner {
    base_url: String,
    ledger: Mutex<Ledger>,
    faults: Mutex<FaultBook>,
    /// Counts how often held answers were released.
    releases: watch::Sender<u64>,
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
        let releases = watch::Sender::new(0);
        Self(Arc::new(Inner { base_url, ledger, faults, releases, clock, random, pages }))
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
    pub(super) fn fault(&self, call: &Call<'_>) -> Option<Programmed> {
        let fault = self.faults().take(call)?;
        self.ledger().counters.faults += 1;
        Some(Programmed { fault, releases: self.0.releases.subscribe() })
    }

    /// Lets every answer go that is held now.
    pub(super) fn release(&self) {
        self.0.releases.send_modify(|releases| *releases += 1);
    }
}
