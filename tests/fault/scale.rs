//! How many times a case runs.

/// `commit` times, or `nightly` times where `TEST_SCALE` says so; `TEST_TIMES` multiplies the former.
pub(crate) fn times(commit: usize, nightly: usize) -> usize {
    match std::env::var("TEST_SCALE").as_deref() {
        Ok("nightly" | "release") => nightly,
        _ => commit * std::env::var("TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1),
    }
}
