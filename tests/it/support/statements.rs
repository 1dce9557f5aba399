//! The statements that a request sends to the database, counted by the lines that the store writes at the finest level of
//! the log.

use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// Where the driver tells of statements.
const STATEMENTS: &str = "sqlx::query";

/// The id of the request, and the statement.
static SEEN: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
static LISTENING: Once = Once::new();

/// Listens from now on, in all threads: the driver of SQLite has threads of its own.
pub(crate) fn listen() {
    LISTENING.call_once(|| {
        let wanted =
            Targets::new().with_target(STATEMENTS, Level::TRACE).with_target("vouchsafe", Level::INFO);
        let subscriber = Registry::default().with(Listener.with_filter(wanted));
        tracing::subscriber::set_global_default(subscriber).expect("each test is a process of its own");
    });
}

/// The statements of a request so far.
pub(crate) fn of_request(id: &str) -> Vec<String> {
    let seen = SEEN.lock().unwrap();
    seen.iter().filter(|(request, _)| request == id).map(|(_, statement)| statement.clone()).collect()
}

struct Listener;

/// Among the extensions of a request's span.
struct RequestId(String);

/// Reads one field.
struct Word(&'static str, String);

impl Visit for Word {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.0 {
            value.clone_into(&mut self.1);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == self.0 {
            self.1 = format!("{value:?}");
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut word = Word("request_id", String::new());
        attributes.record(&mut word);
        if let Some(span) = context.span(id)
            && !word.1.is_empty()
        {
            span.extensions_mut().insert(RequestId(word.1));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != STATEMENTS {
            return;
        }
        let mut word = Word("summary", String::new());
        event.record(&mut word);
        let mut spans = context.event_scope(event).into_iter().flatten();
        let request = spans.find_map(|span| span.extensions().get::<RequestId>().map(|id| id.0.clone()));
        // A connection that is opened meanwhile is made ready; that is asked once.
        if let Some(request) = request
            && !word.1.starts_with("PRAGMA")
        {
            SEEN.lock().unwrap().push((request, word.1));
        }
    }
}
