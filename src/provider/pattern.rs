//! What can be known of a regular expression without running it: which characters its matches have, how they
//! end, and about how large it compiles. Used at load to keep values from choosing hosts (`providers.md`, section 4).

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::variable::MAX_PATTERN;
use crate::public_suffix::is_registry;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    #[error("not a regular expression: {0}")]
    Syntax(String),
    #[error("the expression does not compile within 64 KiB as the pattern of a whole value")]
    Unusable,
}

/// What a pattern says about the host that its matches stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostFacts {
    /// A character that must not be in a host.
    pub(super) unsafe_char: Option<char>,
    /// Whether it pins the host where it is all of it.
    pub(super) pins_whole: bool,
    /// Whether it pins the host where it is the end of it.
    pub(super) pins_end: bool,
}

/// Reads off the facts; `None` if the pattern cannot be read.
pub(super) fn host_facts(source: &str) -> Option<HostFacts> {
    let hir = regex_syntax::parse(source).ok()?;
    let pins = |whole| pins_host(&hir, whole);
    Some(HostFacts { unsafe_char: unsafe_in_host(&hir), pins_whole: pins(true), pins_end: pins(false) })
}

/// Parses a pattern and makes sure that it compiles within its limit.
pub(super) fn parse(source: &str) -> Result<Hir, PatternError> {
    let hir = regex_syntax::parse(source).map_err(|error| {
        let kind = match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "unsupported".to_owned(),
        };
        PatternError::Syntax(kind)
    })?;
    // Compiling costs some fifty times what parsing does, so only what may be large is tried.
    let suspicious = size(&hir) > MAX_PATTERN / 4 || source.contains("(?");
    if suspicious && super::variable::Pattern::new(source).regex().is_none() {
        return Err(PatternError::Unusable);
    }
    Ok(hir)
}

/// A rough upper bound of the compiled size in bytes.
fn size(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 64,
        HirKind::Literal(literal) => literal.0.len().saturating_mul(48),
        HirKind::Class(class) => {
            let ranges = match class {
                Class::Unicode(class) => class.ranges().len(),
                Class::Bytes(class) => class.ranges().len(),
            };
            ranges.saturating_mul(256)
        }
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            size(&repetition.sub).saturating_mul(times as usize).saturating_add(96)
        }
        HirKind::Capture(capture) => size(&capture.sub).saturating_add(96),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(size).fold(96, usize::saturating_add)
        }
    }
}

/// The first character of a match that must not be in a host: `/ @ : ? # \ % [ ]`, whitespace, controls and
/// everything that is not ASCII.
fn unsafe_in_host(hir: &Hir) -> Option<char> {
    let unsafe_char =
        |c: char| !c.is_ascii_graphic() || matches!(c, '/' | '@' | ':' | '?' | '#' | '\\' | '%' | '[' | ']');
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(literal) => {
            literal.0.iter().map(|byte| char::from(*byte)).find(|character| unsafe_char(*character))
        }
        HirKind::Class(Class::Unicode(class)) => class.iter().find_map(|range| {
            // A range that leaves ASCII is unsafe at its end; inside ASCII every character is looked at.
            if range.end().is_ascii() {
                (range.start()..=range.end()).find(|c| unsafe_char(*c))
            } else {
                Some(range.end())
            }
        }),
        HirKind::Class(Class::Bytes(class)) => class
            .iter()
            .flat_map(|range| range.start()..=range.end())
            .map(char::from)
            .find(|character| unsafe_char(*character)),
        HirKind::Repetition(repetition) => unsafe_in_host(&repetition.sub),
        HirKind::Capture(capture) => unsafe_in_host(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(unsafe_in_host),
    }
}

/// Whether every match is a host that the author of the file chose: each ending is an exact host, or has two
/// labels behind its first dot that are no public suffix. `whole` says that the match is the whole host.
fn pins_host(hir: &Hir, whole: bool) -> bool {
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Suffix).limit_total(4096).limit_literal_len(253);
    let endings = extractor.extract(hir);
    endings.literals().is_some_and(|literals| {
        !literals.is_empty()
            && literals.iter().all(|literal| {
                std::str::from_utf8(literal.as_bytes()).is_ok_and(|ending| {
                    let exact = whole && literal.is_exact() && ending.contains('.');
                    exact || pinned_suffix(ending)
                })
            })
    })
}

/// Whether a literal ending of a host leaves no choice of the domain: at least two labels behind its first dot, which
/// are not together a public suffix of a registry (`.co.uk`).
pub(super) fn pinned_suffix(ending: &str) -> bool {
    let Some((_, labels)) = ending.split_once('.') else {
        return false;
    };
    if !labels.contains('.') || labels.split('.').any(str::is_empty) {
        return false;
    }
    !is_registry(labels)
}

