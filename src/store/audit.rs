//! Audit events. Nothing here changes or removes one.

pub mod chain;

use std::borrow::Cow;
use std::sync::LazyLock;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value,
};
use vouchsafe_entity::audit_event::{Column, Entity, Model};
use vouchsafe_entity::id::{AuditEventId, EnvironmentId, MemberId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx, statement};
use crate::domain::audit::{AuditEvent, Proof, StoredEvent};
use crate::domain::page::{Page, PageRequest};

/// Milliseconds by which an event's id and its time may differ.
const MARGIN: i64 = 60_000;
/// Stands for the environment of what concerns the hub itself.
const HUB: EnvironmentId = EnvironmentId::new(uuid::Uuid::nil());

impl From<Model> for AuditEvent {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            workspace: row.workspace_id,
            environment: Some(row.environment_id).filter(|id| *id != HUB),
            at: row.at,
            action: row.action.into(),
            actor_type: row.actor_type.into(),
            actor_id: row.actor_id,
            target_type: row.target_type.into(),
            target_id: row.target_id,
            result: row.result.into(),
            reason: row.reason,
            request_id: row.request_id.map(Into::into),
            address: row.address,
        }
    }
}

impl From<Model> for StoredEvent {
    fn from(mut row: Model) -> Self {
        let proof = Proof {
            address_salt: row.address_salt.take(),
            address_hash: row.address_hash.take(),
            mac: std::mem::take(&mut row.mac),
        };
        Self { event: row.into(), proof }
    }
}

/// The columns, in the order of [`values`].
const COLUMNS: [&str; 16] = [
    "environment_id",
    "id",
    "workspace_id",
    "at",
    "action",
    "actor_type",
    "actor_id",
    "target_type",
    "target_id",
    "result",
    "reason",
    "request_id",
    "address",
    "address_salt",
    "address_hash",
    "mac",
];

/// Rows of one statement; what is left over goes in smaller ones. The sizes are few, so that each statement is built
/// and prepared once: reads write a row each, thousands in a second.
const SIZES: [usize; 3] = [100, 10, 1];

/// The statements of [`SIZES`], with the placeholders of SQLite and of PostgreSQL.
static INSERTS: LazyLock<[(String, String); 3]> = LazyLock::new(|| {
    SIZES
        .map(|rows| (insert_statement(rows, |_| "?".to_owned()), insert_statement(rows, |n| format!("${n}"))))
});

fn insert_statement(rows: usize, placeholder: impl Fn(usize) -> String) -> String {
    let row = |row: usize| {
        let numbers = row * COLUMNS.len() + 1..=(row + 1) * COLUMNS.len();
        format!("({})", numbers.map(&placeholder).collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    format!("INSERT INTO audit_event ({}) VALUES {}", COLUMNS.join(", "), rows.join(", "))
}

fn values((event, proof): &(&AuditEvent, Proof)) -> [Value; 16] {
    let word = |word: &Cow<'static, str>| Value::from(word.as_ref());
    [
        event.environment.unwrap_or(HUB).into(),
        event.id.into(),
        event.workspace.into(),
        event.at.into(),
        word(&event.action),
        word(&event.actor_type),
        event.actor_id.clone().into(),
        word(&event.target_type),
        event.target_id.clone().into(),
        word(&event.result),
        event.reason.clone().into(),
        event.request_id.as_deref().map(str::to_owned).into(),
        event.address.clone().into(),
        proof.address_salt.clone().into(),
        proof.address_hash.clone().into(),
        proof.mac.clone().into(),
    ]
}

/// Stores audit events, each with its proof.
pub async fn insert(tx: &Tx, events: &[(&AuditEvent, Proof)]) -> Result<(), StoreError> {
    let mut left = events;
    for (size, (sqlite, postgres)) in SIZES.iter().zip(INSERTS.iter()) {
        let sql = if tx.is_postgres() { postgres } else { sqlite };
        while let Some((rows, rest)) = left.split_at_checked(*size) {
            let insert = statement(tx.connection(), sql, rows.iter().flat_map(values));
            tx.connection().execute_raw(insert).await?;
            left = rest;
        }
    }
    Ok(())
}

/// Which audit events are wanted.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this action.
    pub action: Option<String>,
    /// About this thing, by its id.
    pub target: Option<String>,
    /// Of this member.
    pub member: Option<MemberId>,
    /// Since this moment.
    pub since: Option<Millis>,
    /// Before this moment.
    pub until: Option<Millis>,
}

/// The audit events of an environment and of the hub itself, newest first; with `workspace` also those that concern that
/// workspace and no environment.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    workspace: Option<WorkspaceId>,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditEvent>, StoreError> {
    let own = Condition::all().add(Column::EnvironmentId.eq(environment));
    let mut events = newest(db, own, filter, page).await?;
    // What concerns a workspace is for its own members alone.
    let whose = Condition::any().add(Column::WorkspaceId.is_null());
    let whose = workspace.into_iter().fold(whose, |any, id| any.add(Column::WorkspaceId.eq(id)));
    let hub = Condition::all().add(Column::EnvironmentId.eq(HUB)).add(whose);
    events.extend(newest(db, hub, filter, page).await?);
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    Ok(Page::of(events, page.limit, |event: &AuditEvent| event.id.to_string()))
}

