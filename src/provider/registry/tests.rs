//! Loading files: those that are shipped, a directory beside them, and files that extend another.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::fuzz::mutation;
use crate::provider::{Problem, Severity};

fn builtin() -> Sources {
    Sources { builtin: true, ..Sources::default() }
}

fn with_dir(dir: &Path) -> Sources {
    Sources { builtin: true, dir: Some(dir.to_owned()), allow_http: false }
}

fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// A file that nothing else depends on.
fn minimal(name: &str) -> String {
    format!(
        "name = \"{name}\"\ndocumentation = \"https://a.example/docs\"\nbase_url = \"https://api.a.example\"\n\
         [oauth2]\nauthorization_endpoint = \"https://a.example/authorize\"\ntoken_endpoint = \"https://a.example/token\"\n"
    )
}

#[test]
fn every_shipped_file_loads() {
    match Registry::load(&builtin()) {
        Err(report) => panic!("{report}"),
        Ok(registry) => {
            assert!(registry.len() >= 14);
            let names: Vec<_> = registry.all().map(|definition| definition.name().to_lowercase()).collect();
            assert!(names.is_sorted(), "{names:?}");
        }
    }
    let report = check_paths(&[], &builtin());
    assert_eq!(report.errors(), 0, "{report}");
    assert!(report.problems().iter().all(|problem| problem.code == "unverified"), "{report}");
}

#[test]
fn every_shipped_app_is_found_by_its_slug_and_by_its_name() {
    let registry = Registry::load(&builtin()).unwrap();
    for definition in registry.all() {
        let (slug, name) = (definition.slug(), definition.name());
        for words in [slug.to_owned(), name.to_owned(), name.to_uppercase(), format!(" {slug} ")] {
            let found = registry.named(&words).iter().any(|found| found.slug() == slug);
            assert!(found, "`{words}` is {slug}");
        }
    }
    let slugs = |words| registry.named(words).iter().map(|found| found.slug()).collect::<Vec<_>>();
    assert_eq!(slugs("Monday.com"), ["monday"]);
    assert_eq!(slugs("hugging face"), ["huggingface"]);
    for words in ["", " - ", "Nobody in particular", "googl"] {
        assert!(slugs(words).is_empty(), "`{words}` is free text");
    }
}

#[test]
fn a_name_of_two_apps_means_both() {
    let dir = dir(&[
        ("acme-us.toml", &minimal("Acme")),
        ("acme-eu.toml", &minimal("ACME!")),
        ("ac-me.toml", &minimal("Other")),
    ]);
    let sources = Sources { builtin: false, ..with_dir(dir.path()) };
    let registry = Registry::load(&sources).unwrap();
    let mut slugs: Vec<_> = registry.named("acme").iter().map(|found| found.slug()).collect();
    slugs.sort_unstable();
    assert_eq!(slugs, ["ac-me", "acme-eu", "acme-us"]);
}

#[test]
fn shipped_files_name_the_schema_and_are_short() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/providers");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().next(), Some("#:schema ./schema.json"), "{}", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, Registry::load(&builtin()).unwrap().len());
}

#[test]
fn a_directory_adds_replaces_and_extends() {
    let extended = "extends = \"acme\"\nname = \"Acme EU\"\nbase_url = \"https://api.eu.a.example\"\n";
    let dir = dir(&[
        ("acme.toml", &minimal("Acme")),
        ("acme-eu.toml", extended),
        ("google.toml", &minimal("My Google")),
        ("slack.toml", "extends = \"slack\"\nname = \"Our Slack\"\n[oauth2]\nscopes = [\"chat:write\"]\n"),
        (".hidden.toml", "not toml at all"),
        ("notes.txt", "nor this"),
    ]);
    let registry = Registry::load(&with_dir(dir.path())).unwrap();
    let get = |slug| registry.get(slug).unwrap();
    assert_eq!(get("google").name(), "My Google");
    assert_eq!(get("google").variables().len(), 0, "replaced whole");
    assert_eq!(get("google-calendar").variables().len(), 4, "a shipped file extends the shipped one");
    assert_eq!(get("slack").name(), "Our Slack");
    assert_eq!(get("slack").oauth2().unwrap().token.scopes, ["chat:write"]);
    assert_eq!(get("slack").oauth2().unwrap().token.scope_separator, ",", "inherited");
    assert_eq!(
        get("acme-eu")
            .base_url(vouchsafe_entity::kind::Method::ApiKey, &crate::provider::Values::new())
            .unwrap()
            .as_str(),
        "https://api.eu.a.example/"
    );
    assert_eq!(get("acme-eu").documentation(), "https://a.example/docs");
    assert!(registry.get(".hidden").is_none() && registry.get("notes").is_none());
    let shipped = Registry::load(&builtin()).unwrap();
    assert_ne!(get("slack").hash(), shipped.get("slack").unwrap().hash());
    assert_eq!(get("stripe").hash(), shipped.get("stripe").unwrap().hash());
    assert_eq!(get("stripe").hash().len(), 64);
}

