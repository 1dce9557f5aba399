//! What becomes of a credential whose renewal fails: a story for every class of error, told at the fake provider by a
//! clock that moves when told.

mod burst;
mod client;
mod inconsistent;
mod late;
mod not_sent;
mod not_taken;
mod odd_answers;
mod other;
mod passing;
mod refused;
mod states;
mod throttled;
mod unopened;
mod unreadable;
mod upkeep;

use crate::support::http::TestResponse;

/// What a read answers while no token can be had: when to ask again, in seconds.
#[track_caller]
fn pending(answer: &TestResponse) -> i64 {
    answer.assert_problem(503, "refresh_pending");
    answer.header("retry-after").unwrap().parse().unwrap()
}
