//! How many credentials connectors have. Few are counted each time; a count of very many would take the longer the more
//! there are, so it is kept for a while.

use std::collections::HashMap;
use std::time::Duration;

use moka::sync::Cache;
use vouchsafe_entity::id::{ConnectorId, EnvironmentId};

use crate::domain::actor::Actor;
use crate::service::{Error, Hub};
use crate::store::connector::{count_credentials, count_credentials_up_to};

/// So many of a connector are counted at each question.
const FEW: u32 = 1_000;
/// A larger number is kept so long.
const AGE: Duration = Duration::from_mins(1);
/// Numbers kept at once.
const MOST: u64 = 10_000;

/// The numbers of connectors that have very many.
pub(in crate::service) struct Counts(Cache<(EnvironmentId, ConnectorId), i64>);

impl Default for Counts {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(AGE).build())
    }
}

impl Counts {
    /// Forgets the number of a connector, which is gone.
    pub(super) fn forget(&self, environment: EnvironmentId, id: ConnectorId) {
        self.0.invalidate(&(environment, id));
    }
}

impl Hub {
    /// How many credentials each of `ids` has, counted up to `most` where that is given; those without any are left out.
    /// Otherwise a number above 1,000 may be a minute old.
    pub(super) async fn count_of_each(
        &self,
        actor: &Actor,
        ids: Vec<ConnectorId>,
        most: Option<u32>,
    ) -> Result<HashMap<ConnectorId, i64>, Error> {
        let here = actor.environment();
        let counted = count_credentials_up_to(&self.store, here, ids, most.unwrap_or(FEW)).await?;
        let mut counts: HashMap<_, _> = counted.into_iter().collect();
        if most.is_some() {
            return Ok(counts);
        }
        let mut unknown = Vec::new();
        for (id, count) in counts.iter_mut().filter(|(_, count)| **count > i64::from(FEW)) {
            match self.counts.0.get(&(here, *id)) {
                Some(kept) => *count = kept,
                None => unknown.push(*id),
            }
        }
        for (id, count) in count_credentials(&self.store, here, unknown).await? {
            self.counts.0.insert((here, id), count);
            counts.insert(id, count);
        }
        Ok(counts)
    }
}
