//! The harness about itself: what it reports as missing, how it waits, which database it stands on.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sea_orm::{ConnectionTrait as _, Database, Statement};

use crate::support::app::TestApp;
use crate::support::components::{Component, require, skip};
use crate::support::wait::eventually;

#[test]
fn a_missing_component_is_recorded_with_test_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("skips.txt");
    skip("first", Component::Chromium, false, &record);
    skip("second", Component::Node, false, &record);
    assert_eq!(
        fs::read_to_string(&record).unwrap(),
        "first: chromium is missing (apt-get install chromium)\n\
         second: node is missing (npm ci in tests/tools)\n"
    );
}

#[test]
fn a_missing_component_fails_in_ci() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("skips.txt");
    let outcome = catch_unwind(|| skip("a test", Component::Chromedriver, true, &record));
    assert!(outcome.is_err());
    assert!(!record.exists());
}

#[tokio::test]
async fn waiting_ends_with_the_first_success() {
    let tries = std::cell::Cell::new(0);
    let value = eventually("the third try", async || {
        tries.set(tries.get() + 1);
        if tries.get() == 3 { Ok("done") } else { Err(tries.get()) }
    })
    .await;
    assert_eq!((value, tries.get()), ("done", 3));
}

#[tokio::test]
async fn a_story_in_which_a_request_failed_inside_the_hub_fails() {
    let Some(app) = TestApp::start().await else { return };
    app.rows("ALTER TABLE integration RENAME TO elsewhere").await;
    app.as_key().get("/integrations").await.assert_problem(500, "internal_error");
    assert!(catch_unwind(AssertUnwindSafe(|| drop(app))).is_err());
}

#[tokio::test]
async fn the_chosen_database_answers() {
    let url = if std::env::var("TEST_DB").is_ok_and(|kind| kind == "postgres") {
        let Some(url) = require(Component::Postgres) else {
            return;
        };
        url
    } else {
        "sqlite::memory:".to_owned()
    };
    let connection = Database::connect(url).await.unwrap();
    let statement = Statement::from_string(connection.get_database_backend(), "SELECT 40 + 2 AS answer");
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    assert_eq!(row.try_get::<i32>("", "answer").unwrap(), 42);
}
