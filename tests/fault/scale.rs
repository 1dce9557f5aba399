//! How many times a case runs.

use crate::support::scale::count;

/// `commit` times, or `nightly` times where `TEST_SCALE` says so; `TEST_TIMES` multiplies the former.
pub(crate) fn times(commit: usize, nightly: usize) -> usize {
    let times = std::env::var("TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    count(commit * times, nightly)
}