/// The least id that an event of `at` can have.
fn earliest(at: Millis) -> AuditEventId {
    AuditEventId::new(
        uuid::Builder::from_unix_timestamp_millis(at.0.max(0).unsigned_abs(), &[0; 10]).into_uuid(),
    )
}

/// The latest events since `from` of an action in one of `environments` that came about, those of `author` alone where
/// asked; at most `limit`.
pub async fn latest(
    db: &impl Reads,
    environments: &[EnvironmentId],
    action: &str,
    author: Option<&str>,
    from: AuditEventId,
    limit: u64,
) -> Result<Vec<AuditEvent>, StoreError> {
    let mut query = Entity::find()
        .filter(Column::EnvironmentId.is_in(environments.iter().copied()))
        .filter(Column::Action.eq(action))
        .filter(Column::Id.gte(from))
        .filter(Column::Result.eq("ok"));
    if let Some(author) = author {
        query = query.filter(Column::ActorId.eq(author));
    }
    let rows = query.order_by_desc(Column::Id).limit(limit).all(db.connection()).await?;
    Ok(rows.into_iter().map(AuditEvent::from).collect())
}

/// Which audit events of a credential are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All but its uses. The condition is that of the index `idx_audit_event_changes`.
    Changes,
    /// All.
    All,
}

/// The audit events of one credential, newest first.
pub async fn of_target(
    db: &impl Reads,
    environment: EnvironmentId,
    target: &str,
    which: Which,
    page: &PageRequest,
) -> Result<Page<AuditEvent>, StoreError> {
    const CREDENTIAL: &str = "target_type = 'credential'";
    const CHANGES: &str = "action NOT IN ('proxy.begin', 'proxy.call', 'credential.token')";
    let mut query = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::TargetId.eq(target))
        .filter(sea_orm::sea_query::Expr::cust(CREDENTIAL));
    if which == Which::Changes {
        query = query.filter(sea_orm::sea_query::Expr::cust(CHANGES));
    }
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.lt(after.as_str()));
    }
    let rows = query.order_by_desc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    let events = rows.into_iter().map(AuditEvent::from).collect();
    Ok(Page::of(events, page.limit, |event: &AuditEvent| event.id.to_string()))
}

/// As many as a page has, and one more.
async fn newest(
    db: &impl Reads,
    place: Condition,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Vec<AuditEvent>, StoreError> {
    let mut query = Entity::find().filter(place);
    if let Some(action) = &filter.action {
        query = query.filter(Column::Action.eq(action));
    }
    if let Some(target) = &filter.target {
        query = query.filter(Column::TargetId.eq(target));
    }
    if let Some(member) = filter.member {
        // Written out as the index of what members did has it.
        query =
            query.filter(Column::ActorId.eq(member.to_string())).filter(Expr::cust("actor_type = 'member'"));
    }
    // Ids are made of the time, a little before the event: what they leave in is looked at again.
    if let Some(since) = filter.since {
        query = query.filter(Column::Id.gte(earliest(since.plus(-MARGIN)))).filter(Column::At.gte(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(Column::Id.lt(earliest(until.plus(MARGIN)))).filter(Column::At.lt(until));
    }
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.lt(after.as_str()));
    }
    let rows = query.order_by_desc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    Ok(rows.into_iter().map(AuditEvent::from).collect())
}
