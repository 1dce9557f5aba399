//! The connect modal: what an end user sees while connecting an app.

pub mod page;
