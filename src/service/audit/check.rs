//! Checking the chain of one workspace a part at a time, for those who read its log. The operator's check beside it is
//! of all workspaces, and knows the heads outside the database.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq as _;
use vouchsafe_entity::id::WorkspaceId;
use vouchsafe_entity::millis::Millis;

use super::verify::Fault;
use crate::domain::actor::Actor;
use crate::domain::data_key::KeyPurpose;
use crate::domain::role::Action;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::audit::chain::workspace;

/// A part takes about so long; whoever waits sees how far it is.
const PART: Duration = Duration::from_millis(1_500);
/// Batches, and events in none, that are looked at together.
const BATCHES: u64 = 10;
const MEMBERS: u64 = 1_000;
/// A check goes on for so many seconds after its last part: what was looked at may be changed later.
const FRESH_SECONDS: i64 = 600;
/// What the hub's MACs of places are told apart by.
const PLACE: &[u8] = b"place of a chain check";

/// How far a check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainPlace {
    /// The last batch that was found in order; 0 = it begins.
    pub batch: i64,
    /// The events in them.
    pub events: usize,
}

/// What came of a part.
#[derive(Clone, Debug)]
pub struct ChainCheck {
    /// How far it is.
    pub at: ChainPlace,
    /// The last batch there is.
    pub last: i64,
    /// Whether all was looked at.
    pub done: bool,
    /// The first thing that is wrong, which ends the check.
    pub fault: Option<Fault>,
    /// What the next part is asked for with.
    pub next: String,
}

impl ChainCheck {
    /// All was looked at, or up to `fault`.
    fn end(&mut self, fault: Option<Fault>) {
        self.done = true;
        self.fault = fault;
    }
}

impl Hub {
    /// Checks the next part of the audit chain of the actor's workspace. `from` is [`ChainCheck::next`] of the part
    /// before; without one, or with one that is old or was not given here, the check begins with the first batch.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn check_chain(&self, actor: &Actor, from: Option<&str>) -> Result<ChainCheck, Error> {
        self.permit(actor, Action::ReadAudit).await?;
        let whose = actor.workspace();
        let last = workspace::last(&self.store, whose).await?;
        let at = from.and_then(|place| self.noted_place(whose, place)).unwrap_or_default();
        let mut check = ChainCheck { at, last, done: false, fault: None, next: String::new() };
        self.check_part(whose, &mut check).await?;
        check.next = self.note_place(whose, check.at)?;
        Ok(check)
    }

    async fn check_part(&self, whose: WorkspaceId, check: &mut ChainCheck) -> Result<(), Error> {
        let mut ends = HashMap::new();
        let from = check.at.batch;
        if from > 0 {
            let found = workspace::batches_after(&self.store, whose, from - 1, 1).await?;
            let Some(batch) = found.first().filter(|batch| batch.head.n == from) else {
                check.end(Some(Fault::new(format!("batch {from} is gone"))));
                return Ok(());
            };
            ends.insert(Some(whose), (from, batch.head.head));
        }
        let began = Instant::now();
        while began.elapsed() < PART {
            let batches = workspace::batches_after(&self.store, whose, check.at.batch, BATCHES).await?;
            if batches.is_empty() {
                check.end(self.check_rest(whose).await?.err());
                return Ok(());
            }
            for batch in &batches {
                let events = match self.check_head(&batch.head, &mut ends) {
                    Ok(()) => self.check_events(batch).await?,
                    Err(fault) => Err(fault),
                };
                match events {
                    Ok(events) => check.at.events += events.unwrap_or(0),
                    Err(fault) => {
                        check.end(Some(fault));
                        return Ok(());
                    }
                }
                check.at.batch = batch.head.n;
            }
        }
        Ok(())
    }

    /// A place as the next part takes it. Nobody but the hub can say that something was looked at.
    fn note_place(&self, whose: WorkspaceId, place: ChainPlace) -> Result<String, Error> {
        let text = format!("{}.{}.{}", place.batch, place.events, self.now().0);
        let mac = self.place_mac(whose, &text)?;
        Ok(format!("{text}.{mac}"))
    }

    /// The place that was noted so a short while ago.
    fn noted_place(&self, whose: WorkspaceId, noted: &str) -> Option<ChainPlace> {
        let (text, mac) = noted.rsplit_once('.')?;
        let right = self.place_mac(whose, text).ok()?;
        if !bool::from(right.as_bytes().ct_eq(mac.as_bytes())) {
            return None;
        }
        let mut parts = text.split('.');
        let place = ChainPlace { batch: parts.next()?.parse().ok()?, events: parts.next()?.parse().ok()? };
        let at = Millis(parts.next()?.parse().ok()?);
        (self.now() < at.plus_seconds(FRESH_SECONDS)).then_some(place)
    }

    fn place_mac(&self, whose: WorkspaceId, text: &str) -> Result<String, Error> {
        let whose = whose.to_string();
        Ok(self.vault.mac(KeyPurpose::Requests, &[PLACE, whose.as_bytes(), text.as_bytes()])?)
    }

    /// What is in no batch: the events that wait for one, each of which the hub wrote, and none beside.
    async fn check_rest(&self, whose: WorkspaceId) -> Result<Result<(), Fault>, Error> {
        let mut after = None;
        loop {
            let members = store::audit::chain::unsealed(&self.store, after, MEMBERS).await?;
            let Some(last) = members.last() else { break };
            after = Some(last.1);
            let events = store::audit::chain::events_of(&self.store, &members).await?;
            let own = events.values().filter(|stored| stored.event.workspace == Some(whose));
            if let Some(wrong) = own.into_iter().find(|stored| !self.is_genuine(stored, false)) {
                let id = wrong.event.id;
                return Ok(Err(Fault::new(format!("event {id} was not written by this hub"))));
            }
        }
        let (found, due) = workspace::counts(&self.store, whose).await?;
        if found > due {
            let more = found - due;
            return Ok(Err(Fault::new(format!("{more} events are in no batch: they were put in"))));
        }
        Ok(Ok(()))
    }
}
