//! The definitions that come with the product.

use std::path::Path;

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
fn the_check_finds_nothing_wrong() {
    let embedded = check_paths(&[], &builtin());
    assert_eq!(embedded.errors(), 0, "{embedded}");
    let on_disk = check_paths(&[folder()], &builtin());
    assert_eq!(on_disk.errors(), 0, "{on_disk}");
}

#[test]
fn every_file_names_its_schema_first() {
    for (slug, text) in shipped() {
        assert_eq!(text.lines().next(), Some("#:schema ./schema.json"), "{slug}.toml");
    }
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
