//! Requests that failed inside the hub: no story leaves one unnoticed. One that provokes them listens for alerts.

use std::sync::Mutex;
use std::thread::ThreadId;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::refreshing::error_line;

/// What the log says then. Other errors are an operator's news of apps and of the hub's surroundings, which stories bring
/// about by the dozen.
const OURS: [&str; 5] = [
    "a request failed inside the hub",
    "a request handler panicked",
    "a page could not be made",
    "a mail could not be rendered",
    "a sign-in could not go on",
];

/// With the thread that each came from: tests may share a process, and each has a thread of its own.
static HEARD: Mutex<Vec<(ThreadId, String)>> = Mutex::new(Vec::new());

/// Keeps no spans: a thread without a listener of its own may let go of those that another one keeps.
struct Failures;

impl Subscriber for Failures {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let line = error_line(event).filter(|line| OURS.iter().any(|words| line.starts_with(words)));
        if let Some(line) = line {
            HEARD.lock().unwrap().push((std::thread::current().id(), line));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Listens from now on, on every thread on which nobody listens for alerts.
pub(crate) fn listen() {
    // The second hub of a process finds the one of the first.
    let _ = tracing::subscriber::set_global_default(Failures);
}

/// # Panics
/// When a request of this thread has failed inside the hub.
pub(crate) fn none_is_unnoticed() {
    if std::thread::panicking() {
        return;
    }
    let here = std::thread::current().id();
    let heard = HEARD.lock().unwrap().clone();
    let lines: Vec<String> =
        heard.into_iter().filter(|(thread, _)| *thread == here).map(|(_, line)| line).collect();
    assert!(lines.is_empty(), "failed inside the hub, and the story doesn't say so: {lines:#?}");
}
