//! What is counted by the day for the overview, told from what the audit log says.

use vouchsafe_entity::kind::ActivityKind;
use vouchsafe_entity::millis::Millis;

const DAY: i64 = 86_400_000;

/// How often something happened on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The beginning of the day in UTC.
    pub day: Millis,
    /// What.
    pub kind: ActivityKind,
    /// How often.
    pub count: i64,
}

/// The beginning of the day in UTC that `at` lies in.
pub const fn day_of(at: Millis) -> Millis {
    Millis(at.0.div_euclid(DAY) * DAY)
}

/// The day `days` after `day`, before it where negative.
pub const fn days_after(day: Millis, days: i64) -> Millis {
    Millis(day.0 + days * DAY)
}

/// As what an audit event with this action and result counts.
pub fn counted(action: &str, result: &str) -> Option<ActivityKind> {
    let refused = result != "ok";
    match action {
        "credential.create" | "credential.connect" | "credential.reconnect" if !refused => {
            Some(ActivityKind::Connection)
        }
        "credential.refreshed" => Some(ActivityKind::Refresh),
        "credential.refresh_failed" => Some(ActivityKind::RefreshFailure),
        "proxy.call" if refused => Some(ActivityKind::CallFailure),
        "proxy.call" | "credential.token" if !refused => Some(ActivityKind::Call),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_before_and_after_1970() {
        assert_eq!(day_of(Millis(DAY + 1)), Millis(DAY));
        assert_eq!(day_of(Millis(DAY)), Millis(DAY));
        assert_eq!(day_of(Millis(-1)), Millis(-DAY));
        assert_eq!(days_after(Millis(DAY), -1), Millis(0));
    }
}
