//! What users and secrets are searched by, in lower case: a database knows no letters beyond ASCII, or those of its
//! locale.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text, text_null};
use sea_orm_migration::sea_orm::{QueryResult, Statement};

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The most rows that are read at once.
const BATCH: usize = 1_000;

/// Enough for whatever has only ASCII in it.
const FILL: [&str; 2] = [
    "UPDATE \"user\" SET search_text = LOWER(username || '\n' || COALESCE(full_name, '') || '\n' \
     || COALESCE(email, '') || '\n' || COALESCE(organization, ''))",
    "UPDATE secret SET issuer_lower = LOWER(issuer)",
];
const USERS: &str = "SELECT environment_id AS place, id, username, full_name, email, organization FROM \"user\" \
    WHERE octet_length(search_text) > length(search_text) AND (environment_id, id) > ($1, $2) \
    ORDER BY environment_id, id";
const USER: &str = "UPDATE \"user\" SET search_text = $1 WHERE environment_id = $2 AND id = $3";
const SECRETS: &str = "SELECT workspace_id AS place, id, issuer FROM secret \
    WHERE octet_length(issuer_lower) > length(issuer_lower) AND (workspace_id, id) > ($1, $2) \
    ORDER BY workspace_id, id";
const SECRET: &str = "UPDATE secret SET issuer_lower = $1 WHERE workspace_id = $2 AND id = $3";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let search_text = text("search_text").default("").to_owned();
        manager.alter_table(Table::alter().table("user").add_column(search_text).to_owned()).await?;
        let issuer_lower = text_null("issuer_lower");
        manager.alter_table(Table::alter().table("secret").add_column(issuer_lower).to_owned()).await?;
        let connection = manager.get_connection();
        for sql in FILL {
            connection.execute_unprepared(sql).await?;
        }
        lower(connection, USERS, &["username", "full_name", "email", "organization"], USER).await?;
        lower(connection, SECRETS, &["issuer"], SECRET).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let issuer_lower = Table::alter().table("secret").drop_column("issuer_lower").to_owned();
        manager.alter_table(issuer_lower).await?;
        manager.alter_table(Table::alter().table("user").drop_column("search_text").to_owned()).await
    }

    /// SQLite would else wait for its disk at every row.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Writes `parts` of the rows that `select` finds in lower case, by `update`.
async fn lower(
    connection: &SchemaManagerConnection<'_>,
    select: &str,
    parts: &[&str],
    update: &str,
) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    let select = format!("{select} LIMIT {BATCH}");
    let (mut place, mut id) = (String::new(), String::new());
    loop {
        let after: [Value; 2] = [place.clone().into(), id.clone().into()];
        let page = Statement::from_sql_and_values(backend, select.as_str(), after);
        let rows = connection.query_all_raw(page).await?;
        let page: Vec<Found> = rows.iter().map(|row| found(row, parts)).collect::<Result<_, _>>()?;
        drop(rows);
        let last = page.len() < BATCH;
        for one in page {
            (place, id) = (one.place, one.id);
            let values: [Value; 3] = [one.text.into(), place.clone().into(), id.clone().into()];
            connection.execute_raw(Statement::from_sql_and_values(backend, update, values)).await?;
        }
        if last {
            return Ok(());
        }
    }
}

/// A row, and what it is found by.
struct Found {
    place: String,
    id: String,
    text: String,
}

fn found(row: &QueryResult, parts: &[&str]) -> Result<Found, DbErr> {
    let texts = parts.iter().map(|part| Ok(row.try_get::<Option<String>>("", part)?.unwrap_or_default()));
    let texts = texts.collect::<Result<Vec<String>, DbErr>>()?;
    Ok(Found {
        place: row.try_get("", "place")?,
        id: row.try_get("", "id")?,
        text: texts.join("\n").to_lowercase(),
    })
}
