//! Checking the audit log: each event against its proof, each batch against its head, each head against the one before
//! and against those outside.

use std::collections::{HashMap, HashSet};
use std::io;

use vouchsafe_entity::id::WorkspaceId;

use super::outside::HeadLine;
use crate::domain::audit::chain::{self, Batch, Hash, Head, Member};
use crate::service::{Error, Hub};
use crate::store;

/// Heads, and lines of heads, that are compared together.
const LINES: usize = 500;
const BATCHES: u64 = 20;
const MEMBERS: u64 = 1_000;

/// The first thing that is wrong with the audit log, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Fault {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// What was found in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Batches.
    pub batches: usize,
    /// Events in them.
    pub events: usize,
    /// Batches whose events were kept long enough.
    pub removed: usize,
    /// Events that no batch holds yet.
    pub waiting: usize,
}

/// A chain in words.
fn name(workspace: Option<WorkspaceId>) -> String {
    workspace.map_or_else(|| "the hub itself".to_owned(), |id| id.to_string())
}

fn fault(head: &Head, what: &str) -> Fault {
    Fault(format!("batch {} of {} (number {} of all): {what}", head.n, name(head.workspace), head.seq))
}

fn fault_at(line: usize, what: impl std::fmt::Display) -> Fault {
    Fault(format!("line {line} of the heads outside: {what}"))
}

impl Hub {
    /// Compares lines of heads that were kept outside with the database; how many there are.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Fault`] inside.
    pub async fn compare_heads(
        &self,
        lines: impl Iterator<Item = io::Result<String>>,
    ) -> Result<Result<usize, Fault>, Error> {
        let mut lines = lines.enumerate().map(|(at, line)| (at + 1, line)).peekable();
        let (mut read, mut compared) = (Vec::with_capacity(LINES), 0);
        while let Some((at, line)) = lines.next() {
            let Ok(line) = line else { return Ok(Err(fault_at(at, "it can't be read"))) };
            match serde_json::from_str::<HeadLine>(&line) {
                Ok(head) => read.push((at, head)),
                // Cut while it was written, and then written again.
                Err(_) if matches!(lines.peek(), Some((_, Ok(next))) if next.starts_with(&line)) => {}
                Err(_) if lines.peek().is_none() && !line.is_empty() => {}
                Err(_) => return Ok(Err(fault_at(at, "it is no head"))),
            }
            if read.len() == LINES || lines.peek().is_none() {
                compared += read.len();
                if let Err(fault) = self.compare(std::mem::take(&mut read)).await? {
                    return Ok(Err(fault));
                }
            }
        }
        Ok(Ok(compared))
    }

    async fn compare(&self, lines: Vec<(usize, HeadLine)>) -> Result<Result<(), Fault>, Error> {
        let seqs = lines.iter().map(|(_, line)| line.seq).collect();
        let there = store::audit::chain::heads_at(&self.store, seqs).await?;
        for (at, line) in lines {
            let which = format!("batch {} of {}", line.n, name(line.workspace));
            let Some(head) = there.get(&line.seq) else {
                return Ok(Err(fault_at(at, format!("{which} is not in the database"))));
            };
            if self.line(head).ok().as_ref() != Some(&line) {
                return Ok(Err(fault_at(at, format!("{which} is another one in the database"))));
            }
        }
        Ok(Ok(()))
    }

    /// Checks the whole log in the database.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Fault`] inside.
    pub async fn verify_audit(&self) -> Result<Result<Verified, Fault>, Error> {
        let mut found = Verified::default();
        let mut ends: HashMap<Option<WorkspaceId>, (i64, Hash)> = HashMap::new();
        let mut seq = 0;
        loop {
            let batches = store::audit::chain::batches_after(&self.store, seq, BATCHES).await?;
            let Some(last) = batches.last() else { break };
            seq = last.head.seq;
            for batch in &batches {
                if let Err(fault) = self.check_head(&batch.head, &mut ends) {
                    return Ok(Err(fault));
                }
                match self.check_events(batch).await? {
                    Ok(Some(events)) => found.events += events,
                    Ok(None) => found.removed += 1,
                    Err(fault) => return Ok(Err(fault)),
                }
                found.batches += 1;
            }
        }
        match self.check_waiting().await? {
            Ok(waiting) => found.waiting = waiting,
            Err(fault) => return Ok(Err(fault)),
        }
        Ok(self.check_count().await?.map(|()| found))
    }