#[test]
fn a_child_that_leaves_a_variable_of_its_parent_unused_is_there() {
    let parent = minimal("Parent").replace("https://api.a.example", "https://{shop}.a.example")
        + "[variables]\nshop = { label = \"Shop\" }\n";
    let child = "extends = \"parent\"\nname = \"Child\"\nbase_url = \"https://api.b.example\"\n";
    let dir = dir(&[("parent.toml", &parent), ("child.toml", child)]);
    let registry = Registry::load(&with_dir(dir.path())).unwrap();
    assert!(registry.get("child").is_some());
}

#[test]
fn an_empty_string_drops_what_was_inherited() {
    let parent = minimal("Parent")
        + "headers = { X-A = \"{access_token}\", X-B = \"b\" }\ntoken_params = { a = \"1\" }\n";
    let child = "extends = \"parent\"\nname = \"Child\"\n[oauth2]\nheaders = { x-c = \"c\", X-B = \"\" }\ntoken_params = { a = \"\" }\n";
    let dir = dir(&[("parent.toml", &parent), ("child.toml", child)]);
    let registry = Registry::load(&with_dir(dir.path())).unwrap();
    let child = registry.get("child").unwrap();
    let values = crate::provider::Values::new().with("access_token", "t");
    let placement = child.placement(vouchsafe_entity::kind::Method::OAuth2, &values).unwrap();
    let names: Vec<_> = placement.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-a", "x-c"]);
    let params = child.oauth2().unwrap().token.params.render(&values).unwrap();
    assert!(matches!(params.as_slice(), [(name, None)] if name == "a"));
}

#[test]
fn bad_inheritance_is_found() {
    let dir = dir(&[
        ("one.toml", "extends = \"gogle\"\nname = \"One\"\n"),
        ("two.toml", "extends = \"google-calendar\"\nname = \"Two\"\n"),
        ("three.toml", "extends = \"three\"\nname = \"Three\"\n"),
        ("four.toml", "extends = \"google\"\n"),
        ("five.toml", "extends = \"google\"\nname = \"Five\"\nbas_url = \"x\"\n"),
        ("six.toml", "extends = \"google\"\nname = \"Six\"\nheaders = \"x\"\n"),
        ("seven.toml", "extends = \"google\"\nname = \"Seven\"\naccount = \"{nobody}\"\n"),
        ("Eight.toml", &minimal("Eight")),
    ]);
    let report = Registry::load(&with_dir(dir.path())).unwrap_err();
    let found: Vec<_> = report
        .problems()
        .iter()
        .map(|problem| (problem.file.rsplit('/').next().unwrap().to_owned(), problem.code, problem.line))
        .collect();
    let expected = [
        ("Eight.toml", "bad-slug", 0),
        ("five.toml", "unknown-key", 3),
        ("four.toml", "missing-key", 0),
        ("one.toml", "unknown-parent", 1),
        ("seven.toml", "unknown-placeholder", 3),
        ("six.toml", "wrong-type", 3),
        ("three.toml", "unknown-parent", 1),
        ("two.toml", "nested-extends", 1),
    ];
    assert_eq!(found, expected.map(|(file, code, line)| (file.to_owned(), code, line)));
    assert_eq!(report.problems()[3].help.as_deref(), Some("did you mean `google`?"));
}

#[test]
fn a_child_of_a_broken_file_does_not_vanish() {
    let child = "extends = \"parent\"\nname = \"Child\"\n";
    let child = &format!("#:schema ./schema.json\n{child}");
    let dir = dir(&[("parent.toml", "#:schema ./schema.json\nname = \n"), ("child.toml", child)]);
    let child = check_paths(&[dir.path().to_owned()], &Sources::default());
    let codes: Vec<_> = child.problems().iter().map(|problem| problem.code).collect();
    assert!(codes[0] == "bad-parent" && codes.contains(&"syntax"), "{codes:?}");
}

