//! All definitions of a process: read once, looked up by slug, swapped as a whole by whoever holds them.

mod files;
mod unread;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use self::files::Files;
use self::unread::Unread;
use super::build::build;
use super::definition::Definition;
use super::lint::{Rules, lint, typed_host_flaws};
use super::report::Report;
use super::source::{Flaw, Place, Reading, Source, Trust, comment_flaws, help_flaws, order_flaws};

/// Where definitions come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The files embedded in the binary.
    pub builtin: bool,
    /// A directory of the operator's (`VOUCHSAFE_PROVIDERS_DIR`).
    pub dir: Option<PathBuf>,
    /// Whether the operator's files may use `http://` (`VOUCHSAFE_EGRESS_HTTP`).
    pub allow_http: bool,
}

/// The definitions that are in force.
#[derive(Debug, Default)]
pub struct Registry {
    by_slug: HashMap<String, Arc<Definition>>,
    sorted: Vec<Arc<Definition>>,
    /// By slug and by display name, as [`plain`] writes them.
    called: HashMap<String, Vec<Arc<Definition>>>,
}

impl Registry {
    /// Reads and checks every file. With one error in one file nothing is loaded, and the report has them all.
    pub fn load(sources: &Sources) -> Result<Self, Report> {
        let (definitions, report) = examine(sources, &[], false);
        if report.errors() > 0 { Err(report) } else { Ok(Self::from_definitions(definitions)) }
    }

    /// A registry of definitions that are there already; of two with one slug the later one counts.
    pub fn from_definitions(definitions: impl IntoIterator<Item = Definition>) -> Self {
        let mut by_slug = HashMap::new();
        for definition in definitions {
            by_slug.insert(definition.slug.clone(), Arc::new(definition));
        }
        let mut sorted: Vec<Arc<Definition>> = by_slug.values().cloned().collect();
        sorted.sort_by_cached_key(|definition| definition.sort_key());
        let mut called: HashMap<String, Vec<Arc<Definition>>> = HashMap::new();
        for definition in &sorted {
            let names: HashSet<String> = [definition.slug(), definition.name()].map(plain).into();
            for name in names.into_iter().filter(|name| !name.is_empty()) {
                called.entry(name).or_default().push(Arc::clone(definition));
            }
        }
        Self { by_slug, sorted, called }
    }

    /// The definition of a slug.
    pub fn get(&self, slug: &str) -> Option<Arc<Definition>> {
        self.by_slug.get(slug).cloned()
    }

    /// The definitions that people mean by `words`: those of that slug or display name, whatever the letter case, spaces
    /// and punctuation. More than one where a name is not one app's alone, none where nothing is called so.
    pub fn named(&self, words: &str) -> &[Arc<Definition>] {
        self.called.get(&plain(words)).map_or(&[][..], Vec::as_slice)
    }

    /// Every definition, by display name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.sorted.iter()
    }

    /// How many definitions there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

impl Definition {
    /// One definition from text, with the rules of the operator's directory. A file that extends another needs a
    /// [`Registry`].
    pub fn from_toml(slug: &str, text: &str, allow_http: bool) -> Result<Self, Report> {
        let shown = format!("{slug}.toml");
        let mut files = Files::default();
        files.add(slug, shown, text.to_owned(), Trust::Operator);
        let (mut definitions, report) = files.load(Rules { allow_http }, false);
        match definitions.pop() {
            Some(definition) if report.errors() == 0 => Ok(definition),
            _ => Err(report),
        }
    }
}

/// Checks files and directories, warnings included; without paths everything that `sources` would load. Files given
/// by path are held to the rules of the operator's directory and may extend each other and the built-in files.
pub fn check_paths(paths: &[PathBuf], sources: &Sources) -> Report {
    examine(sources, paths, true).1
}

fn examine(sources: &Sources, paths: &[PathBuf], warnings: bool) -> (Vec<Definition>, Report) {
    let mut files = Files::default();
    if sources.builtin || !paths.is_empty() {
        files.add_builtin();
    }
    if paths.is_empty() {
        if let Some(dir) = &sources.dir {
            files.add_dir(dir, true);
        }
    } else {
        files.only_operator();
        for path in paths {
            files.add_path(path);
        }
    }
    files.load(Rules { allow_http: sources.allow_http }, warnings)
}

