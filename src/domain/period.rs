//! Ends set by hand: a date, or a period counted from the request.

use chrono::{DateTime, Months, TimeDelta, Utc};
use vouchsafe_entity::millis::Millis;

const MOST_YEARS: u32 = 10;

/// Why an end is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidEnd {
    /// Both a date and a period.
    Both,
    /// Not RFC 3339.
    Date,
    /// Not an ISO 8601 period.
    Period,
    /// Not in the future.
    Past,
    /// More than ten years away.
    TooFar,
}

/// The end that a date or a period means; neither = never.
///
/// # Errors
/// [`InvalidEnd`].
pub fn end(date: Option<&str>, period: Option<&str>, now: Millis) -> Result<Option<Millis>, InvalidEnd> {
    let from = DateTime::<Utc>::from_timestamp_millis(now.0).ok_or(InvalidEnd::Date)?;
    let end = match (date, period) {
        (Some(_), Some(_)) => return Err(InvalidEnd::Both),
        (None, None) => return Ok(None),
        (Some(date), None) => {
            DateTime::parse_from_rfc3339(date).map_err(|_| InvalidEnd::Date)?.with_timezone(&Utc)
        }
        (None, Some(period)) => after(from, period).ok_or(InvalidEnd::Period)?,
    };
    if end <= from {
        return Err(InvalidEnd::Past);
    }
    if from.checked_add_months(Months::new(12 * MOST_YEARS)).is_none_or(|most| end > most) {
        return Err(InvalidEnd::TooFar);
    }
    Ok(Some(end.into()))
}

/// `from` and an ISO 8601 period later, with years and months as the calendar has them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both are checked to be whole and small"
)]
fn after(from: DateTime<Utc>, period: &str) -> Option<DateTime<Utc>> {
    let period = iso8601_duration::Duration::parse(period).ok()?;
    let months = period.year.mul_add(12.0, period.month);
    if months < 0.0 || months.fract() != 0.0 || months > 1e5 {
        return None;
    }
    let seconds = f64::from(period.day) * 86_400.0
        + f64::from(period.hour) * 3_600.0
        + f64::from(period.minute) * 60.0
        + f64::from(period.second);
    if !(0.0..1e12).contains(&seconds) {
        return None;
    }
    from.checked_add_months(Months::new(months as u32))?
        .checked_add_signed(TimeDelta::milliseconds((seconds * 1000.0) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_893_456_000_000);

    #[test]
    fn a_period_is_counted_from_now() {
        let days = |text| end(None, Some(text), NOW).map(|end| end.unwrap().since(NOW) / 86_400_000);
        assert_eq!(days("P90D"), Ok(90));
        assert_eq!(days("P2W"), Ok(14));
        assert_eq!(days("P1M"), Ok(31));
        assert_eq!(days("PT1H"), Ok(0));
        for bad in ["90D", "P", "", "P-1D", "P0D", "forever", "P11Y"] {
            assert!(days(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_date_must_lie_ahead_and_not_beyond_ten_years() {
        assert_eq!(
            end(Some("2031-01-01T00:00:00Z"), None, NOW).unwrap().unwrap().since(NOW),
            365 * 86_400_000
        );
        assert_eq!(end(Some("2029-12-31T23:59:59Z"), None, NOW), Err(InvalidEnd::Past));
        assert_eq!(end(Some("2041-01-01T00:00:00Z"), None, NOW), Err(InvalidEnd::TooFar));
        assert_eq!(end(Some("tomorrow"), None, NOW), Err(InvalidEnd::Date));
        assert_eq!(end(Some("2031-01-01T00:00:00Z"), Some("P1D"), NOW), Err(InvalidEnd::Both));
        assert_eq!(end(None, None, NOW), Ok(None));
    }
}
