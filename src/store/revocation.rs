//! Revocations that wait for their app. They are claimed by lease, so that replicas share them.

use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set,
};
use vouchsafe_entity::id::{ConnectorId, EnvironmentId, RevocationJobId};
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

/// Connectors and environments with so many jobs under way that no more of theirs are looked for.
#[derive(Clone, Debug, Default)]
pub struct Busy {
    /// These connectors.
    pub connectors: Vec<ConnectorId>,
    /// These environments, with all of their connectors.
    pub environments: Vec<EnvironmentId>,
}

fn due(now: Millis, busy: &Busy) -> Select<Entity> {
    Entity::find()
        .filter(Column::NextTryAt.lte(now))
        .filter(Column::ConnectorId.is_not_in(busy.connectors.iter().copied()))
        .filter(Column::EnvironmentId.is_not_in(busy.environments.iter().copied()))
}

/// Whether a job is due at `now`, of others than the `busy` ones.
pub async fn is_due(db: &impl Reads, now: Millis, busy: &Busy) -> Result<bool, StoreError> {
    Ok(due(now, busy).limit(1).one(db.connection()).await?.is_some())
}

/// Takes up to `limit` due jobs of others than the `busy` ones, those that wait longest first; until `lease_until` nobody
/// else does.
pub async fn claim(
    tx: &Tx,
    now: Millis,
    lease_until: Millis,
    busy: &Busy,
    limit: u64,
) -> Result<Vec<RevocationJob>, StoreError> {
    let mut longest = due(now, busy).order_by_asc(Column::NextTryAt).limit(limit);
    if tx.is_postgres() {
        longest = longest.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let rows = longest.all(tx.connection()).await?;
    let taken = rows.iter().fold(Condition::any(), |taken, row| {
        taken.add(Column::EnvironmentId.eq(row.environment_id).and(Column::Id.eq(row.id)))
    });
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Entity::update_many()
        .col_expr(Column::Tries, Expr::col(Column::Tries).add(1))
        .col_expr(Column::NextTryAt, Expr::value(lease_until))
        .filter(taken)
        .exec(tx.connection())
        .await?;
    let claimed = rows.into_iter().map(|row| Model { tries: row.tries + 1, next_try_at: lease_until, ..row });
    Ok(claimed.map(Into::into).collect())
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
