//! A database that says nothing and writes nothing: new tokens are not dropped for it.

use vouchsafe::demo::fake::RefreshKind;

use crate::support::app::{Setup, TestApp};
use crate::support::database::is_postgres;
use crate::support::refreshing::{Alerts, standing};
use crate::support::wait::eventually;

/// Past the hub: whether rows take new tokens.
async fn take_tokens(app: &TestApp, take: bool) {
    let statements: &[&str] = match (is_postgres(), take) {
        (false, true) => &["DROP TRIGGER keep_tokens"],
        (false, false) => &["CREATE TRIGGER keep_tokens BEFORE UPDATE ON credential_token \
            WHEN NEW.token_version > OLD.token_version BEGIN SELECT RAISE(IGNORE); END"],
        (true, true) => &["DROP TRIGGER keep_tokens ON credential_token"],
        (true, false) => &[
            "CREATE FUNCTION keep_tokens() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
            "CREATE TRIGGER keep_tokens BEFORE UPDATE ON credential_token FOR EACH ROW \
            WHEN (NEW.token_version > OLD.token_version) EXECUTE FUNCTION keep_tokens()",
        ],
    };
    for sql in statements {
        app.rows(sql).await;
    }
}

#[tokio::test]
async fn tokens_that_a_row_does_not_take_are_written_once_it_does_and_given_back_once_it_is_gone() {
    for gone in [false, true] {
        let alerts = Alerts::listen();
        let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
        take_tokens(&app, false).await;
        app.hub.work_off_due().await.unwrap();
        eventually("a row that takes nothing", async || match alerts.count("a held credential has moved") {
            0 => Err("not yet"),
            _ => Ok(()),
        })
        .await;
        if gone {
            app.rows(&format!("DELETE FROM credential WHERE id = '{credential}'")).await;
            app.settle().await;
            eventually("the end of the grant", async || {
                app.hub.work_off_revocations().await.unwrap();
                let grant = app.fake.grants().remove(0);
                if grant.alive { Err(grant) } else { Ok(()) }
            })
            .await;
            continue;
        }
        take_tokens(&app, true).await;
        app.settle().await;
        assert_eq!(app.standing(&credential).await, standing("active", "", ""));
        let grant = app.fake.grants().remove(0);
        assert_eq!((grant.alive, grant.version, grant.at(1).requests), (true, 2, 1));
    }
}

#[tokio::test]
async fn tokens_that_a_row_goes_on_refusing_are_left_to_a_sweep() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    take_tokens(&app, false).await;
    app.round().await;
    take_tokens(&app, true).await;
    assert_eq!(app.standing(&credential).await, standing("active", "refreshing", ""));
    app.hub.sweep().await.unwrap();
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let grant = app.fake.grants().remove(0);
    assert_eq!((grant.alive, grant.version, grant.at(1).requests), (true, 2, 1));
}
