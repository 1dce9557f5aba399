//! Audit events. Nothing here changes or removes one.

pub mod chain;
pub mod several;

use std::borrow::Cow;
use std::sync::LazyLock;

use sea_orm::sea_query::{Expr, Func};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult as _, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait as _, Select, Value,
};
use vouchsafe_entity::audit_event::{Column, Entity, Model};
use vouchsafe_entity::id::{AuditEventId, EnvironmentId, MemberId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

use super::{Reads, Sql, StoreError, Tx, UNLIKELY, statement};
use crate::domain::audit::{AuditEvent, Proof, StoredEvent};
use crate::domain::page::{Page, PageRequest};

/// What its cursors call this list.
const LIST: &str = "audit_events";

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
    let mut events = newest(db, within(environment), filter, page).await?;
    events.extend(newest(db, beside(workspace), filter, page).await?);
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    Ok(Page::of(LIST, events, page.limit, |event: &AuditEvent| event.id.to_string()))
}

/// How many of them there are; counting stops behind `most` of the environment and as many beside.
pub async fn count(
    db: &impl Reads,
    environment: EnvironmentId,
    workspace: Option<WorkspaceId>,
    filter: &AuditFilter,
    most: u64,
) -> Result<u64, StoreError> {
    let own = counted(db, within(environment), filter, most).await?;
    Ok(own + counted(db, beside(workspace), filter, most).await?)
}

async fn counted(
    db: &impl Reads,
    place: Condition,
    filter: &AuditFilter,
    most: u64,
) -> Result<u64, StoreError> {
    let connection = db.connection();
    let backend = connection.get_database_backend();
    let fitting = listed(backend, place, filter, None, most).select_only().column(Column::Id).build(backend);
    let sql = format!("SELECT COUNT(*) AS found FROM ({}) AS fitting", fitting.sql);
    let values = fitting.values.map(|values| values.0).unwrap_or_default();
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    let found: i64 = row.map(|row| row.try_get("", "found")).transpose()?.unwrap_or(0);
    Ok(found.unsigned_abs())
}

fn within(environment: EnvironmentId) -> Condition {
    Condition::all().add(Column::EnvironmentId.eq(environment))
}

/// What concerns the hub itself. What concerns a workspace is for its own members alone.
fn beside(workspace: Option<WorkspaceId>) -> Condition {
    let whose = Condition::any().add(Column::WorkspaceId.is_null());
    let whose = workspace.into_iter().fold(whose, |any, id| any.add(Column::WorkspaceId.eq(id)));
    Condition::all().add(Column::EnvironmentId.eq(HUB)).add(whose)
}

/// Those where `column` is `value`, which are few.
fn few(backend: DbBackend, column: Column, value: impl Into<Value>) -> Expr {
    let meets = column.eq(value);
    match backend {
        DbBackend::Postgres => meets,
        _ => Func::cust(UNLIKELY).arg(meets).into(),
    }
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
    if environments.is_empty() {
        return Ok(Vec::new());
    }
    let connection = db.connection();
    let sql = latest_sql(connection.get_database_backend(), environments, action, author, from, limit);
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    rows.iter().map(|row| Ok(Model::from_query_result(row, "")?.into())).collect()
}

fn latest_sql(
    backend: DbBackend,
    environments: &[EnvironmentId],
    action: &str,
    author: Option<&str>,
    from: AuditEventId,
    limit: u64,
) -> Sql {
    // A part for each environment: asked for all at once, SQLite goes through everything since `from`.
    let mut sql = Sql::default();
    let (action, from) = (sql.bind(action), sql.bind(from));
    let most = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let author = author.map(|author| format!("AND actor_id = {}", sql.bind(author))).unwrap_or_default();
    let few = super::few(backend);
    let parts: Vec<String> = environments
        .iter()
        .map(|environment| {
            let here = sql.bind(*environment);
            format!(
                "SELECT * FROM (SELECT * FROM audit_event WHERE environment_id = {here} AND {few}(action = {action}) \
                 AND id >= {from} AND result = 'ok' {author} ORDER BY id DESC LIMIT {most}) AS part"
            )
        })
        .collect();
    sql.text = format!("{} ORDER BY id DESC LIMIT {most}", parts.join(" UNION ALL "));
    sql
}