/// The texts that a pattern matches, where it is plainly a list of them; `None` where it leaves more of a choice.
pub(super) fn alternatives(source: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::parse(source).ok()?;
    let mut extractor = Extractor::new();
    extractor.limit_literal_len(253);
    let all = extractor.extract(&hir);
    if !all.is_exact() {
        return None;
    }
    let texts = all.literals()?.iter().map(|text| std::str::from_utf8(text.as_bytes()).map(str::to_owned));
    texts.collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::provider::variable::{LABEL, Pattern};

    fn hir(source: &str) -> Hir {
        parse(source).expect("a pattern")
    }

    #[test]
    fn hosts_admit_only_their_own_characters() {
        for good in
            [LABEL, r"[a-z0-9-]+(\.[a-z0-9-]+)+", r"(login|test)\.salesforce\.com", r"[a-z]{2}\d{3}|(?-u:\d)"]
        {
            let found = unsafe_in_host(&hir(good));
            // `\d` is more than ASCII unless Unicode is off.
            assert_eq!(found.is_some(), good.contains(r"\d{3}"), "{good}: {found:?}");
        }
        for bad in [
            r"[^/]+", r".+", r"\S+", r"\w+", "a/b", "a@b", "a:1", "[!-~]+", "a b", r"a\\b", "%41", "é",
            r"\[x\]",
        ] {
            assert!(unsafe_in_host(&hir(bad)).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_pins_a_host_only_by_literal_endings() {
        let cases = [
            (r"(login|test)\.salesforce\.com|[a-z0-9-]+(\.[a-z0-9-]+)*\.my\.salesforce\.com", true),
            (r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(salesforce|force)\.com", true),
            (r"accounts\.zoho(cloud)?\.(com|eu|in|jp|ca|sa|com\.au|com\.cn)", true),
            (r"[a-z0-9-]+(\.[a-z0-9-]+)+", false),
            (r"[a-z]+\.com", false),
            (r"[a-z]+\.co\.uk", false),
            (r"[a-z]+\.example\.co\.uk", true),
            (r"api\.example\.com|[a-z.]+", false),
            (r"[a-z]*example\.com", false),
            (r"[a-z]*\.example\.com", true),
            ("localhost", false),
            (LABEL, false),
        ];
        for (pattern, pinned) in cases {
            assert_eq!(pins_host(&hir(pattern), true), pinned, "{pattern}");
        }
        assert!(!pins_host(&hir(r"a\.com|b\.com"), false), "an exact part of a host is no host");
    }

    #[test]
    fn a_shared_registry_suffix_does_not_pin() {
        for (ending, pinned) in [
            (".myshopify.com", true),
            (".zendesk.com", true),
            (".com", false),
            (".co.uk", false),
            ("zendesk.com", false),
            ("x.zendesk.com", true),
            ("..com", false),
            (".a..com", false),
            ("", false),
        ] {
            assert_eq!(pinned_suffix(ending), pinned, "{ending}");
        }
    }

    #[test]
    fn a_plain_list_of_texts_is_known_as_one() {
        let listed = alternatives(r"https://a\.(b\.(com|co\.uk)|c\.de)").map(|mut texts| {
            texts.sort();
            texts
        });
        let wanted = ["https://a.b.co.uk", "https://a.b.com", "https://a.c.de"].map(str::to_owned);
        assert_eq!(listed, Some(wanted.to_vec()));
        for open in [LABEL, "[a-z]+", r"(a|b)\S", "a{3,}", "("] {
            assert_eq!(alternatives(open), None, "{open}");
        }
    }

    #[test]
    fn large_patterns_are_refused() {
        assert!(matches!(parse(r"\w{200}"), Err(PatternError::Unusable)));
        assert!(matches!(parse(r"(a{100}){100}{100}"), Err(PatternError::Unusable)));
        assert!(matches!(parse("("), Err(PatternError::Syntax(_))));
        assert!(
            matches!(parse("(?x)a #"), Err(PatternError::Unusable)),
            "a comment must not swallow the anchor"
        );
    }

    proptest! {
        #[test]
        fn what_is_taken_unseen_compiles(
            atom in prop::sample::select(vec!["a", "abc", "[a-z]", r"\S", r"\d", r"\w", "[^/]", "(x|yz)", "."]),
            least in 0_u32..60,
            more in 0_u32..60,
            tail in "[a-z]{0,40}",
        ) {
            let source = format!("{atom}{{{least},{}}}{tail}", least + more);
            if parse(&source).is_ok() {
                prop_assert!(Pattern::new(&source).regex().is_some(), "{}", source);
            }
        }
    }
}
