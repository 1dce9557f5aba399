//! Batches of audit events and the heads of their chains. A batch is made once; only its events may go, all together.

pub mod queue;
pub mod workspace;

use std::borrow::Cow;
use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set,
    Value,
};
use vouchsafe_entity::audit_batch::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::{AuditEventId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::{audit_event, audit_removal, audit_unsealed};

use crate::domain::audit::chain::{self, Batch, Hash, Head, Member};
use crate::domain::audit::{AuditEvent, NOWHERE, Proof, StoredEvent};
use crate::store::{Reads, Sql, StoreError, Tx, statement};

/// Names the lock of whoever changes batches; it is one per schema, as tests share a database.
const LOCK: &str =
    "SELECT pg_try_advisory_xact_lock(hashtext('vouchsafe-audit:' || current_schema())) AS mine";
/// Bytes of an environment and an event in the list of members.
const MEMBER: usize = 32;

fn bad(row: &Model, what: &'static str) -> StoreError {
    StoreError::Inconsistent { table: "audit_batch", id: row.seq.to_string(), what }
}

fn hash(row: &Model, bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| bad(row, "a hash of another length"))
}

fn head(row: &Model) -> Result<Head, StoreError> {
    Ok(Head {
        seq: row.seq,
        workspace: chain::of(Some(row.workspace_id)),
        n: row.n,
        closed_at: row.closed_at,
        count: row.count,
        root: hash(row, &row.root)?,
        head: hash(row, &row.head)?,
        signature: row.signature.clone(),
    })
}

fn batch(row: &Model) -> Result<Batch, StoreError> {
    Ok(Batch {
        head: head(row)?,
        members: row.members.as_deref().map(members),
        removal: row.removed_at.zip(row.removal.clone()),
        addresses: row.addresses,
        erasure: row.erasure.clone(),
    })
}

fn members(bytes: &[u8]) -> Vec<Member> {
    let id = |bytes: &[u8]| uuid::Uuid::from_slice(bytes).unwrap_or_default();
    let member =
        |bytes: &[u8]| (EnvironmentId::new(id(&bytes[..16])), AuditEventId::new(id(&bytes[16..MEMBER])));
    bytes.chunks_exact(MEMBER).map(member).collect()
}

fn encoded(members: &[Member]) -> Vec<u8> {
    let pair = |(environment, id): &Member| [*environment.uuid().as_bytes(), *id.uuid().as_bytes()].concat();
    members.iter().flat_map(pair).collect()
}

/// Holds batches until the transaction ends; false where another replica does.
pub async fn lock(tx: &Tx) -> Result<bool, StoreError> {
    // SQLite needs no lock: a writing transaction is alone.
    if !tx.is_postgres() {
        return Ok(true);
    }
    let row = tx.connection().query_one_raw(statement(tx.connection(), LOCK, [])).await?;
    Ok(row.map(|row| row.try_get("", "mine")).transpose()?.unwrap_or(false))
}

/// Whether any event is in no batch yet.
pub async fn any_waits(db: &impl Reads) -> Result<bool, StoreError> {
    Ok(audit_unsealed::Entity::find().one(db.connection()).await?.is_some())
}

/// An event that is in no batch yet.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// In whose chain; none = the hub's.
    pub workspace: Option<WorkspaceId>,
    /// The event.
    pub member: Member,
    /// Its MAC.
    pub mac: Vec<u8>,
    /// Whether its address is kept.
    pub has_address: bool,
    /// When it happened.
    pub at: Millis,
    /// What was done.
    pub action: Cow<'static, str>,
    /// `ok`, or what came of it instead.
    pub result: Cow<'static, str>,
}

impl From<(&AuditEvent, Proof)> for Waiting {
    fn from((event, proof): (&AuditEvent, Proof)) -> Self {
        Self {
            workspace: event.chain(),
            member: event.member(),
            mac: proof.mac,
            has_address: event.address.is_some(),
            at: event.at,
            action: event.action.clone(),
            result: event.result.clone(),
        }
    }
}

/// The events that are in no batch yet, oldest first. An event that was committed late is among them, however small
/// its id is.
pub async fn waiting(tx: &Tx, limit: usize) -> Result<Vec<Waiting>, StoreError> {
    #[derive(FromQueryResult)]
    struct Row {
        environment_id: EnvironmentId,
        id: AuditEventId,
        workspace_id: Option<WorkspaceId>,
        mac: Vec<u8>,
        has_address: bool,
        at: Millis,
        action: String,
        result: String,
    }
    let sql = "SELECT e.environment_id, e.id, e.workspace_id, e.mac, e.address IS NOT NULL AS has_address, \
        e.at, e.action, e.result \
        FROM audit_unsealed u JOIN audit_event e ON e.environment_id = u.environment_id AND e.id = u.id \
        ORDER BY u.id LIMIT $1";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql, [limit.into()])).await?;
    let event = |row: Row| Waiting {
        workspace: chain::of(row.workspace_id),
        member: (row.environment_id, row.id),
        mac: row.mac,
        has_address: row.has_address,
        at: row.at,
        action: row.action.into(),
        result: row.result.into(),
    };
    rows.iter().map(|row| Ok(event(Row::from_query_result(row, "")?))).collect()
}

