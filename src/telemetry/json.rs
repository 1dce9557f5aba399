//! Log lines as JSON objects, in which an error is told with its causes: `tracing-subscriber` tells them in text alone.
//!
//! It must not know what is logged.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{self, Format, FormatEvent, FormatFields, Json, Writer};
use tracing_subscriber::registry::LookupSpan;

/// One object a line.
pub(super) struct JsonLines(Format<Json>);

impl JsonLines {
    pub(super) fn new() -> Self {
        Self(format::json().flatten_event(true))
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut causes = Causes(Vec::new());
        event.record(&mut causes);
        if causes.0.is_empty() {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let open = line.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        let causes = serde_json::to_string(&causes.0).map_err(|_| fmt::Error)?;
        writeln!(writer, "{open},\"causes\":{causes}}}")
    }
}

/// What the errors of an event come from, the nearest first.
struct Causes(Vec<String>);

impl Visit for Causes {
    fn record_error(&mut self, _: &Field, error: &(dyn Error + 'static)) {
        let mut source = error.source();
        while let Some(cause) = source {
            self.0.push(cause.to_string());
            source = cause.source();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the database refused")]
    struct Refused(#[source] std::io::Error);

    #[test]
    fn an_error_is_told_with_its_causes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let file = std::fs::File::create(&path).unwrap();
        let lines =
            tracing_subscriber::fmt().with_writer(file).json().event_format(JsonLines::new()).finish();
        tracing::subscriber::with_default(lines, || {
            let _request = tracing::info_span!("request", path = "/users").entered();
            let error = Refused(std::io::Error::other("the disk \"a\"\nis full"));
            tracing::error!(error = &error as &dyn Error, "a request failed");
            tracing::info!(status = 200, "answered");
        });
        let log = std::fs::read_to_string(&path).unwrap();
        let told: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [failed, answered] = told.as_slice() else { panic!("{log}") };
        assert_eq!((&failed["error"], &failed["level"]), (&json!("the database refused"), &json!("ERROR")));
        assert_eq!(failed["causes"], json!(["the disk \"a\"\nis full"]));
        assert_eq!(
            (&failed["message"], &failed["span"]["path"]),
            (&json!("a request failed"), &json!("/users"))
        );
        assert_eq!((answered.get("causes"), &answered["status"]), (None, &json!(200)));
    }
}
