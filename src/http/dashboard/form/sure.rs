//! A form that takes something away from others asks once before it does: it comes back with the question, and a button that
//! sends it all the same. What is taken away the handler knows.

use super::{Form, FormView};

/// The button's name, which the component `Sure` writes.
const BUTTON: &str = "sure";

impl Form {
    /// Whether it was asked, and is sent all the same.
    pub(in crate::http) fn is_sure(&self) -> bool {
        self.has(BUTTON)
    }
}

impl FormView {
    /// The same with a question: what its change takes away.
    pub(in crate::http) fn asking(mut self, question: String) -> Self {
        self.question = Some(question);
        self
    }
}
