//! Which part of the product may use which, and what belongs to one part alone. The tables below are the rule;
//! `src/lib.rs` points here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A module of `src/` and what it may name: modules, single paths of one, and modules of the entity crate
/// (`entity::…`, `*` for all).
const MAY_USE: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &[
            "app",
            "config",
            "demo",
            "telemetry",
            "provider",
            "service",
            "http::MetricsText",
            "http::render",
            "domain::page",
            "domain::period",
            "domain::scope",
            "clock",
            "failpoint",
            "vault::MasterKey",
            "random",
            "entity::id",
            "entity::kind",
            "entity::millis",
        ],
    ),
    (
        "app",
        &[
            "http", "worker", "service", "store", "vault", "egress", "heads", "journal", "provider",
            "domain", "config", "clock", "random",
        ],
    ),
    // Somebody else's servers: they know nothing of the hub and speak HTTP to it.
    ("demo", &["clock", "random"]),
    ("worker", &["service"]),
    ("telemetry", &["config"]),
    (
        "http",
        &[
            "service",
            "domain",
            "provider",
            "secret",
            "entity::id",
            "entity::json",
            "entity::kind",
            "entity::millis",
        ],
    ),
    (
        "service",
        &[
            "store",
            "oauth",
            "vault",
            "egress",
            "heads",
            "journal",
            "failpoint",
            "provider",
            "signing",
            "domain",
            "config::AuditMode",
            "ids",
            "secret",
            "clock",
            "random",
            "entity::id",
            "entity::json",
            "entity::kind",
            "entity::millis",
            "entity::sealed",
        ],
    ),
    ("store", &["domain", "entity::*", "migration"]),
    (
        "oauth",
        &["domain::id_token", "egress", "provider", "public_suffix", "random", "signing", "entity::kind"],
    ),
    ("vault", &["domain", "random", "entity::id", "entity::millis", "entity::sealed"]),
    (
        "domain",
        &["public_suffix", "entity::id", "entity::json", "entity::kind", "entity::millis", "entity::sealed"],
    ),
    ("provider", &["public_suffix", "signing", "entity::kind"]),
    ("egress", &["failpoint"]),
    ("heads", &[]),
    ("journal", &["failpoint"]),
    ("failpoint", &[]),
    // The inputs of the fuzz targets, in tests alone.
    ("fuzz", &[]),
    ("config", &["domain::origin", "egress::smtp", "store::DatabaseUrl"]),
    ("ids", &["clock", "random"]),
    ("secret", &["random"]),
    ("signing", &[]),
    ("clock", &[]),
    ("public_suffix", &[]),
    ("random", &[]),
];

/// A word of a dependency and the modules that may write it.
const BELONGS_TO: &[(&str, &[&str])] = &[
    ("sea_orm", &["store"]),
    ("sqlx", &["store"]),
    ("aes_gcm", &["vault"]),
    ("jsonwebtoken", &["oauth"]),
    ("lettre", &["egress"]),
    ("reqwest", &["egress", "demo"]),
    ("hyper_util::client", &["egress", "demo"]),
    ("tera", &["http", "demo"]),
    ("axum", &["http", "app", "demo"]),
    ("clap", &["cli"]),
    ("anyhow", &["main", "cli"]),
];

/// Files whose code has a shipped slug as text, each with its reason. No code decides by one; tests may name any.
const NAMES_A_PROVIDER: &[(&str, &str)] = &[
    ("http/connect/page/samples.rs", "sample pages"),
    ("http/connect/page/samples/asking.rs", "sample pages"),
    ("http/connect/page/samples/ending.rs", "sample pages"),
    ("http/view/connector.rs", "an example of the API's document"),
    ("http/view/credential.rs", "an example of the API's document"),
    ("http/view/integration.rs", "an example of the API's document"),
    ("http/view/provider.rs", "an example of the API's document"),
    ("http/view/secret.rs", "an example of the API's document"),
];

const MOST_LINES: usize = 400;

struct Source {
    /// Below `src/`, with `/`.
    path: String,
    /// The first part of its module path: `http` for `http/view/key.rs`.
    module: String,
    /// How many modules deep it is: 1 for `http.rs`.
    depth: usize,
    text: String,
    /// Without comments and tests.
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    paths.sort();
    let sources: Vec<Source> = paths.iter().map(|path| source(&src, path)).collect();
    assert!(sources.len() > 100, "src was not found");
    sources
}

fn source(src: &Path, path: &Path) -> Source {
    let text = std::fs::read_to_string(path).unwrap();
    let path = path.strip_prefix(src).unwrap().to_str().unwrap().replace('\\', "/");
    let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    Source { module: parts[0].to_owned(), depth: parts.len(), code: product_code(&text), text, path }
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

/// The text up to the inline tests, without line comments.
fn product_code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |code, line| code + line + "\n")
}

/// What a file names: `module`, `module::item`, `entity::module`. Groups in braces are taken apart.
fn uses(source: &Source) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |prefix: &str, start: &str| {
        for (position, _) in source.code.match_indices(start) {
            let before = source.code[..position].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            for path in heads(&source.code[position + start.len()..]) {
                found.insert(format!("{prefix}{path}"));
            }
        }
    };
    add("", "crate::");
    add("", "vouchsafe::");
    add("entity::", "vouchsafe_entity::");
    // `super` out of a module of the first level is the crate itself.
    add("", &"super::".repeat(source.depth));
    if source.code.contains("vouchsafe_migration") {
        found.insert("migration".to_owned());
    }
    found.retain(|path| !path.starts_with("super"));
    found
}

