//! Claiming deliveries that are due: several replicas share them, no endpoint gets more than its share at once, and
//! environments take turns.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, FromQueryResult};
use vouchsafe_entity::id::{DeliveryId, EnvironmentId, EventId, WebhookEndpointId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use crate::domain::webhook::{ClaimedDelivery, MOST_IN_FLIGHT};
use crate::store::{Reads, Sql, StoreError, Tx, statement};

/// Endpoints looked at in one claim.
const ENDPOINTS: i64 = 32;

/// What a process has room for.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Deliveries in all.
    pub places: usize,
    /// Deliveries of one environment.
    pub each: usize,
    /// Deliveries under way in this process, by environment.
    pub busy: BTreeMap<EnvironmentId, usize>,
}

impl Claims {
    fn room(&self, environment: EnvironmentId) -> usize {
        self.each.saturating_sub(self.busy.get(&environment).copied().unwrap_or(0))
    }
}

/// Whether a delivery is due at `now`. It asks the readers, so that nothing is locked while there is nothing to do.
pub async fn is_anything_due(db: &impl Reads, now: Millis) -> Result<bool, StoreError> {
    let connection = db.connection();
    let sql = "SELECT 1 AS due FROM delivery WHERE due_at <= $1 LIMIT 1";
    Ok(connection.query_one_raw(statement(connection, sql, [now.into()])).await?.is_some())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct Endpoint {
    environment_id: EnvironmentId,
    id: WebhookEndpointId,
}

/// Claims what is due at `now`, within what there is room for, until `lease_until`.
pub async fn claim(
    tx: &Tx,
    claims: &Claims,
    now: Millis,
    lease_until: Millis,
) -> Result<Vec<ClaimedDelivery>, StoreError> {
    let endpoints = hold_endpoints(tx, claims, now).await?;
    if endpoints.is_empty() {
        return Ok(Vec::new());
    }
    let under_way = count_under_way(tx, &endpoints, now).await?;
    let shares = share_out(claims, &endpoints, &under_way);
    let found = due_of(tx, &shares, now).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::default();
    let until = sql.bind(lease_until);
    let rows = sql.rows(found.iter().map(|row| (row.environment_id, row.id)));
    sql.text = format!(
        "UPDATE delivery SET due_at = {until}, lease_until = {until} WHERE (environment_id, id) IN {rows}"
    );
    let connection = tx.connection();
    connection.execute_raw(statement(connection, sql.text, sql.values)).await?;
    Ok(found.into_iter().map(|row| row.claimed(lease_until)).collect())
}

/// Holds endpoints that something is due for and that are not busy: in each environment those whose deliveries wait
/// longest, and environments in turn. What another replica holds is left to it.
async fn hold_endpoints(tx: &Tx, claims: &Claims, now: Millis) -> Result<Vec<Endpoint>, StoreError> {
    let mut sql = Sql::default();
    let (now, most) = (sql.bind(now), sql.bind(i64::try_from(MOST_IN_FLIGHT).unwrap_or(i64::MAX)));
    let full: Vec<String> = claims
        .busy
        .keys()
        .filter(|environment| claims.room(**environment) == 0)
        .map(|environment| sql.bind(*environment))
        .collect();
    let not_full = if full.is_empty() {
        String::new()
    } else {
        format!("AND w.environment_id NOT IN ({})", full.join(", "))
    };
    let limit = sql.bind(ENDPOINTS);
    let of = "d.environment_id = w.environment_id AND d.webhook_endpoint_id = w.id";
    // A new delivery refers to its endpoint and must not wait for this.
    let lock = if tx.is_postgres() { " FOR NO KEY UPDATE SKIP LOCKED" } else { "" };
    sql.text = format!(
        "SELECT environment_id, id FROM webhook_endpoint WHERE (environment_id, id) IN ( \
           SELECT environment_id, id FROM ( \
             SELECT environment_id, id, oldest, \
               row_number() OVER (PARTITION BY environment_id ORDER BY oldest, id) AS turn \
             FROM ( \
               SELECT w.environment_id, w.id, \
                 (SELECT min(d.due_at) FROM delivery d WHERE {of} AND d.due_at <= {now}) AS oldest \
               FROM webhook_endpoint w WHERE w.enabled {not_full} AND {most} > \
                 (SELECT count(*) FROM delivery d WHERE {of} AND d.due_at > {now} AND d.lease_until > {now}) \
             ) AS waiting WHERE oldest IS NOT NULL \
           ) AS ranked ORDER BY turn, oldest LIMIT {limit} \
         ){lock}"
    );
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    rows.iter().map(|row| Ok(Endpoint::from_query_result(row, "")?)).collect()
}

/// How many deliveries to each endpoint are under way anywhere. Asked once they are held, so that the number stays.
async fn count_under_way(
    tx: &Tx,
    endpoints: &[Endpoint],
    now: Millis,
) -> Result<BTreeMap<Endpoint, usize>, StoreError> {
    #[derive(FromQueryResult)]
    struct Counted {
        environment_id: EnvironmentId,
        id: WebhookEndpointId,
        n: i64,
    }
    let mut sql = Sql::default();
    let now = sql.bind(now);
    let rows = sql.rows(endpoints.iter().map(|endpoint| (endpoint.environment_id, endpoint.id)));
    sql.text = format!(
        "SELECT environment_id, webhook_endpoint_id AS id, count(*) AS n FROM delivery \
         WHERE (environment_id, webhook_endpoint_id) IN {rows} AND due_at > {now} AND lease_until > {now} \
         GROUP BY environment_id, webhook_endpoint_id"
    );
    let connection = tx.connection();
    let mut counted = BTreeMap::new();
    for row in connection.query_all_raw(statement(connection, sql.text, sql.values)).await? {
        let Counted { environment_id, id, n } = Counted::from_query_result(&row, "")?;
        counted.insert(Endpoint { environment_id, id }, usize::try_from(n).unwrap_or(usize::MAX));
    }
    Ok(counted)
}

/// Gives places away one by one, in turn, so that nobody's backlog takes them all.
fn share_out(
    claims: &Claims,
    endpoints: &[Endpoint],
    under_way: &BTreeMap<Endpoint, usize>,
) -> Vec<(Endpoint, usize)> {
    let mut shares: Vec<(Endpoint, usize)> = endpoints.iter().map(|endpoint| (*endpoint, 0)).collect();
    let mut rooms: BTreeMap<EnvironmentId, usize> = BTreeMap::new();
    let mut places = claims.places;
    loop {
        let before = places;
        for (endpoint, share) in &mut shares {
            let environment = endpoint.environment_id;
            let room = rooms.entry(environment).or_insert_with(|| claims.room(environment));
            let busy = under_way.get(endpoint).copied().unwrap_or(0) + *share;
            if places > 0 && *room > 0 && busy < MOST_IN_FLIGHT {
                *share += 1;
                *room -= 1;
                places -= 1;
            }
        }
        if places == before {
            shares.retain(|(_, share)| *share > 0);
            return shares;
        }
    }
}

#[derive(FromQueryResult)]
struct DueDelivery {
    environment_id: EnvironmentId,
    id: DeliveryId,
    webhook_endpoint_id: WebhookEndpointId,
    event_id: EventId,
    attempt: i32,
    url: String,
    sealed_secrets: Sealed,
    secrets_version: i64,
    sealed_body: Sealed,
}

impl DueDelivery {
    fn claimed(self, lease_until: Millis) -> ClaimedDelivery {
        ClaimedDelivery {
            environment: self.environment_id,
            id: self.id,
            endpoint: self.webhook_endpoint_id,
            event: self.event_id,
            attempt: self.attempt,
            lease_until,
            url: self.url,
            sealed_secrets: self.sealed_secrets,
            secrets_version: self.secrets_version,
            sealed_body: self.sealed_body,
        }
    }
}

/// The oldest deliveries of each endpoint, as many as its share, with endpoint and event.
async fn due_of(tx: &Tx, shares: &[(Endpoint, usize)], now: Millis) -> Result<Vec<DueDelivery>, StoreError> {
    if shares.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::default();
    let now = sql.bind(now);
    let parts: Vec<String> = shares
        .iter()
        .map(|(endpoint, share)| {
            let environment = sql.bind(endpoint.environment_id);
            let id = sql.bind(endpoint.id);
            let share = sql.bind(i64::try_from(*share).unwrap_or(i64::MAX));
            format!(
                "SELECT * FROM (SELECT environment_id, id, webhook_endpoint_id, event_id, attempt FROM delivery \
                 WHERE environment_id = {environment} AND webhook_endpoint_id = {id} AND due_at <= {now} \
                 ORDER BY due_at LIMIT {share}) AS part"
            )
        })
        .collect();
    sql.text = format!(
        "SELECT d.environment_id, d.id, d.webhook_endpoint_id, d.event_id, d.attempt, w.url, \
           w.sealed AS sealed_secrets, w.version AS secrets_version, e.sealed AS sealed_body \
         FROM ({}) AS d \
         JOIN webhook_endpoint w ON w.environment_id = d.environment_id AND w.id = d.webhook_endpoint_id \
         JOIN event e ON e.environment_id = d.environment_id AND e.id = d.event_id",
        parts.join(" UNION ALL ")
    );
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    rows.iter().map(|row| Ok(DueDelivery::from_query_result(row, "")?)).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn endpoint(environment: u128, id: u128) -> Endpoint {
        Endpoint {
            environment_id: EnvironmentId::new(Uuid::from_u128(environment)),
            id: WebhookEndpointId::new(Uuid::from_u128(id)),
        }
    }

    fn shares(claims: &Claims, endpoints: &[Endpoint], under_way: &[(Endpoint, usize)]) -> Vec<usize> {
        let under_way = under_way.iter().copied().collect();
        let shares = share_out(claims, endpoints, &under_way);
        endpoints
            .iter()
            .map(|one| shares.iter().find(|(other, _)| other == one).map_or(0, |(_, share)| *share))
            .collect()
    }

    #[test]
    fn places_are_given_in_turn_and_within_every_limit() {
        let (a, b, other) = (endpoint(1, 1), endpoint(1, 2), endpoint(2, 3));
        let roomy = Claims { places: 100, each: 100, busy: BTreeMap::new() };
        assert_eq!(shares(&roomy, &[a, b, other], &[]), [10, 10, 10], "ten for each endpoint");
        assert_eq!(shares(&roomy, &[a, b], &[(a, 8), (b, 12)]), [2, 0], "less what is under way");
        let few = Claims { places: 4, ..roomy.clone() };
        assert_eq!(shares(&few, &[a, b, other], &[]), [2, 1, 1], "in turn");
        let capped = Claims { each: 4, busy: BTreeMap::from([(a.environment_id, 1)]), ..roomy };
        assert_eq!(shares(&capped, &[a, b, other], &[]), [2, 1, 4], "four for each environment");
    }
}
