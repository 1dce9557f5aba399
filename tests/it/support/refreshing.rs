//! What stories of renewal share: a credential whose token ran out, the worker's rounds, and how a credential stands.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::LevelFilter;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan};

use super::app::{Setup, TestApp};
use super::http::TestResponse;
use super::wait::eventually;

/// How a credential stands: `status`, `statusReason` and `nextStep`, an empty word for null.
pub(crate) type Standing = (String, String, String);

/// Words as [`TestApp::standing`] gives them.
pub(crate) fn standing(status: &str, reason: &str, next_step: &str) -> Standing {
    (status.to_owned(), reason.to_owned(), next_step.to_owned())
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl TestApp {
    /// A hub with Fernhill connected for `u-17`, and that credential.
    pub(crate) async fn connected(setup: Setup) -> Option<(Self, String)> {
        let app = Self::start_set_up(setup).await?;
        app.put_fernhill().await;
        let credential = app.connect("u-17").await;
        Some((app, credential))
    }

    /// The same two hours later: the access token has run out.
    pub(crate) async fn spent(setup: Setup) -> Option<(Self, String)> {
        let (app, credential) = Self::connected(setup).await?;
        app.clock.advance(TimeDelta::hours(2));
        Some((app, credential))
    }

    /// A read of its token, whatever comes.
    pub(crate) async fn read(&self, credential: &str) -> TestResponse {
        self.as_key().get(&format!("/credentials/{credential}/token")).await
    }

    /// How it stands.
    pub(crate) async fn standing(&self, credential: &str) -> Standing {
        let shown = self.shown(credential).await;
        (word(&shown["status"]), word(&shown["statusReason"]), word(&shown["nextStep"]))
    }

    /// Waits until no renewal is under way.
    pub(crate) async fn settle(&self) {
        eventually("the end of all renewals", async || match self.hub.refreshes_under_way() {
            0 => Ok(()),
            count => Err(count),
        })
        .await;
    }

    /// One round of the worker, to its end.
    pub(crate) async fn round(&self) {
        self.hub.work_off_due().await.unwrap();
        self.settle().await;
    }

    /// So many rounds, each after `step` more.
    pub(crate) async fn rounds(&self, count: usize, step: TimeDelta) {
        for _ in 0..count {
            self.clock.advance(step);
            self.round().await;
        }
    }

    /// Begins the first renewal of the only credential, which the app carries out and does not answer before it is told
    /// to.
    pub(crate) async fn hold_renewal(&self) {
        self.fake.program(Plan::next(Endpoint::Refresh, Fault::hold()));
        self.clock.advance(TimeDelta::minutes(50));
        self.hub.work_off_due().await.unwrap();
        eventually("the renewal at the app", async || match self.fake.grants()[0].version {
            2 => Ok(()),
            version => Err(version),
        })
        .await;
    }

    /// Refresh requests that the fake has seen.
    pub(crate) fn refreshes(&self) -> u64 {
        self.fake.counters().refreshes
    }

    /// How many events of this type a credential has.
    pub(crate) async fn count_events(&self, credential: &str, kind: &str) -> usize {
        self.events(credential).await.iter().filter(|told| *told == kind).count()
    }

    /// The reasons of the events of this type, oldest first, of a credential or of all.
    pub(crate) async fn reasons(&self, kind: &str) -> Vec<String> {
        let page = self.as_key().get(&format!("/events?type={kind}&limit=200")).await.ok(200);
        let data = page["data"].as_array().unwrap().iter().rev();
        data.map(|event| word(&event["reason"])).collect()
    }

    /// Asks for a renewal at once.
    pub(crate) async fn refresh_now(&self, credential: &str) -> TestResponse {
        self.as_key().act(&format!("/credentials/{credential}/refresh")).await
    }

    /// Changes a credential.
    pub(crate) async fn change(&self, credential: &str, body: Value) -> Value {
        self.as_key().patch(&format!("/credentials/{credential}"), &body).await.ok(200)
    }

    /// Connects a credential again, as the same account.
    pub(crate) async fn reconnect(&self, credential: &str) {
        let modal = self.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
        modal.popup("fernhill").await.allow(self, "jo@acme.test").await;
        assert_eq!(modal.result("fernhill").await["status"], "completed");
    }
}

/// The ERROR lines of the log, from now until it is dropped: what an operator is alerted of.
pub(crate) struct Alerts {
    lines: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
    _guard: DefaultGuard,
}

impl Alerts {
    /// Listens on this thread, which is where a test's own runtime works.
    pub(crate) fn listen() -> Self {
        use tracing_subscriber::layer::SubscriberExt as _;
        let lines = std::sync::Arc::default();
        let layer = Errors(std::sync::Arc::clone(&lines));
        let subscriber = tracing_subscriber::registry().with(LevelFilter::ERROR).with(layer);
        let guard = tracing::subscriber::set_default(subscriber);
        Self { lines, _guard: guard }
    }

    /// How many lines hold `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }
}

struct Errors(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        self.0.lock().unwrap().extend(error_line(event));
    }
}

/// What an event at ERROR says, its message first; none of another level.
pub(super) fn error_line(event: &tracing::Event<'_>) -> Option<String> {
    #[derive(Default)]
    struct Line {
        message: String,
        fields: String,
    }
    impl tracing::field::Visit for Line {
        fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
            match field.name() {
                "message" => self.message = format!("{value:?}"),
                name => self.fields = format!("{} {name}={value:?}", self.fields),
            }
        }
    }
    (*event.metadata().level() == tracing::Level::ERROR).then(|| {
        let mut line = Line::default();
        event.record(&mut line);
        line.message + &line.fields
    })
}
