//! What is wrong with provider files, and how that is shown (`providers.md`, section 9).

use std::fmt;

use serde::Serialize;

/// The code of a warning that a fact is marked as one that nobody has verified.
pub const UNVERIFIED: &str = "unverified";

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file does not load.
    Error,
    /// The file loads.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One problem in one file. Lines and columns start at 1; columns count characters; the end is exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The file as the caller named it.
    pub file: String,
    /// First line; 0 where the problem is the file itself.
    pub line: usize,
    /// First column.
    pub column: usize,
    /// Last line.
    pub end_line: usize,
    /// Column behind the last character.
    pub end_column: usize,
    /// Error or warning.
    pub severity: Severity,
    /// A stable word for the rule.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The first line in question.
    #[serde(skip)]
    pub(super) snippet: String,
}

/// All problems of all files that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub(super) problems: Vec<Problem>,
    pub(super) files: usize,
}

impl Report {
    /// Every problem, by file and line.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many files were read.
    pub fn files(&self) -> usize {
        self.files
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    /// One JSON object a problem, each on a line of its own.
    pub fn json_lines(&self) -> String {
        let lines = self.problems.iter().filter_map(|problem| serde_json::to_string(problem).ok());
        lines.fold(String::new(), |text, line| text + &line + "\n")
    }

    pub(super) fn sort(&mut self) {
        self.problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        let (errors, warnings) = (self.errors(), self.warnings());
        let counted =
            |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        write!(f, "{}, ", counted(errors, "error"))?;
        write!(f, "{} in {}", counted(warnings, "warning"), counted(self.files, "file"))
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}[{}]: {}", self.severity, self.code, self.message)?;
        if self.line == 0 {
            writeln!(f, "  --> {}", self.file)?;
            return self.help.as_ref().map_or(Ok(()), |help| writeln!(f, "   = help: {help}"));
        }
        let line = self.line.to_string();
        let gutter = " ".repeat(line.len());
        writeln!(f, "{gutter} --> {}:{}:{}", self.file, self.line, self.column)?;
        writeln!(f, "{gutter}  |")?;
        writeln!(f, " {line} | {}", self.snippet)?;
        let length = self.snippet.chars().count();
        let end = if self.end_line == self.line { self.end_column } else { length + 1 };
        let marks = "^".repeat(end.saturating_sub(self.column).max(1));
        writeln!(f, "{gutter}  | {}{marks}", " ".repeat(self.column.saturating_sub(1)))?;
        self.help.as_ref().map_or(Ok(()), |help| writeln!(f, "{gutter}  = help: {help}"))
    }
}

/// The name among `known` that `name` was probably meant to be.
pub(super) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|other| (strsim::damerau_levenshtein(name, other), other));
    let near = scored.filter(|(distance, other)| *distance <= 1 + other.len().min(name.len()) / 4);
    near.min_by_key(|(distance, _)| *distance).map(|(_, other)| other)
}
