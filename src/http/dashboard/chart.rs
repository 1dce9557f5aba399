//! Plots as inline SVG, made on the server: points in, paths out. Each says in words what it shows.

use serde::Serialize;
use vouchsafe_entity::millis::Millis;

use crate::domain::activity::days_after;

/// The drawing's inner width and height, in its own units.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 96.0;

/// A plot of what happened by day.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    title: &'static str,
    /// What it shows, in words.
    text: String,
    /// The largest count, at the top of the drawing.
    top: i64,
    top_said: String,
    /// Whether nothing happened on any day.
    is_flat: bool,
    lines: Vec<Line>,
    days: Vec<Day>,
    from: String,
    to: String,
    width: f64,
    height: f64,
}

#[derive(Debug, Serialize)]
struct Line {
    label: &'static str,
    /// `a`, or `b` for what went wrong.
    class: &'static str,
    /// Their sum.
    said: String,
    path: String,
    area: String,
}

/// What the pointer shows over a day.
#[derive(Debug, Serialize)]
struct Day {
    x: f64,
    width: f64,
    text: String,
    date: String,
    counts: Vec<i64>,
}

impl Chart {
    /// A plot of `series` (label, class, a count a day) that begins on the day `from`.
    pub(super) fn new(
        title: &'static str,
        from: Millis,
        series: &[(&'static str, &'static str, &[i64])],
    ) -> Self {
        let days = series.first().map_or(0, |(_, _, counts)| counts.len());
        let largest = series.iter().flat_map(|(_, _, counts)| counts.iter().copied()).max().unwrap_or(0);
        let top = round_up(largest.max(1));
        let width = WIDTH / steps(days);
        let date = |day: usize| short_date(days_after(from, i64::try_from(day).unwrap_or(0)));
        let said = |day: usize| {
            let counts: Vec<_> =
                series.iter().map(|(label, _, counts)| format!("{} {label}", grouped(counts[day]))).collect();
            format!("{}: {}", date(day), counts.join(", "))
        };
        let totals: Vec<_> = series
            .iter()
            .map(|(label, _, counts)| format!("{} {label}", grouped(counts.iter().sum::<i64>())))
            .collect();
        Self {
            title,
            text: format!("{title} in the last {days} days: {}.", totals.join(", ")),
            top,
            top_said: grouped(top),
            is_flat: largest == 0,
            lines: series.iter().map(|(label, class, counts)| line(label, class, counts, top)).collect(),
            days: (0..days)
                .map(|day| Day {
                    x: round(x(day, days) - width / 2.0),
                    width: round(width),
                    text: said(day),
                    date: date(day),
                    counts: series.iter().map(|(_, _, counts)| counts[day]).collect(),
                })
                .collect(),
            from: date(0),
            to: "Today".to_owned(),
            width: WIDTH,
            height: HEIGHT,
        }
    }
}

fn line(label: &'static str, class: &'static str, counts: &[i64], top: i64) -> Line {
    let points: Vec<String> = counts
        .iter()
        .enumerate()
        .map(|(day, count)| format!("{} {}", round(x(day, counts.len())), round(y(*count, top))))
        .collect();
    let path = format!("M{}", points.join("L"));
    let area = format!("{path}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z");
    Line { label, class, said: grouped(counts.iter().sum::<i64>()), path, area }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing of a few hundred points")]
fn steps(days: usize) -> f64 {
    days.saturating_sub(1).max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a drawing of a few hundred points")]
fn x(day: usize, days: usize) -> f64 {
    WIDTH * day as f64 / steps(days)
}

#[expect(clippy::cast_precision_loss, reason = "a drawing of a few hundred points")]
fn y(count: i64, top: i64) -> f64 {
    HEIGHT - HEIGHT * count as f64 / top as f64
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The next of 1, 2, 5, 10, 20, 50 …
fn round_up(value: i64) -> i64 {
    let mut power = 1_i64;
    loop {
        for step in [1, 2, 5] {
            if step * power >= value {
                return step * power;
            }
        }
        power = power.saturating_mul(10);
        if power >= i64::MAX / 10 {
            return value;
        }
    }
}

/// `12,345`.
pub(super) fn grouped(count: impl Into<i128>) -> String {
    let digits = count.into().to_string();
    let mut said = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

/// `3 Jan`.
fn short_date(day: Millis) -> String {
    chrono::DateTime::<chrono::Utc>::from(day).format("%-d %b").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_fits_its_frame_and_says_what_it_shows() {
        let chart =
            Chart::new("Calls", Millis(0), &[("calls", "a", &[0, 3, 7]), ("failed", "b", &[0, 1, 0])]);
        assert_eq!((chart.top, chart.lines[0].said.as_str()), (10, "10"));
        assert_eq!(chart.text, "Calls in the last 3 days: 10 calls, 1 failed.");
        assert_eq!(chart.lines[0].path, "M0 96L180 67.2L360 28.8");
        assert_eq!(chart.days[1].text, "2 Jan: 3 calls, 1 failed");
    }

    #[test]
    fn large_counts_are_grouped() {
        for (count, said) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), said);
        }
    }

    #[test]
    fn the_top_is_a_round_number() {
        for (value, top) in [(1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (99, 100), (501, 1_000)] {
            assert_eq!(round_up(value), top);
        }
        assert_eq!(round_up(i64::MAX), i64::MAX);
    }

    #[test]
    fn nothing_happened_is_a_flat_line() {
        let chart = Chart::new("Calls", Millis(0), &[("calls", "a", &[0, 0])]);
        assert_eq!((chart.is_flat, chart.lines[0].path.as_str()), (true, "M0 96L360 96"));
        let failed = Chart::new("Calls", Millis(0), &[("calls", "a", &[0, 0]), ("failed", "b", &[0, 1])]);
        assert!(!failed.is_flat);
        assert_eq!(Chart::new("Calls", Millis(0), &[("calls", "a", &[])]).days.len(), 0);
    }
}
