//! The definitions that come with the product.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use vouchsafe::provider::{Registry, Sources, check_paths, schema};

pub(crate) fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("providers")
}

/// Slug and text of every file in `providers/`.
pub(crate) fn shipped() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let slug = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (slug, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(found.len() > 10, "providers/ was not found");
    found
}

fn builtin() -> Sources {
    Sources { builtin: true, ..Sources::default() }
}

/// The slugs that show an icon, of their own or of what they extend.
pub(crate) fn with_icon() -> BTreeSet<String> {
    let registry = Registry::load(&builtin()).unwrap_or_else(|report| panic!("{report}"));
    registry.all().filter_map(|definition| definition.icon_slug()).map(str::to_owned).collect()
}

/// How many facts of each file nobody has verified, as the check of the files counts them.
pub(crate) fn unverified() -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for problem in check_paths(&[], &builtin()).problems().iter().filter(|one| one.code == "unverified") {
        let slug = Path::new(&problem.file).file_stem().unwrap().to_str().unwrap();
        *counts.entry(slug.to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn every_mark_of_what_nobody_has_verified_is_counted() {
    let counts = unverified();
    for (slug, text) in shipped() {
        let comments = text.lines().filter_map(|line| Some(line.split_once('#')?.1));
        let marks: usize = comments.map(|comment| comment.matches("unverified:").count()).sum();
        assert_eq!(counts.get(&slug).copied().unwrap_or_default(), marks, "{slug}");
    }
}

#[test]
fn every_shipped_file_is_loaded_under_its_name() {
    let registry = Registry::load(&builtin()).unwrap_or_else(|report| panic!("{report}"));
    let files: Vec<String> = shipped().into_iter().map(|(slug, _)| slug).collect();
    let mut loaded: Vec<&str> = registry.all().map(|definition| definition.slug()).collect();
    loaded.sort_unstable();
    assert_eq!(loaded, files);
    for definition in registry.all() {
        assert!(!definition.methods().is_empty(), "{} can't be connected", definition.slug());
        assert!(!definition.name().is_empty());
    }
}

#[test]
fn the_check_finds_nothing_wrong_but_what_nobody_has_verified() {
    for report in [check_paths(&[], &builtin()), check_paths(&[folder()], &builtin())] {
        let problems: Vec<_> = report.problems().iter().filter(|one| one.code != "unverified").collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
}

#[test]
fn keys_in_another_order_a_missing_schema_line_and_a_value_without_a_hint_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let text = "documentation = \"https://acme.test\"\nname = \"Acme\"\nbase_url = \"https://acme.test\"\n\
                [variables]\nkey = { secret = true, label = \"Key\" }\n\
                site = { label = \"Site\" }\nzone = { label = \"Zone\", example = \"north\" }\n\
                [api_key]\nheaders = { b = \"{key}\", a = \"{site} {zone}\" }\n\
                [check]\npath = \"/\"\nmethod = \"POST\"\n";
    std::fs::write(folder.path().join("acme.toml"), text).unwrap();
    let report = check_paths(&[folder.path().to_owned()], &builtin());
    let found: Vec<_> = report.problems().iter().map(|one| (one.code, one.line, one.column)).collect();
    let wanted = [
        ("no-schema", 1, 1),
        ("key-order", 2, 1),
        ("no-help", 5, 1),
        ("key-order", 5, 24),
        ("no-help", 6, 1),
        ("key-order", 12, 1),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn every_file_names_its_schema_first() {
    for (slug, text) in shipped() {
        assert_eq!(text.lines().next(), Some("#:schema ./schema.json"), "{slug}.toml");
    }
}

#[test]
fn the_page_says_how_to_get_the_runner_that_the_tests_use() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = std::fs::read_to_string(root.join("tests/run.sh")).unwrap();
    let version = script.split_once("NEXTEST_VERSION=").unwrap().1.split_whitespace().next().unwrap();
    let page = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let line = format!("cargo install --locked cargo-nextest@{version}");
    assert!(page.contains(&line), "{line}");
}

/// Slug and text of the app that the page for a new provider writes down as a whole.
pub(crate) fn example() -> (String, String) {
    let page = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let slug = page.split_once("TEST_PROVIDER=").unwrap().1.split_whitespace().next().unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let text = block.lines().fold(String::new(), |text, line| text + line.trim_start() + "\n");
    (slug.to_owned(), text)
}

#[test]
fn the_page_for_a_new_provider_shows_a_file_without_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let (slug, text) = example();
    let path = folder.path().join(format!("{slug}.toml"));
    std::fs::write(&path, text).unwrap();
    let report = check_paths(&[path], &builtin());
    assert!(report.files() == 1 && report.problems().is_empty(), "{report}");
}

/// Where the table begins in `providers/README.md`.
const TABLE: &str =
    "<!-- Everything below is written by the test `providers::the_table_of_apps_is_the_present_one`. -->\n";

#[test]
fn the_table_of_apps_is_the_present_one() {
    let path = folder().join("README.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once(TABLE).unwrap();
    let present = format!("{head}{TABLE}{}", table());
    if std::env::var_os("UPDATE_PROVIDERS").is_some() {
        std::fs::write(&path, &present).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == present, "write it again: UPDATE_PROVIDERS=1 cargo nextest run --test it table_of_apps");
}

/// One line for each app.
fn table() -> String {
    use std::fmt::Write as _;
    let unverified = unverified();
    let registry = Registry::load(&builtin()).unwrap_or_else(|report| panic!("{report}"));
    let mut table = format!(
        "\n{} apps, {} of them with an icon. *Asks for*: what the user types, by method; in italics what the embedder \
         sets with the connector.\n\n\
         | app | slug | methods | asks for | not verified |\n| --- | --- | --- | --- | --- |\n",
        registry.len(),
        with_icon().len()
    );
    for definition in registry.all() {
        let methods: Vec<&str> = definition.methods().iter().map(|method| method.as_str()).collect();
        let mut asked: Vec<String> = Vec::new();
        for method in definition.methods() {
            let names = definition.fields(*method).into_iter().map(|field| format!("`{}`", field.name));
            asked.extend(names.filter(|name| !asked.contains(name)).collect::<Vec<_>>());
        }
        asked.extend(definition.connector_fields().into_iter().map(|field| format!("*`{}`*", field.name)));
        let unverified = unverified.get(definition.slug()).map(usize::to_string).unwrap_or_default();
        let (name, page, slug) = (definition.name(), definition.documentation(), definition.slug());
        let (methods, asked) = (methods.join(", "), asked.join(" "));
        writeln!(table, "| [{name}]({page}) | `{slug}` | {methods} | {asked} | {unverified} |").unwrap();
    }
    table
}

#[test]
fn the_committed_schema_is_the_present_one() {
    let committed = std::fs::read_to_string(folder().join("schema.json")).unwrap();
    let committed: serde_json::Value = serde_json::from_str(&committed).unwrap();
    assert_eq!(
        committed,
        serde_json::to_value(schema()).unwrap(),
        "write it again: vouchsafe providers schema > providers/schema.json"
    );
}

/// An icon as `tests/tools/icons.mjs` draws it: a tile, and one path on it.
const ICON: &str = r##"^<svg xmlns="http://www\.w3\.org/2000/svg" viewBox="0 0 36 36"><rect x="\.5" y="\.5" width="35" height="35" rx="6\.5" fill="#([0-9a-f]{6})" stroke="#000" stroke-opacity="\.12"/><path transform="translate\(6 6\)" fill="#([0-9a-f]{6})" d="[Mm][0-9MmLlHhVvCcSsQqTtAaZz ,.-]+"/></svg>\n$"##;

#[test]
fn every_icon_is_a_small_path_of_an_app_that_is_there() {
    let icon = Regex::new(ICON).unwrap();
    let apps: BTreeSet<String> = shipped().into_iter().map(|(slug, _)| slug).collect();
    let (mut icons, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder().join("icons")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "LICENSE.md" {
            continue;
        }
        let slug = name.strip_suffix(".svg").unwrap_or_else(|| panic!("{name} is no icon"));
        assert!(apps.contains(slug), "{name} is the icon of no app");
        let text = std::fs::read_to_string(&path).unwrap();
        let parts = icon.captures(&text).unwrap_or_else(|| panic!("{name} is more than a path on a tile"));
        // On white, or black on its colour: seen on any page.
        assert!(&parts[1] == "ffffff" || &parts[2] == "000000", "{name}");
        assert_ne!(&parts[1], &parts[2], "{name}");
        assert!(text.len() < 8 * 1024, "{name} has {} bytes", text.len());
        (icons, bytes) = (icons + 1, bytes + text.len());
    }
    assert!(icons > 100, "there are {icons}");
    assert!(bytes / icons < 1536, "an icon has {} bytes", bytes / icons);
}

#[test]
fn an_app_has_its_own_icon_or_that_of_its_family() {
    let folder = tempfile::tempdir().unwrap();
    let operators = "name = \"Our own\"\nextends = \"github\"\n";
    std::fs::write(folder.path().join("our-own.toml"), operators).unwrap();
    let sources = Sources { dir: Some(folder.path().to_owned()), ..builtin() };
    let registry = Registry::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    let icon = |slug: &str| registry.get(slug).and_then(|definition| definition.icon());
    assert!(icon("google").is_some());
    assert_eq!(icon("google-contacts"), icon("google"));
    assert_ne!(icon("google-drive"), icon("google"));
    assert_eq!(icon("our-own"), icon("github"));
    assert_eq!(registry.get("our-own").unwrap().icon_slug(), Some("our-own"));
    // Not against the wish of a brand.
    for slug in ["slack", "salesforce", "microsoft-outlook", "linkedin", "openai", "twilio", "amazon"] {
        assert!(registry.get(slug).is_some_and(|definition| definition.icon().is_none()), "{slug}");
    }
}
