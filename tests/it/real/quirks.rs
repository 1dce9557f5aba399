//! What real servers do that no standard foresees, by the ids of `testing.md`, section 4.3: at the server that was seen
//! doing it, and again without it (`…_twin`), so that the case runs everywhere.
//!
//! Twins told elsewhere: Q8 and Q14 in `flow::refresh_errors` (`odd_answers`, `states`). Q9 at its server is in
//! `django`; Q16 waits for clients that sign.

mod connecting;
mod ending;
mod refreshing;