/// The place after which a batch of each of these workspaces comes: the last `n` and head. And the last `seq` of all.
pub async fn ends(
    tx: &Tx,
    workspaces: impl IntoIterator<Item = Option<WorkspaceId>>,
) -> Result<(HashMap<Option<WorkspaceId>, (i64, Hash)>, i64), StoreError> {
    let ids: Vec<WorkspaceId> = workspaces.into_iter().map(|id| id.unwrap_or(NOWHERE)).collect();
    let mut sql = Sql::default();
    let names: Vec<String> = ids.into_iter().map(|id| sql.bind(id)).collect();
    sql.text = format!(
        "SELECT b.* FROM audit_batch b JOIN (SELECT workspace_id, MAX(n) AS n FROM audit_batch \
         WHERE workspace_id IN ({}) GROUP BY workspace_id) l ON l.workspace_id = b.workspace_id AND l.n = b.n",
        names.join(", ")
    );
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    let mut ends = HashMap::new();
    for row in &rows {
        let last = head(&Model::from_query_result(row, "")?)?;
        ends.insert(last.workspace, (last.n, last.head));
    }
    Ok((ends, last_seq(tx).await?))
}

/// The last `seq` of all batches; 0 where there is none.
async fn last_seq(db: &impl Reads) -> Result<i64, StoreError> {
    let last = Entity::find().select_only().column(Column::Seq).order_by_desc(Column::Seq).limit(1);
    Ok(last.into_tuple().one(db.connection()).await?.unwrap_or(0))
}

/// Stores new batches.
pub async fn close(tx: &Tx, batches: Vec<(Head, Vec<Member>, bool)>) -> Result<(), StoreError> {
    let rows = batches.into_iter().map(|(head, members, addresses)| ActiveModel {
        seq: Set(head.seq),
        workspace_id: Set(head.workspace.unwrap_or(NOWHERE)),
        n: Set(head.n),
        closed_at: Set(head.closed_at),
        count: Set(head.count),
        root: Set(head.root.to_vec()),
        head: Set(head.head.to_vec()),
        signature: Set(head.signature),
        members: Set(Some(encoded(&members))),
        removed_at: Set(None),
        removal: Set(None),
        addresses: Set(addresses),
        erasure: Set(None),
    });
    Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// The heads after `seq`, in order.
pub async fn heads_after(db: &impl Reads, seq: i64, limit: u64) -> Result<Vec<Head>, StoreError> {
    let rows = Entity::find().filter(Column::Seq.gt(seq)).order_by_asc(Column::Seq).limit(limit);
    rows.all(db.connection()).await?.iter().map(head).collect()
}

/// The batches after `seq`, in order.
pub async fn batches_after(db: &impl Reads, seq: i64, limit: u64) -> Result<Vec<Batch>, StoreError> {
    let rows = Entity::find().filter(Column::Seq.gt(seq)).order_by_asc(Column::Seq).limit(limit);
    rows.all(db.connection()).await?.iter().map(batch).collect()
}

/// One batch.
pub async fn find(db: &impl Reads, seq: i64) -> Result<Option<Batch>, StoreError> {
    Entity::find_by_id(seq).one(db.connection()).await?.as_ref().map(batch).transpose()
}

/// The heads at these places, by `seq`.
pub async fn heads_at(db: &impl Reads, seqs: Vec<i64>) -> Result<HashMap<i64, Head>, StoreError> {
    let rows = Entity::find().filter(Column::Seq.is_in(seqs)).all(db.connection()).await?;
    rows.iter().map(|row| Ok((row.seq, head(row)?))).collect()
}

/// The events of a batch that are there, by their ids.
pub async fn events_of(
    db: &impl Reads,
    members: &[Member],
) -> Result<HashMap<Member, StoredEvent>, StoreError> {
    if members.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = Sql::default();
    let rows = sql.rows(members.iter().copied());
    sql.text = format!("SELECT * FROM audit_event WHERE (environment_id, id) IN {rows}");
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    let event = |row: audit_event::Model| ((row.environment_id, row.id), StoredEvent::from(row));
    rows.iter().map(|row| Ok(event(audit_event::Model::from_query_result(row, "")?))).collect()
}

/// A part of the events that are in no batch yet, after `after`, and what is there of each.
pub async fn unsealed(
    db: &impl Reads,
    after: Option<AuditEventId>,
    limit: u64,
) -> Result<Vec<Member>, StoreError> {
    use audit_unsealed::Column;
    let mut query = audit_unsealed::Entity::find();
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = query.order_by_asc(Column::Id).limit(limit).all(db.connection()).await?;
    Ok(rows.into_iter().map(|row| (row.environment_id, row.id)).collect())
}

#[derive(FromQueryResult)]
struct Counts {
    found: i64,
    due: i64,
}

/// How many events there are, and how many there should be: those of batches, and those that wait. As of one moment.
pub async fn counts(db: &impl Reads) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM audit_event) AS found, \
        (SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM audit_batch WHERE members IS NOT NULL) \
        + (SELECT COUNT(*) FROM audit_unsealed) AS due";
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    let counts = row.map(|row| Counts::from_query_result(&row, "")).transpose()?;
    Ok(counts.map_or((0, 0), |counts| (counts.found, counts.due)))
}

