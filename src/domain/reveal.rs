//! How often a member may look at the values of secrets, and when the owners hear of it (`security.md`, section 7).

use vouchsafe_entity::millis::Millis;

/// The span that reveals are counted in, in milliseconds.
pub const SPAN: i64 = 3_600_000;
/// Reveals of a member within [`SPAN`].
pub const MOST: usize = 20;
/// So many within [`ALARM_SPAN`] are usual.
const USUAL: usize = 10;
/// In milliseconds.
const ALARM_SPAN: i64 = 600_000;

/// What a further reveal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Nothing to speak of.
    Usual,
    /// The first that is more than usual: the owners hear of it.
    Alarming,
    /// One too many, for so many seconds.
    Over(u64),
}

/// What a reveal at `now` is after `earlier` ones, the latest first.
pub fn pace(earlier: &[Millis], now: Millis) -> Pace {
    let within = |span: i64| earlier.iter().filter(|at| now.since(**at) < span).count();
    if within(SPAN) >= MOST {
        let first = earlier.get(MOST - 1).map_or(0, |at| now.since(*at));
        return Pace::Over(u64::try_from((SPAN - first) / 1_000 + 1).unwrap_or(1));
    }
    if within(ALARM_SPAN) == USUAL { Pace::Alarming } else { Pace::Usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_893_456_000_000);

    /// Reveals so many seconds ago each.
    fn ago(seconds: impl IntoIterator<Item = i64>) -> Vec<Millis> {
        seconds.into_iter().map(|seconds| NOW.plus_seconds(-seconds)).collect()
    }

    #[test]
    fn the_eleventh_within_ten_minutes_is_alarming_and_told_once() {
        assert_eq!(pace(&[], NOW), Pace::Usual);
        assert_eq!(pace(&ago(0..9), NOW), Pace::Usual);
        assert_eq!(pace(&ago(0..10), NOW), Pace::Alarming);
        assert_eq!(pace(&ago(0..11), NOW), Pace::Usual);
        assert_eq!(pace(&ago((0..10).map(|n| n * 70)), NOW), Pace::Usual, "one lies ten minutes back");
    }

    #[test]
    fn the_twenty_first_within_an_hour_waits_for_the_first_to_be_an_hour_old() {
        assert_eq!(pace(&ago((0..19).map(|n| n * 60)), NOW), Pace::Alarming);
        assert_eq!(pace(&ago((0..20).map(|n| n * 60)), NOW), Pace::Over(3_600 - 19 * 60 + 1));
        assert_eq!(pace(&ago((1..=20).map(|n| n * 180)), NOW), Pace::Usual, "the first is an hour old");
    }
}
