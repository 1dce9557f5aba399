//! References to secrets of the workspace, `$Secret{KEY}` (alias `$Token{KEY}`), in settings.

/// The key of the first reference in `text`. `$$Secret{` is a literal.
pub(super) fn first_reference(text: &str) -> Option<&str> {
    let mut rest = text;
    let mut escaped = false;
    while let Some(at) = rest.find('$') {
        let tail = &rest[at..];
        let opened = tail.strip_prefix("$Secret{").or_else(|| tail.strip_prefix("$Token{"));
        if let Some(opened) = opened
            && !escaped
            && let Some(end) = opened.find('}')
        {
            return Some(&opened[..end]);
        }
        escaped = tail.starts_with("$$") && !escaped;
        rest = &tail[1..];
        if !rest.starts_with('$') && opened.is_none() {
            escaped = false;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_and_escaped_ones_are_not() {
        for (text, key) in [
            ("$Secret{STRIPE_KEY}", Some("STRIPE_KEY")),
            ("Bearer $Token{A}", Some("A")),
            ("$$Secret{A}", None),
            ("$$Secret{A} $Secret{B}", Some("B")),
            ("$$$Secret{A}", Some("A")),
            ("$5 and $Secret{A}", Some("A")),
            ("$Secret{A", None),
            ("Secret{A}", None),
            ("$", None),
            ("", None),
        ] {
            assert_eq!(first_reference(text), key, "{text}");
        }
    }
}