#[test]
fn all_files_are_reported_and_nothing_loads() {
    let dir = dir(&[("a.toml", "name = 1\n"), ("b.toml", "= \n"), ("c.toml", &minimal("Fine"))]);
    let report = Registry::load(&with_dir(dir.path())).unwrap_err();
    let mut files: Vec<_> = report.problems().iter().map(|problem| problem.file.as_str()).collect();
    files.dedup();
    assert_eq!(files.len(), 2);
    assert!(report.files() > 14);
}

#[test]
fn a_world_writable_or_missing_directory_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = dir(&[("a.toml", &minimal("A"))]);
    assert!(Registry::load(&with_dir(dir.path())).is_ok());
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let report = Registry::load(&with_dir(dir.path())).unwrap_err();
    assert_eq!(report.problems()[0].code, "world-writable");
    let report = Registry::load(&with_dir(&dir.path().join("nowhere"))).unwrap_err();
    assert_eq!(report.problems()[0].code, "unreadable");
}

#[test]
fn a_file_too_large_or_of_too_many_variables_is_refused() {
    let large = minimal("Large") + "#" + &"x".repeat(64 * 1024);
    let report = Definition::from_toml("large", &large, false).unwrap_err();
    assert_eq!(report.problems()[0].code, "too-large");
    let many = (0..41).fold(minimal("Many") + "[variables]\n", |text, index| {
        text + &format!("v{index} = {{ label = \"V\" }}\n")
    });
    let report = Definition::from_toml("many", &many, false).unwrap_err();
    assert!(report.problems().iter().any(|problem| problem.code == "too-many-variables"));
}

#[test]
fn comments_are_held_to_what_they_say() {
    let text = "#:schema ./schema.json\n".to_owned()
        + &minimal("Talk")
        + "code_challenge_method = \"none\"\n# unverified: oauth2.token_endpoint, unverified: oauth2.nothing\n";
    let dir =
        dir(&[("talk.toml", &text), ("said.toml", &text.replace("\"none\"", "\"none\" # no PKCE there"))]);
    let report = check_paths(&[dir.path().join("talk.toml")], &Sources::default());
    let found: Vec<_> = report
        .problems()
        .iter()
        .map(|problem| (problem.code, problem.severity, problem.line, problem.column))
        .collect();
    let expected = [
        ("pkce-off", Severity::Warning, 8, 25),
        ("unverified", Severity::Warning, 9, 15),
        ("unverified-path", Severity::Error, 9, 50),
    ];
    assert_eq!(found, expected);
    assert_eq!(report.files(), 1);
    let all = check_paths(&[dir.path().to_owned()], &Sources::default());
    assert_eq!((all.errors(), all.warnings(), all.files()), (2, 3, 2));
}

const DEFINITIONS: [&str; 4] = [
    include_str!("../../../providers/salesforce.toml"),
    include_str!("../../../providers/tableau.toml"),
    include_str!("../../../providers/slack.toml"),
    include_str!("../../../providers/aws-s3.toml"),
];

/// Whether what is shown of a problem is in the file.
fn is_inside(problem: &Problem, text: &str) -> bool {
    let within = |line: usize, column: usize| {
        let line = line.checked_sub(1).and_then(|at| text.split('\n').nth(at));
        line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&column))
    };
    let (start, end) = ((problem.line, problem.column), (problem.end_line, problem.end_column));
    problem.line == 0 || (within(start.0, start.1) && within(end.0, end.1) && start <= end)
}

proptest! {
    // A file takes as long as ten inputs of another target.
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn s15_definition(change in mutation()) {
        let text = change.text_of(&DEFINITIONS);
        match Definition::from_toml("fuzz", &text, false) {
            Ok(definition) => {
                prop_assert!(!definition.name().is_empty() && !definition.methods().is_empty());
                prop_assert!(!definition.base_url.source().starts_with("http://"));
                let token = definition.oauth2().map(|table| table.token.endpoint.source());
                prop_assert!(token.is_none_or(|url| !url.starts_with("http://")));
                let again = Definition::from_toml("fuzz", &text, false).unwrap();
                prop_assert_eq!(again.hash(), definition.hash());
            }
            Err(report) => {
                prop_assert!(report.errors() > 0, "refused without a reason");
                for problem in report.problems() {
                    prop_assert!(is_inside(problem, &text), "{:?}", problem);
                }
                prop_assert_eq!(report.json_lines().lines().count(), report.problems().len());
                prop_assert!(!report.to_string().is_empty());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_text_never_panics(text in "(\\PC|\\n){0,200}") {
        if let Err(report) = Definition::from_toml("fuzz", &text, true) {
            prop_assert!(report.errors() > 0);
            let _ = report.to_string();
        }
    }
}
