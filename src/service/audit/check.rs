//! Checking the chain of one workspace a part at a time, for those who read its log. The operator's check beside it is
//! of all workspaces, and knows the heads outside the database.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use vouchsafe_entity::id::WorkspaceId;

use super::verify::Fault;
use crate::domain::actor::Actor;
use crate::domain::role::Action;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::audit::chain::workspace;

/// A part takes about so long; whoever waits sees how far it is.
const PART: Duration = Duration::from_millis(1_500);
/// Batches, and events in none, that are looked at together.
const BATCHES: u64 = 10;
const MEMBERS: u64 = 1_000;

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
}

impl Hub {
    /// Checks the next part of the audit chain of the actor's workspace, after what was checked before.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a place that is none.
    pub async fn check_chain(&self, actor: &Actor, from: ChainPlace) -> Result<ChainCheck, Error> {
        self.permit(actor, Action::ReadAudit).await?;
        let whose = actor.workspace();
        let last = workspace::last(&self.store, whose).await?;
        let mut check = ChainCheck { at: from, last, done: false, fault: None };
        let mut ends = HashMap::new();
        if from.batch > 0 {
            let at = from.batch - 1;
            let found = workspace::batches_after(&self.store, whose, at, 1).await?;
            let batch = found.first().filter(|batch| batch.head.n == from.batch).ok_or(Error::NotFound)?;
            ends.insert(Some(whose), (from.batch, batch.head.head));
        }
        let began = Instant::now();
        while began.elapsed() < PART {
            let after = check.at.batch;
            let batches = workspace::batches_after(&self.store, whose, after, BATCHES).await?;
            if batches.is_empty() {
                check.fault = self.check_rest(whose).await?.err();
                check.done = true;
                return Ok(check);
            }
            for batch in &batches {
                let events = match self.check_head(&batch.head, &mut ends) {
                    Ok(()) => self.check_events(batch).await?,
                    Err(fault) => Err(fault),
                };
                match events {
                    Ok(events) => check.at.events += events.unwrap_or(0),
                    Err(fault) => return Ok(ChainCheck { fault: Some(fault), done: true, ..check }),
                }
                check.at.batch = batch.head.n;
            }
        }
        Ok(check)
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
