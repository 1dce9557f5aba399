//! How much a test does: a part of it at every commit, all of it in a night (`TEST_SCALE`).

/// Whether this run has a night.
pub(crate) fn is_nightly() -> bool {
    matches!(std::env::var("TEST_SCALE").as_deref(), Ok("nightly" | "release"))
}

/// So many at every commit, or so many in a night.
pub(crate) fn count<T>(commit: T, nightly: T) -> T {
    if is_nightly() { nightly } else { commit }
}
