//! Collects files: those of the binary, those of a directory, those named one by one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::provider::report::{Problem, Severity};
use crate::provider::shipped;
use crate::provider::source::{Source, Trust};

/// Files by slug, built-in ones and the operator's apart.
#[derive(Default)]
pub(super) struct Files {
    builtin: BTreeMap<String, Source>,
    operator: BTreeMap<String, Source>,
    problems: Vec<Problem>,
    only_operator: bool,
}

impl Files {
    pub(super) fn add(&mut self, slug: &str, shown: String, text: String, trust: Trust) {
        let source = Source::new(slug, shown, text, trust);
        match trust {
            Trust::BuiltIn => self.builtin.insert(slug.to_owned(), source),
            Trust::Operator => self.operator.insert(slug.to_owned(), source),
        };
    }

    pub(super) fn add_builtin(&mut self) {
        for name in shipped::names() {
            let Some(slug) = name.strip_suffix(".toml") else {
                continue;
            };
            let shown = format!("providers/{name}");
            let text = shipped::read(&name).map(|text| String::from_utf8(text.into_owned()));
            match text {
                Some(Ok(text)) => self.add(slug, shown, text, Trust::BuiltIn),
                Some(Err(_)) | None => self.refuse(&shown, "unreadable", "not a text file in UTF-8"),
            }
        }
    }

    /// Built-in files are there to be extended, but are not examined themselves.
    pub(super) fn only_operator(&mut self) {
        self.only_operator = true;
    }

    pub(super) fn add_path(&mut self, path: &Path) {
        if path.is_dir() {
            self.add_dir(path, false);
        } else {
            self.add_file(path);
        }
    }

    /// Adds every `*.toml` of a directory. What everybody can write to decides nothing, so where the files are to
    /// be used and not only checked, such a directory is refused.
    pub(super) fn add_dir(&mut self, dir: &Path, used: bool) {
        let shown = dir.display().to_string();
        if used && world_writable(dir) {
            let message = "everybody can write to this directory, whose files decide where secrets go";
            return self.refuse(&shown, "world-writable", message);
        }
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return self.refuse(&shown, "unreadable", &error.to_string()),
        };
        for entry in entries {
            match entry {
                Ok(entry) => {
                    let path = entry.path();
                    let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
                    if !hidden && path.extension().is_some_and(|end| end == "toml") {
                        self.add_file(&path);
                    }
                }
                Err(error) => self.refuse(&shown, "unreadable", &error.to_string()),
            }
        }
    }

    fn add_file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let slug = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        match fs::read_to_string(path) {
            Ok(text) => self.add(&slug, shown, text, Trust::Operator),
            Err(error) => self.refuse(&shown, "unreadable", &error.to_string()),
        }
    }

    fn refuse(&mut self, file: &str, code: &'static str, message: &str) {
        self.problems.push(Problem {
            file: file.to_owned(),
            line: 0,
            column: 0,
            end_line: 0,
            end_column: 0,
            severity: Severity::Error,
            code,
            message: message.to_owned(),
            help: None,
            snippet: String::new(),
        });
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        self.problems.clone()
    }

    /// The files that count: of one slug the operator's, whole.
    pub(super) fn effective(&self) -> impl Iterator<Item = &Source> {
        let shipped = self.builtin.values().filter(|source| !self.operator.contains_key(&source.slug));
        self.operator.values().chain(shipped.filter(|_| !self.only_operator))
    }

    /// What a file extends. A shipped file extends a shipped one, as it was tested; one of the operator's extends
    /// another of the operator's before a shipped one, and under its own slug the shipped one.
    pub(super) fn find_parent(&self, child: &Source, slug: &str) -> Option<&Source> {
        let operator = child.trust == Trust::Operator;
        let own = self.operator.get(slug).filter(|_| operator && child.slug != slug);
        own.or_else(|| self.builtin.get(slug).filter(|_| operator || child.slug != slug))
    }

    pub(super) fn slugs(&self) -> impl Iterator<Item = &str> {
        self.operator.keys().chain(self.builtin.keys()).map(String::as_str)
    }
}

#[cfg(unix)]
fn world_writable(dir: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o002 != 0)
}

#[cfg(not(unix))]
fn world_writable(_dir: &Path) -> bool {
    false
}
