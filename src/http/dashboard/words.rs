//! How the dashboard says several things in one sentence.

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_listed_as_people_do() {
        let said = |words: &[&str]| listed(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!([said(&[]), said(&["a"]), said(&["a", "b"])], ["", "a", "a and b"]);
        assert_eq!(said(&["a", "b", "c"]), "a, b and c");
    }
}
