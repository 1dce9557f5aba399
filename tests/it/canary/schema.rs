//! A schema of PostgreSQL, whose tables are read as a thief of the database would.

use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};

use super::searcher::Search;

pub(super) struct Schema {
    pub(super) url: String,
    /// Nothing is kept beside a server, so that the hub is given its master key.
    pub(super) master_key: String,
}

impl Schema {
    /// What is found in any column of any table.
    pub(super) async fn search(&self, search: &Search) -> Vec<String> {
        let database = Database::connect(&self.url).await.unwrap();
        let rows = async |sql: String| {
            database.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap()
        };
        let columns = "SELECT table_name::text AS place, column_name::text AS name, data_type = 'bytea' AS raw \
             FROM information_schema.columns WHERE table_schema = current_schema()";
        let mut hits = Vec::new();
        for column in rows(columns.to_owned()).await {
            let place: String = column.try_get("", "place").unwrap();
            let name: String = column.try_get("", "name").unwrap();
            let value = if column.try_get("", "raw").unwrap() {
                format!("\"{name}\"")
            } else {
                format!("convert_to(\"{name}\"::text, 'UTF8')")
            };
            let sql = format!("SELECT {value} AS value FROM \"{place}\" WHERE \"{name}\" IS NOT NULL");
            let values = rows(sql).await;
            let values: Vec<Vec<u8>> = values.iter().map(|row| row.try_get("", "value").unwrap()).collect();
            let found = search.find(&values.join(&b'\n')).into_iter();
            hits.extend(found.map(|hit| format!("{hit} in {place}.{name}")));
        }
        database.close().await.unwrap();
        hits
    }

    /// Leaves `leak` in a table, once as text, once in a document, once as bytes.
    pub(super) async fn plant(&self, leak: &str) {
        let database = Database::connect(&self.url).await.unwrap();
        let sql = format!(
            "CREATE TABLE planted (words text, document jsonb, bytes bytea); \
             INSERT INTO planted VALUES ('{leak}', '[\"{leak}\"]', '{leak}')"
        );
        database.execute_unprepared(&sql).await.unwrap();
        database.close().await.unwrap();
    }
}
