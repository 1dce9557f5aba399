//! How many credentials connectors have. Few are counted each time; a count of very many would take the longer the more
//! there are, so it is kept for a while.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use moka::sync::Cache;
use vouchsafe_entity::id::{ConnectorId, EnvironmentId};

use crate::domain::actor::Actor;
use crate::service::{Error, Hub};
use crate::store::connector::{count_credentials, count_credentials_up_to, rows_up_to};

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
        if let Some(most) = most {
            let counted = count_credentials_up_to(&self.store, here, ids, most).await?;
            return Ok(counted.into_iter().collect());
        }
        let sizes = rows_up_to(&self.store, here, &ids, FEW).await?;
        let many: HashSet<_> =
            sizes.into_iter().filter(|(_, rows)| *rows > i64::from(FEW)).map(|(id, _)| id).collect();
        let kept = many.iter().filter_map(|id| Some((*id, self.counts.0.get(&(here, *id))?)));
        let mut counts: HashMap<_, _> = kept.collect();
        let unknown = ids.into_iter().filter(|id| !counts.contains_key(id)).collect();
        for (id, count) in count_credentials(&self.store, here, unknown).await? {
            if many.contains(&id) {
                self.counts.0.insert((here, id), count);
            }
            counts.insert(id, count);
        }
        Ok(counts)
    }
}
