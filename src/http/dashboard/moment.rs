//! Times as people read them: relative, with the exact one beside.

use serde::Serialize;
use vouchsafe_entity::millis::Millis;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A time to be shown.
#[derive(Clone, Debug, Serialize)]
pub(in crate::http) struct Moment {
    /// As machines read it (RFC 3339).
    at: String,
    /// As people read it.
    said: String,
    /// Whether it is over.
    past: bool,
}

impl Moment {
    /// `at` as it looks at `now`.
    pub(in crate::http) fn new(at: Millis, now: Millis) -> Self {
        let away = now.since(at);
        let text = span(away.abs());
        let said = match (text, away >= 0) {
            (None, _) => "just now".to_owned(),
            (Some(text), true) => format!("{text} ago"),
            (Some(text), false) => format!("in {text}"),
        };
        Self { at: at.to_string(), said, past: away >= 0 }
    }

    /// As people read it.
    pub(in crate::http) fn into_said(self) -> String {
        self.said
    }
}

/// A span in the largest unit that fits.
fn span(millis: i64) -> Option<String> {
    let (count, unit) = match millis {
        ..MINUTE => return None,
        MINUTE..HOUR => (millis / MINUTE, "minute"),
        HOUR..DAY => (millis / HOUR, "hour"),
        _ if millis < 60 * DAY => (millis / DAY, "day"),
        _ if millis < 730 * DAY => (millis / (30 * DAY), "month"),
        _ => (millis / (365 * DAY), "year"),
    };
    Some(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        let said = |away: i64| Moment::new(Millis(0), Millis(away)).said;
        assert_eq!(said(0), "just now");
        assert_eq!(said(-30_000), "just now");
        assert_eq!(said(MINUTE), "1 minute ago");
        assert_eq!(said(3 * HOUR + MINUTE), "3 hours ago");
        assert_eq!(said(-7 * DAY), "in 7 days");
        assert_eq!(said(90 * DAY), "3 months ago");
        assert_eq!(said(-3 * 365 * DAY), "in 3 years");
    }
}
