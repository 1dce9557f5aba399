//! Who is told when: so many calls at once, and of those so few for one connector and one environment that an app that
//! hangs holds up no other.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use vouchsafe_entity::id::{ConnectorId, EnvironmentId};

use super::LEASE_SECONDS;
use crate::domain::revocation::RevocationJob;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::revocation::Busy;

/// Calls under way, of all together; each app has its own limits beside.
const AT_ONCE: usize = 128;
/// With so many of one connector or environment under way, no more of it are claimed.
const OF_CONNECTOR: usize = 4;
const OF_ENVIRONMENT: usize = 8;
/// Jobs of one claim, which may all be of one connector.
const BATCH: u64 = 4;
/// While some calls take long, it is looked so often for others that have become due.
const LOOK: Duration = Duration::from_secs(1);

/// How many calls are under way for each.
#[derive(Default)]
struct Lines {
    connectors: HashMap<ConnectorId, usize>,
    environments: HashMap<EnvironmentId, usize>,
}

impl Lines {
    fn enter(&mut self, job: &RevocationJob) {
        *self.connectors.entry(job.remains.connector).or_default() += 1;
        *self.environments.entry(job.environment).or_default() += 1;
    }

    fn leave(&mut self, job: &RevocationJob) {
        less(&mut self.connectors, &job.remains.connector);
        less(&mut self.environments, &job.environment);
    }

    fn busy(&self) -> Busy {
        Busy {
            connectors: full(&self.connectors, OF_CONNECTOR),
            environments: full(&self.environments, OF_ENVIRONMENT),
        }
    }
}

fn less<K: Eq + Hash>(line: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = line.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            line.remove(key);
        }
    }
}

fn full<K: Copy>(line: &HashMap<K, usize>, most: usize) -> Vec<K> {
    line.iter().filter(|(_, count)| **count >= most).map(|(key, _)| *key).collect()
}

impl Hub {
    /// Tells the apps that are to be told and have not listened yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn work_off_revocations(&self) -> Result<(), Error> {
        let (mut lines, mut telling) = (Lines::default(), FuturesUnordered::new());
        let mut failed = Ok(());
        loop {
            while failed.is_ok() && telling.len() < AT_ONCE {
                let busy = lines.busy();
                let mut claim = pin!(self.claim_revocations(&busy));
                // Those under way go on meanwhile: one of them may hold what the claim waits for.
                let claimed = loop {
                    tokio::select! {
                        claimed = &mut claim => break claimed,
                        Some(told) = telling.next() => lines.leave(&told),
                    }
                };
                match claimed {
                    Ok(jobs) if jobs.is_empty() => break,
                    Ok(jobs) => {
                        for job in jobs {
                            lines.enter(&job);
                            telling.push(self.tell_claimed(job));
                        }
                    }
                    // What is under way is told to its end.
                    Err(error) => failed = Err(error),
                }
            }
            match tokio::time::timeout(LOOK, telling.next()).await {
                Ok(Some(told)) => lines.leave(&told),
                Ok(None) => return failed,
                Err(_) => {}
            }
        }
    }

    /// Takes some jobs that are due; nobody else does before their lease ends.
    async fn claim_revocations(&self, busy: &Busy) -> Result<Vec<RevocationJob>, Error> {
        let now = self.now();
        let idle = !self.may_refresh() || self.closing.is_cancelled();
        if idle || !store::revocation::is_due(&self.store, now, busy).await? {
            return Ok(Vec::new());
        }
        let tx = self.store.begin().await?;
        let until = now.plus_seconds(LEASE_SECONDS);
        let jobs = store::revocation::claim(&tx, now, until, busy, BATCH).await?;
        tx.commit().await?;
        Ok(jobs)
    }

    /// Tells one app, and gives the job back for the lines.
    async fn tell_claimed(&self, job: RevocationJob) -> RevocationJob {
        if let Err(error) = self.tell_again(&job).await {
            tracing::error!(
                credential.id = %job.remains.credential,
                error = &error as &dyn std::error::Error,
                "a revocation could not be worked off"
            );
        }
        job
    }
}
