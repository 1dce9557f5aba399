//! A replica whose clock differs from the database's does not start: leases and ends would mean different moments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use vouchsafe::app::{self, BuildError, Deps, Health, Running, ServeError};
use vouchsafe::clock::{Clock, SystemClock};
use vouchsafe::config::Config;
use vouchsafe::random::SystemRandom;
use vouchsafe::vault::MasterKey;

use crate::support::database::Fresh;

/// The clock of the machine, so many seconds ahead.
struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::seconds(self.0)
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime()
    }
}

fn config(fresh: &Fresh) -> Config {
    let variables = BTreeMap::from([
        ("VOUCHSAFE_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("VOUCHSAFE_DATA_DIR".to_owned(), fresh.folder.path().display().to_string()),
        ("VOUCHSAFE_DATABASE_URL".to_owned(), fresh.url.clone()),
        ("VOUCHSAFE_MASTER_KEY".to_owned(), MasterKey::random("t", &SystemRandom).to_text().to_string()),
    ]);
    Config::from_variables(&variables).unwrap()
}

fn ahead(seconds: i64) -> Deps {
    Deps { clock: Arc::new(Ahead(seconds)), ..Deps::default() }
}

#[tokio::test]
async fn a_look_at_the_deployment_compares_the_clocks() {
    let Some(fresh) = Fresh::postgres().await else { return };
    let config = config(&fresh);
    Running::start(&config, Deps::default(), None).await.unwrap().stop().await;
    for (seconds, health) in [
        (0, Health::Ok),
        (6, Health::Warning),
        (-29, Health::Warning),
        (32, Health::Fails),
        (-32, Health::Fails),
    ] {
        let findings = app::examine(&config, &ahead(seconds)).await;
        let clock = findings.iter().find(|finding| finding.part == "clock").unwrap();
        assert_eq!(clock.health, health, "{seconds}: {clock:?}");
        let others = findings.iter().filter(|finding| finding.part != "clock");
        let failing: Vec<_> = others.filter(|finding| finding.health.exit_code() != 0).collect();
        assert!(failing.is_empty(), "{failing:?}");
    }
}

#[tokio::test]
async fn r9_more_than_30_seconds_of_skew_refuse_the_start() {
    let Some(fresh) = Fresh::postgres().await else { return };
    let config = config(&fresh);
    for (seconds, words) in [
        (0, None),
        (6, None),
        (29, None),
        (-29, None),
        (32, Some("ahead of that of the database")),
        (-32, Some("behind that of the database")),
        (86_400, Some("ahead of")),
    ] {
        match (Running::start(&config, ahead(seconds), None).await, words) {
            (Ok(running), None) => running.stop().await,
            (Err(error @ ServeError::Build(BuildError::Skew(_))), Some(words)) => {
                assert!(error.to_string().contains(words), "{seconds}: {error}");
                assert!(error.to_string().contains("NTP"), "{error}");
                assert_eq!(error.exit_code(), 1);
            }
            (started, _) => panic!("{seconds}: {:?}", started.err()),
        }
    }
}