/// The ids of events after `after`, in the order of the table.
pub async fn members_after(
    db: &impl Reads,
    after: Option<Member>,
    limit: u64,
) -> Result<Vec<Member>, StoreError> {
    #[derive(FromQueryResult)]
    struct Row {
        environment_id: EnvironmentId,
        id: AuditEventId,
    }
    let mut sql = Sql::default();
    let place = after.map(|(environment, id)| {
        format!("WHERE (environment_id, id) > ({}, {})", sql.bind(environment), sql.bind(id))
    });
    let limit = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.text = format!(
        "SELECT environment_id, id FROM audit_event {} ORDER BY environment_id, id LIMIT {limit}",
        place.unwrap_or_default()
    );
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    let member = |row: Row| (row.environment_id, row.id);
    rows.iter().map(|row| Ok(member(Row::from_query_result(row, "")?))).collect()
}

/// The oldest batches closed before `before` whose events are there.
pub async fn removable(tx: &Tx, before: Millis, limit: u64) -> Result<Vec<Batch>, StoreError> {
    oldest(tx, Column::Members.is_not_null(), before, limit).await
}

async fn oldest(tx: &Tx, kept: Expr, before: Millis, limit: u64) -> Result<Vec<Batch>, StoreError> {
    let found = Entity::find().filter(kept).filter(Column::ClosedAt.lt(before));
    let found = found.order_by_asc(Column::ClosedAt).order_by_asc(Column::Seq).limit(limit);
    found.all(tx.connection()).await?.iter().map(batch).collect()
}

/// Removes the events of a batch, which says so from then on.
pub async fn remove(
    tx: &Tx,
    seq: i64,
    members: &[Member],
    at: Millis,
    removal: Vec<u8>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .filter(Column::Seq.eq(seq))
        .col_expr(Column::Members, Expr::value(None::<Vec<u8>>))
        .col_expr(Column::RemovedAt, Expr::value(at))
        .col_expr(Column::Removal, Expr::value(removal))
        .col_expr(Column::Addresses, Expr::value(false))
        .exec(tx.connection())
        .await?;
    let going = members.iter().map(|(_, id)| audit_removal::ActiveModel { id: Set(*id) });
    audit_removal::Entity::insert_many(going).exec_without_returning(tx.connection()).await?;
    of_members(tx, "DELETE FROM audit_event WHERE", members).await?;
    audit_removal::Entity::delete_many().exec(tx.connection()).await?;
    Ok(())
}

/// The oldest batches closed before `before` whose addresses are there.
pub async fn with_addresses(tx: &Tx, before: Millis, limit: u64) -> Result<Vec<Batch>, StoreError> {
    // As the index has it: SQLite finds no other words for the same in it.
    oldest(tx, Expr::cust("addresses"), before, limit).await
}

/// Erases the addresses of a batch, which says so from then on.
pub async fn erase(tx: &Tx, seq: i64, members: &[Member], erasure: Vec<u8>) -> Result<(), StoreError> {
    Entity::update_many()
        .filter(Column::Seq.eq(seq))
        .col_expr(Column::Addresses, Expr::value(false))
        .col_expr(Column::Erasure, Expr::value(erasure))
        .exec(tx.connection())
        .await?;
    of_members(tx, "UPDATE audit_event SET address = NULL, address_salt = NULL WHERE", members).await
}

/// Runs a statement on the events of a batch.
async fn of_members(tx: &Tx, what: &str, members: &[Member]) -> Result<(), StoreError> {
    let mut sql = Sql::default();
    let rows = sql.rows(members.iter().copied());
    sql.text = format!("{what} (environment_id, id) IN {rows}");
    let connection = tx.connection();
    connection.execute_raw(statement(connection, sql.text, sql.values)).await?;
    Ok(())
}

/// Events without a MAC: those from before the chain began.
pub async fn without_mac(tx: &Tx, limit: u64) -> Result<Vec<StoredEvent>, StoreError> {
    let sql = "SELECT e.* FROM audit_unsealed u JOIN audit_event e \
        ON e.environment_id = u.environment_id AND e.id = u.id WHERE length(e.mac) = 0 LIMIT $1";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql, [limit.into()])).await?;
    rows.iter().map(|row| Ok(audit_event::Model::from_query_result(row, "")?.into())).collect()
}

/// Gives events from before the chain their MAC; their addresses go.
pub async fn put_macs(tx: &Tx, macs: Vec<(Member, Vec<u8>)>) -> Result<(), StoreError> {
    let connection = tx.connection();
    let sql = "UPDATE audit_event SET mac = $1, address = NULL WHERE environment_id = $2 AND id = $3";
    for ((environment, id), mac) in macs {
        let values: [Value; 3] = [mac.into(), environment.into(), id.into()];
        connection.execute_raw(statement(connection, sql, values)).await?;
    }
    Ok(())
}
