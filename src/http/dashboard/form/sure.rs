//! A form that takes something away from others asks once before it does: it comes back with the question, and a button that
//! sends it all the same. What is taken away the handler knows.

use super::{Form, FormView, SECRET};

/// The button's name, which the component `Sure` writes; its value is the question that it answers.
const BUTTON: &str = "sure";
/// The secrets that were typed before the question, each by its field's name. No page repeats them.
const RETYPED: &str = "retype";

impl Form {
    /// Whether this question was asked, and the form is sent all the same.
    pub(in crate::http) fn is_sure_of(&self, question: &str) -> bool {
        self.raw(BUTTON) == question
    }

    /// The form once more, with a mistake at each secret that was typed before the question and not again after it; none
    /// where there is no such secret.
    pub(in crate::http) fn lacks_retyped(&self) -> Option<FormView> {
        let typed = self.all(RETYPED);
        let lacking = typed.iter().filter(|name| name.starts_with(SECRET) && self.raw(name).is_empty());
        lacking.fold(None, |view, name| {
            let view = view.unwrap_or_else(|| {
                let asked = self.view().asking(self.raw(BUTTON).to_owned());
                FormView { retype: typed.clone(), ..asked }
            });
            Some(view.with_error(name, "Paste it again: what you typed before the question is kept nowhere."))
        })
    }
}

impl FormView {
    /// The same with a question: what its change takes away.
    pub(in crate::http) fn asking(mut self, question: String) -> Self {
        self.question = Some(question);
        self
    }
}