/// What the index `idx_audit_event_changes` leaves out of the events of credentials: their uses.
const CHANGES: &str = "action <> 'credential.token' AND action <> 'proxy.call' AND action <> 'proxy.begin'";

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
    let (connection, after) = (db.connection(), page.after_in(LIST)?);
    let query = about(connection.get_database_backend(), environment, target, which, after, page.limit);
    let rows = query.all(connection).await?;
    let events = rows.into_iter().map(AuditEvent::from).collect();
    Ok(Page::of(LIST, events, page.limit, |event: &AuditEvent| event.id.to_string()))
}

/// As many as a page has, and one more, of one credential.
fn about(
    backend: DbBackend,
    environment: EnvironmentId,
    target: &str,
    which: Which,
    after: Option<&str>,
    limit: u64,
) -> Select<Entity> {
    const CREDENTIAL: &str = "target_type = 'credential'";
    let mut query = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(few(backend, Column::TargetId, target))
        .filter(Expr::cust(CREDENTIAL));
    if which == Which::Changes {
        query = query.filter(Expr::cust(CHANGES));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.order_by_desc(Column::Id).limit(limit + 1)
}

/// As many as a page has, and one more.
async fn newest(
    db: &impl Reads,
    place: Condition,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Vec<AuditEvent>, StoreError> {
    let backend = db.connection().get_database_backend();
    let query = listed(backend, place, filter, page.after_in(LIST)?, page.limit);
    let rows = query.all(db.connection()).await?;
    Ok(rows.into_iter().map(AuditEvent::from).collect())
}

fn listed(
    backend: DbBackend,
    place: Condition,
    filter: &AuditFilter,
    after: Option<&str>,
    limit: u64,
) -> Select<Entity> {
    let mut query = Entity::find().filter(place);
    if let Some(action) = &filter.action {
        query = query.filter(few(backend, Column::Action, action.as_str()));
    }
    if let Some(target) = &filter.target {
        query = query.filter(few(backend, Column::TargetId, target.as_str()));
    }
    if let Some(member) = filter.member {
        // Written out as the index of what members did has it.
        let author = few(backend, Column::ActorId, member.to_string());
        query = query.filter(author).filter(Expr::cust("actor_type = 'member'"));
    }
    // Ids are made of the time, a little before the event: what they leave in is looked at again.
    if let Some(since) = filter.since {
        query = query.filter(Column::Id.gte(earliest(since.plus(-MARGIN)))).filter(Column::At.gte(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(Column::Id.lt(earliest(until.plus(MARGIN)))).filter(Column::At.lt(until));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.order_by_desc(Column::Id).limit(limit + 1)
}

/// What lists of audit events ask SQLite, for the test of its plans, each by what it must find them.
#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, String)> {
    const BACKEND: DbBackend = DbBackend::Sqlite;
    let (action, target) = (Some("user.create".to_owned()), Some("user_x".to_owned()));
    let member = Some(MemberId::new(uuid::Uuid::nil()));
    let (since, until) = (Some(Millis(1)), Some(Millis(2)));
    let of_action = AuditFilter { action: action.clone(), ..AuditFilter::default() };
    let of_target = AuditFilter { action, target, ..AuditFilter::default() };
    let of_span = AuditFilter { since, until, ..of_action.clone() };
    let of_member = AuditFilter { member, ..AuditFilter::default() };
    let mut all = Vec::new();
    for after in [None, Some("audit_x")] {
        let place = Condition::all().add(Column::EnvironmentId.eq(HUB));
        let list =
            |filter: &AuditFilter| listed(BACKEND, place.clone(), filter, after, 25).build(BACKEND).sql;
        let about = |which: Which| about(BACKEND, HUB, "cred_x", which, after, 25).build(BACKEND).sql;
        all.extend([
            ("idx_audit_event_environment_id_action_id", list(&of_action)),
            ("idx_audit_event_environment_id_action_id", list(&of_span)),
            ("idx_audit_event_environment_id_target_id_id", list(&of_target)),
            ("idx_audit_event_members", list(&of_member)),
            ("idx_audit_event_changes", about(Which::Changes)),
            ("idx_audit_event_environment_id_target_id_id", about(Which::All)),
            ("PRIMARY KEY", list(&AuditFilter::default())),
        ]);
    }
    let from = earliest(Millis(1));
    let latest = latest_sql(BACKEND, &[HUB, HUB], "secret.reveal", Some("x"), from, 3);
    all.push(("idx_audit_event_environment_id_action_id", latest.text));
    all
}
