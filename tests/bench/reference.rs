//! The least that a token read could be: an axum handler that reads one row of SQLite by its primary key with
//! constant SQL, without a key to check and without anything to open.

use std::path::Path;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const SQL: &str = "SELECT name, sealed FROM credential c JOIN credential_token t \
    ON t.environment_id = c.environment_id AND t.credential_id = c.id WHERE c.environment_id = $1 AND c.id = $2";

#[derive(Clone)]
struct Shared {
    database: DatabaseConnection,
    key: (String, String),
}

/// Serves until it is ended; prints its address first.
pub(crate) async fn serve(file: &Path, id: &str) {
    let mut options = ConnectOptions::new(format!("sqlite://{}", file.display()));
    // The pool of the product's readers.
    options
        .max_connections(8)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| options.pragma("query_only", "on"));
    let database = Database::connect(options).await.unwrap();
    let find = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "SELECT environment_id FROM credential WHERE id = $1",
        [id.into()],
    );
    let row = database.query_one_raw(find).await.unwrap().unwrap();
    let environment: String = row.try_get("", "environment_id").unwrap();
    let key = (environment, id.to_owned());
    let router = Router::new().route("/", get(read)).with_state(Shared { database, key });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn read(State(shared): State<Shared>) -> Json<Value> {
    let (environment, id) = shared.key;
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, SQL, [environment.into(), id.into()]);
    let row = shared.database.query_one_raw(statement).await.unwrap().unwrap();
    let sealed: Vec<u8> = row.try_get("", "sealed").unwrap();
    Json(json!({ "fields": { "key": row.try_get::<String>("", "name").unwrap(), "length": sealed.len() } }))
}
