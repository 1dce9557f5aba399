//! Revocations that wait for their app. They are claimed by lease, so that replicas share them.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, Set};
use vouchsafe_entity::id::{EnvironmentId, RevocationJobId};
use vouchsafe_entity::kind::Method;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::revocation_job::{ActiveModel, Column, Entity, Model};

use super::{Reads, StoreError, Tx, statement};
use crate::domain::revocation::{Remains, RevocationJob};

impl From<Model> for RevocationJob {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            environment: row.environment_id,
            remains: Remains {
                credential: row.credential_id,
                connector: row.connector_id,
                // No other method has anything to be revoked.
                method: Method::OAuth2,
                account: row.account_id,
                epoch: row.grant_epoch,
            },
            provider: row.provider,
            sealed: row.sealed,
            tries: row.tries,
            next_try_at: row.next_try_at,
            created_at: row.created_at,
        }
    }
}

/// Stores new jobs.
pub async fn insert(tx: &Tx, jobs: Vec<RevocationJob>) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let rows = jobs.into_iter().map(|job| ActiveModel {
        environment_id: Set(job.environment),
        id: Set(job.id),
        credential_id: Set(job.remains.credential),
        connector_id: Set(job.remains.connector),
        provider: Set(job.provider),
        account_id: Set(job.remains.account),
        grant_epoch: Set(job.remains.epoch),
        sealed: Set(job.sealed),
        tries: Set(job.tries),
        next_try_at: Set(job.next_try_at),
        created_at: Set(job.created_at),
    });
    Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Whether a job is due at `now`.
pub async fn is_due(db: &impl Reads, now: Millis) -> Result<bool, StoreError> {
    let due = Entity::find().filter(Column::NextTryAt.lte(now)).limit(1).one(db.connection()).await?;
    Ok(due.is_some())
}

/// Takes up to `limit` due jobs, those that wait longest first; until `lease_until` nobody else does.
pub async fn claim(
    tx: &Tx,
    now: Millis,
    lease_until: Millis,
    limit: u64,
) -> Result<Vec<RevocationJob>, StoreError> {
    let skip = if tx.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE revocation_job SET next_try_at = $1, tries = tries + 1 WHERE (environment_id, id) IN \
         (SELECT environment_id, id FROM revocation_job WHERE next_try_at <= $2 ORDER BY next_try_at LIMIT $3{skip}) \
         RETURNING *"
    );
    let connection = tx.connection();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let claimed = statement(connection, sql, [lease_until.into(), now.into(), limit.into()]);
    let rows = connection.query_all_raw(claimed).await?;
    rows.iter().map(|row| Ok(Model::from_query_result(row, "")?.into())).collect()
}

/// Sets when a job is tried again, and after how many tries.
pub async fn postpone(
    tx: &Tx,
    job: &RevocationJob,
    tries: i32,
    next_try_at: Millis,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { tries: Set(tries), next_try_at: Set(next_try_at), ..Default::default() })
        .filter(Column::EnvironmentId.eq(job.environment))
        .filter(Column::Id.eq(job.id))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Forgets a job with its tokens; false where somebody else did.
pub async fn delete(tx: &Tx, environment: EnvironmentId, id: RevocationJobId) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id((environment, id)).exec(tx.connection()).await?.rows_affected == 1)
}

/// Whether a live credential of the same connector stands for the same account, or a newer grant of the same credential
/// may: where revocation ends the whole grant, it would end that one too.
pub async fn is_shared(
    db: &impl Reads,
    environment: EnvironmentId,
    remains: &Remains,
) -> Result<bool, StoreError> {
    // Two halves, each by its own index.
    const SQL: &str = "SELECT 1 AS found FROM credential c \
        JOIN credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id \
        WHERE c.environment_id = $1 AND c.connector_id = $2 AND c.account_id = $3 \
        AND t.state NOT IN ('broken', 'deleted') AND NOT (c.id = $4 AND t.grant_epoch <= $5) \
        UNION ALL SELECT 1 FROM credential c \
        JOIN credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id \
        WHERE c.environment_id = $1 AND c.id = $4 AND t.grant_epoch > $5 \
        AND t.state NOT IN ('broken', 'deleted') \
        AND (c.account_id IS NULL OR CAST($3 AS TEXT) IS NULL) LIMIT 1";
    let connection = db.connection();
    let values = [
        environment.into(),
        remains.connector.into(),
        remains.account.clone().into(),
        remains.credential.into(),
        remains.epoch.into(),
    ];
    Ok(connection.query_one_raw(statement(connection, SQL, values)).await?.is_some())
}