    pub(super) fn check_head(
        &self,
        head: &Head,
        ends: &mut HashMap<Option<WorkspaceId>, (i64, Hash)>,
    ) -> Result<(), Fault> {
        let start = (0, chain::origin(head.workspace));
        let (n, previous) = ends.get(&head.workspace).copied().unwrap_or(start);
        if head.n != n + 1 {
            return Err(fault(head, &format!("it follows batch {n}, so what lies between is missing")));
        }
        if head.head != chain::next(&previous, head.n, &head.root, head.count) {
            return Err(fault(head, "its head does not follow from the one before"));
        }
        if !self.vault.has_signed(&head.statement(), &head.signature) {
            return Err(fault(head, "its head is not signed by this hub"));
        }
        ends.insert(head.workspace, (head.n, head.head));
        Ok(())
    }

    /// How many events of a batch are in order; none where they were removed.
    pub(super) async fn check_events(&self, batch: &Batch) -> Result<Result<Option<usize>, Fault>, Error> {
        let head = &batch.head;
        let Some(members) = &batch.members else {
            let signed = batch
                .removal
                .as_ref()
                .is_some_and(|(at, signature)| self.vault.has_signed(&head.removal(*at), signature));
            let removed =
                if signed { Ok(None) } else { Err(fault(head, "its events were not removed by this hub")) };
            return Ok(removed);
        };
        let events = store::audit::chain::events_of(&self.store, members).await?;
        let erased =
            batch.erasure.as_ref().is_some_and(|signature| self.vault.has_signed(&head.erasure(), signature));
        let mut macs = Vec::with_capacity(members.len());
        for member in members {
            let Some(stored) = events.get(member) else {
                let now = store::audit::chain::find(&self.store, head.seq).await?;
                // Kept long enough, meanwhile.
                if now.is_some_and(|now| now.members.is_none()) {
                    return Ok(Ok(None));
                }
                return Ok(Err(fault(head, &format!("event {} is missing", member.1))));
            };
            if stored.event.chain() != head.workspace {
                return Ok(Err(fault(head, &format!("event {} is another workspace's", member.1))));
            }
            if !self.is_genuine(stored, erased) {
                return Ok(Err(fault(head, &format!("event {} was changed", member.1))));
            }
            macs.push(stored.proof.mac.as_slice());
        }
        if i64::try_from(macs.len()).ok() != Some(head.count) || chain::merkle_root(&macs) != head.root {
            return Ok(Err(fault(head, "its events are not those that were closed")));
        }
        Ok(Ok(Some(macs.len())))
    }

    /// How many events wait for a batch, each of which the hub wrote.
    async fn check_waiting(&self) -> Result<Result<usize, Fault>, Error> {
        let (mut waiting, mut after) = (0, None);
        loop {
            let members = store::audit::chain::unsealed(&self.store, after, MEMBERS).await?;
            let Some(last) = members.last() else { return Ok(Ok(waiting)) };
            after = Some(last.1);
            let events = store::audit::chain::events_of(&self.store, &members).await?;
            for member in &members {
                let wrong = match events.get(member) {
                    None => "is missing",
                    Some(stored) if !self.is_genuine(stored, false) => "was not written by this hub",
                    Some(_) => continue,
                };
                return Ok(Err(Fault(format!("event {}, which is in no batch yet, {wrong}", member.1))));
            }
            waiting += members.len();
        }
    }

    /// Whether every event is in a batch, or waits for one.
    async fn check_count(&self) -> Result<Result<(), Fault>, Error> {
        let (found, due) = store::audit::chain::counts(&self.store).await?;
        if found == due {
            return Ok(Ok(()));
        }
        let known = self.known_members().await?;
        let mut after = None;
        loop {
            let members = store::audit::chain::members_after(&self.store, after, MEMBERS).await?;
            after = members.last().copied();
            if let Some((_, id)) = members.iter().find(|member| !known.contains(*member)) {
                return Ok(Err(Fault(format!("event {id} is in no batch: it was put in"))));
            }
            if after.is_none() {
                return Ok(Err(Fault(format!("there are {found} events and {due} were written"))));
            }
        }
    }

    async fn known_members(&self) -> Result<HashSet<Member>, Error> {
        let (mut known, mut seq, mut after) = (HashSet::new(), 0, None);
        loop {
            let members = store::audit::chain::unsealed(&self.store, after, MEMBERS).await?;
            let Some(last) = members.last() else { break };
            after = Some(last.1);
            known.extend(members);
        }
        loop {
            let batches = store::audit::chain::batches_after(&self.store, seq, BATCHES).await?;
            let Some(last) = batches.last() else { return Ok(known) };
            seq = last.head.seq;
            known.extend(batches.into_iter().filter_map(|batch| batch.members).flatten());
        }
    }
}