impl Files {
    /// Builds everything that was added.
    fn load(self, rules: Rules, warnings: bool) -> (Vec<Definition>, Report) {
        let mut report = Report { problems: self.problems(), files: 0 };
        let mut definitions = Vec::new();
        for source in self.effective() {
            report.files += 1;
            let mut flaws = match self.build(source, rules) {
                Ok(definition) => {
                    let found = if warnings { typed_host_flaws(&definition) } else { Vec::new() };
                    definitions.push(definition);
                    found
                }
                Err(flaws) => flaws,
            };
            if warnings {
                flaws.extend(comment_flaws(source));
                flaws.extend(help_flaws(source));
                flaws.extend(order_flaws(source));
            }
            report.problems.extend(flaws.into_iter().map(|flaw| source.problem(flaw)));
        }
        report.sort();
        (definitions, report)
    }

    fn build(&self, source: &Source, rules: Rules) -> Result<Definition, Vec<Flaw>> {
        if !is_slug(&source.slug) {
            let message = format!("`{}` is no slug", source.slug);
            let help = "a file is named with lower-case letters, digits and single hyphens, at most 64";
            return Err(vec![Flaw::error(Place::File, "bad-slug", message).help(help)]);
        }
        let parent = match source.extends() {
            Some(slug) => Some(self.parent(source, &slug).map_err(|mut flaws| {
                flaws.extend(source.syntax_flaws());
                flaws
            })?),
            None => None,
        };
        let Reading { file, mut flaws, unread } = source.read(parent);
        let Some(file) = file else {
            // The parent's mistakes are shown where they are; without any here there is still no definition.
            let at = Place::Value(vec!["extends".to_owned()]);
            let blame =
                || vec![Flaw::error(at, "bad-parent", "the definition that this one extends has errors")];
            return Err(if flaws.is_empty() { blame() } else { flaws });
        };
        let hash = hash(source, parent);
        let mut unread = Unread::new(source, unread);
        let (mut drafts, mut built) = (Vec::new(), Vec::new());
        for part in file.parts() {
            let (draft, found) = build(&source.slug, &hash, &part.file, source.trust);
            let found = found.into_iter().map(|flaw| part.placed(flaw));
            built.extend(found.filter(|flaw| !unread.explains(flaw)));
            drafts.extend(draft.map(|draft| (part, draft)));
        }
        unread.extend(&built);
        flaws.extend(built);
        let used: HashSet<String> =
            drafts.iter().flat_map(|(_, draft)| draft.uses.iter().map(|here| here.name.clone())).collect();
        let mut definitions = Vec::new();
        for (part, draft) in drafts {
            // What another method or the parent uses, or declares for its own use, is no mistake here.
            let is_own = |flaw: &Flaw| {
                flaw.code != "unused-variable"
                    || !flaw.names_one_of(&used)
                        && (parent.is_none() || source.owns(&part.placed(flaw.clone()).place))
            };
            match lint(draft, rules, is_own) {
                Ok(definition) => definitions.push(definition),
                Err(found) => {
                    let found = found.into_iter().map(|flaw| part.placed(flaw));
                    flaws.extend(found.filter(|flaw| !unread.explains(flaw)));
                }
            }
        }
        let mut seen = Vec::new();
        flaws.retain(|flaw| {
            !seen.contains(flaw) && {
                seen.push(flaw.clone());
                true
            }
        });
        if flaws.is_empty() { Definition::joined(definitions).ok_or(flaws) } else { Err(flaws) }
    }

    fn parent(&self, source: &Source, slug: &str) -> Result<&Source, Vec<Flaw>> {
        let at = || Place::Value(vec!["extends".to_owned()]);
        let Some(parent) = self.find_parent(source, slug) else {
            let flaw = Flaw::error(at(), "unknown-parent", format!("there is no definition `{slug}`"));
            let near = super::report::suggestion(slug, self.slugs());
            return Err(vec![match near {
                Some(near) => flaw.help(format!("did you mean `{near}`?")),
                None => flaw,
            }]);
        };
        if parent.extends().is_some() {
            let message = format!("`{slug}` extends another definition itself; there is only one level");
            return Err(vec![Flaw::error(at(), "nested-extends", message)]);
        }
        Ok(parent)
    }
}

/// Whether people mean the app `name` by `words`, whatever the letter case, spaces and punctuation.
pub fn is_called(name: &str, words: &str) -> bool {
    let name = plain(name);
    !name.is_empty() && name == plain(words)
}

/// A name as its letters, in lower case, and digits alone: the rest is written one way today and another tomorrow.
fn plain(name: &str) -> String {
    name.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// `[a-z0-9]+(-[a-z0-9]+)*`, at most 64 characters.
fn is_slug(slug: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    slug.len() <= 64 && slug.split('-').all(part)
}

fn hash(source: &Source, parent: Option<&Source>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(source.text.as_bytes());
    if let Some(parent) = parent {
        hasher.update([0]);
        hasher.update(parent.text.as_bytes());
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