/// The first two names of each path that `text` begins with: `a::{b, c::d}` is `a::b` and `a::c`.
fn heads(text: &str) -> Vec<String> {
    fn names(text: &str, depth: usize) -> Vec<String> {
        if let Some(group) = text.strip_prefix('{') {
            return members(group).iter().flat_map(|member| names(member.trim(), depth)).collect();
        }
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let name = &text[..end];
        if name.is_empty() {
            return Vec::new();
        }
        match text[end..].strip_prefix("::") {
            Some(rest) if depth > 1 => {
                let inner = names(rest, depth - 1);
                inner.into_iter().map(|inner| format!("{name}::{inner}")).collect()
            }
            _ => vec![name.to_owned()],
        }
    }
    names(text, 2)
}

/// The members of a group in braces, which `text` is the inside of.
fn members(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (position, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&text[start..position]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    found
}

fn is_allowed(path: &str, own: &str, allowed: &[&str]) -> bool {
    let first = path.split("::").next().unwrap_or(path);
    let own_macro = first == own || first.starts_with(char::is_uppercase);
    own_macro
        || allowed.iter().any(|entry| match entry.strip_suffix("::*") {
            Some(whole) => first == whole,
            None => path == *entry || path.strip_prefix(entry).is_some_and(|rest| rest.starts_with("::")),
        })
}

#[test]
fn every_module_uses_only_what_it_may() {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| source.path != "lib.rs" && !source.is_test()) {
        let Some((_, allowed)) = MAY_USE.iter().find(|(module, _)| *module == source.module) else {
            breaches.push(format!("{}: `{}` is not in the table", source.path, source.module));
            continue;
        };
        for path in uses(source) {
            if !is_allowed(&path, &source.module, allowed) {
                breaches.push(format!("{}: {} may not use {path}", source.path, source.module));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_reader_of_paths_sees_what_it_should() {
    let read = |text: &str, path: &str| {
        let source = Source {
            path: path.to_owned(),
            module: "http".to_owned(),
            depth: path.split('/').count(),
            text: String::new(),
            code: product_code(text),
        };
        uses(&source).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(
        read("use crate::{\n  egress::{Answer, Egress},\n  provider::lint::Rules, clock,\n};\n", "http.rs"),
        ["clock", "egress::Answer", "egress::Egress", "provider::lint"]
    );
    assert_eq!(
        read("fn f() { crate::store::open(); super::vault::x() }", "http.rs"),
        ["store::open", "vault::x"]
    );
    assert_eq!(read("use super::super::store;\nuse super::other;\n", "http/a.rs"), ["store"]);
    assert_eq!(read("// crate::store\n#[cfg(test)]\nmod tests {\n use crate::store; }", "http.rs"), [""; 0]);
    assert!(!is_allowed("store::open", "http", &["service"]));
    assert!(!is_allowed("config::Config", "service", &["config::AuditMode"]));
    assert!(is_allowed("entity::user", "store", &["entity::*"]));
}

#[test]
fn what_belongs_to_one_module_is_written_nowhere_else() {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for (word, owners) in BELONGS_TO {
            let named = source.code.match_indices(word).any(|(position, _)| {
                let around = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                let before = source.code[..position].chars().next_back();
                let after = source.code[position + word.len()..].chars().next();
                // A path, so that a word in a text or a name is none.
                !around(before)
                    && before != Some('"')
                    && source.code[position + word.len()..].starts_with("::")
                    && !around(after)
            });
            if named && !owners.contains(&source.module.as_str()) {
                breaches.push(format!("{} writes {word}, which belongs to {owners:?}", source.path));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn no_code_names_a_shipped_provider() {
    let mut slugs: Vec<String> = super::providers::shipped().into_iter().map(|(slug, _)| slug).collect();
    // Whoever follows the page to the letter must not end here.
    slugs.push(super::providers::example().0);
    let mut found = BTreeSet::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let named = |slug: &String| source.code.contains(&format!("\"{slug}\""));
        if let Some(slug) = slugs.iter().find(|slug| named(slug)) {
            let listed = NAMES_A_PROVIDER.iter().any(|(path, _)| *path == source.path);
            assert!(listed, "src/{} names `{slug}`: a provider is data", source.path);
            found.insert(source.path.clone());
        }
    }
    for (path, reason) in NAMES_A_PROVIDER {
        assert!(found.contains(*path), "src/{path} ({reason}) names none any more: take it off the list");
    }
}

#[test]
fn files_are_short_and_beside_their_folder() {
    let mut breaches = Vec::new();
    for source in sources() {
        if source.path.ends_with("mod.rs") {
            breaches.push(format!("src/{}: a module stands beside its folder", source.path));
        }
        if !source.is_test() && !source.text.starts_with("//!") {
            breaches.push(format!("src/{} does not say what it is for", source.path));
        }
    }
    let mut all = Vec::new();
    for folder in ["src", "entity", "migration", "tests/it", "tests/browser", "tests/bench"] {
        files(&root().join(folder), &mut all);
    }
    for path in all {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        if lines > MOST_LINES {
            breaches.push(format!("{} has {lines} lines; split it by meaning", path.display()));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_map_of_the_crate_names_every_module() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for line in text.lines() {
        if let Some(module) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            let row = format!("[`{module}`]");
            let mapped = text.lines().any(|line| line.starts_with("//! | ") && line.contains(&row));
            assert!(mapped, "the map in src/lib.rs lacks `{module}`");
            let listed = MAY_USE.iter().any(|(name, _)| *name == module);
            assert!(listed, "the table of directions lacks `{module}`");
        }
    }
}
