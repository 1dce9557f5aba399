//! The generated test: every method of every file in `providers/`, played from end to end against an app that is made
//! from the file alone and refuses whatever deviates (`providers.md`, section 10). Adding a file adds its test.
//!
//! `TEST_PROVIDER=<slug>` plays one file. The judge (`raw`, `sample`, `case`, `judge`, `expect`) reads the files by
//! itself and knows nothing of `vouchsafe::provider`. What a case leaves open, such as the other choices of a
//! field, `choices` holds against the file without an app.

mod calls;
mod case;
mod choices;
mod counts;
mod drive;
mod expect;
mod found;
mod judge;
mod mishaps;
mod mutate;
mod quirks;
mod raw;
mod sample;
mod server;
mod sign_in;
mod signature;
mod signed;
mod vain;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::Path;

use futures_util::FutureExt as _;
use vouchsafe::egress::{Egress, EgressHooks};
use vouchsafe::provider::{Definition, Registry, Sources};

use self::case::Case;
use self::drive::Drive;
use self::raw::Raw;
use self::server::Apps;
use crate::support::app::{TestApp, egress_config};
use crate::support::scale::is_nightly;

/// A hub and the apps that it knows; two of them work side by side.
struct Lane {
    app: TestApp,
    apps: Apps,
}

impl Lane {
    /// A hub that knows the definitions of a folder and believes that their hosts are here.
    async fn start(folder: &Path, hosts: &BTreeSet<String>) -> Option<Self> {
        let apps = Apps::start().await;
        let names = hosts.iter().map(|host| (host.clone(), vec![apps.address])).collect();
        let roots = Some(apps.ca_pem.clone().into_bytes());
        let hooks = EgressHooks { names: Some(names), roots };
        let sources = Sources { builtin: false, dir: Some(folder.to_owned()), allow_http: false };
        let change = |parts: &mut vouchsafe::service::Parts| {
            parts.egress = Egress::with_hooks(egress_config(), hooks).unwrap();
            parts.providers = Registry::load(&sources).unwrap_or_else(|report| panic!("{report}"));
        };
        let app = TestApp::start_as(change, |_| ()).await?;
        Some(Self { app, apps })
    }

    /// Plays cases one after the other; what went wrong with each, if anything did.
    async fn play(&self, cases: Vec<Case>) -> Vec<(Label, Played)> {
        let mut outcomes = Vec::new();
        for case in cases {
            let label = Label { hub_slug: case.hub_slug.clone(), shown: case.name() };
            let drive = Drive::new(&self.app, &self.apps, case).run();
            let outcome = match AssertUnwindSafe(drive).catch_unwind().await {
                Ok(Ok(())) => Played::Well,
                Ok(Err(fault)) => Played::Failed(fault),
                Err(_) => Played::Panicked,
            };
            // Whatever is left over would be the next one's.
            let _ = self.apps.verdict();
            outcomes.push((label, outcome));
        }
        outcomes
    }
}

/// How a case went.
#[derive(Debug, PartialEq, Eq)]
enum Played {
    Well,
    /// With what went wrong, in a sentence.
    Failed(String),
    Panicked,
}

impl Played {
    fn fault(self) -> Option<String> {
        match self {
            Self::Well => None,
            Self::Failed(fault) => Some(fault),
            Self::Panicked => Some("a step panicked, see above".to_owned()),
        }
    }
}

/// Which case an outcome is of.
struct Label {
    hub_slug: String,
    shown: String,
}

/// Plays cases against the definitions of a folder; `None` where the database is missing.
async fn play(folder: &Path, cases: Vec<Case>) -> Option<Vec<(Label, Played)>> {
    let hosts = cases.iter().flat_map(calls::all_hosts).collect();
    let (left, right) = tokio::join!(Lane::start(folder, &hosts), Lane::start(folder, &hosts));
    let (left, right) = (left?, right?);
    let (even, odd): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| case.number % 2 == 0);
    let (mut outcomes, more) = tokio::join!(left.play(even), right.play(odd));
    outcomes.extend(more);
    Some(outcomes)
}

fn methods(files: &[Raw]) -> Vec<(&Raw, &'static str)> {
    files.iter().flat_map(|raw| raw.methods().into_iter().map(move |method| (raw, method))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_of_every_file_works_as_its_file_says() {
    let mut files = Raw::all();
    let mut cases: Vec<Case> = methods(&files)
        .into_iter()
        .zip(1..)
        .map(|((raw, method), number)| Case::of(raw, method, number))
        .collect();
    let quirks = quirks::counted(&files, &cases, &made_up());
    if let Ok(only) = std::env::var("TEST_PROVIDER") {
        files.retain(|raw| raw.slug == only);
        cases.retain(|case| case.slug == only);
        assert!(!files.is_empty(), "there is no providers/{only}.toml");
    }
    let played = cases.len();
    let Some(outcomes) = Box::pin(play(&crate::providers::folder(), cases)).await else { return };
    let failures: Vec<String> = outcomes
        .into_iter()
        .filter_map(|(label, outcome)| Some(format!("{}: {}", label.shown, outcome.fault()?)))
        .collect();
    let facts: usize = files.iter().map(counts::facts).sum();
    let unverified = crate::providers::unverified();
    let unverified: usize = files.iter().filter_map(|raw| unverified.get(&raw.slug)).sum();
    let icons = crate::providers::with_icon();
    let icons = files.iter().filter(|raw| icons.contains(&raw.slug)).count();
    eprintln!(
        "{} definitions, {icons} with an icon, {played} methods played, {} failed; {facts} facts, {unverified} of them \
         marked unverified; {quirks}",
        files.len(),
        failures.len(),
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// One mistake in so many is made at every commit. It is prime, so that no kind of mistake is passed over by its place
/// among those of a method.
const SHARE: u64 = 167;

/// Cases with one wrong fact each, and before them the same files as they are: what fails with these shows nothing.
#[derive(Default)]
struct Trial {
    controls: Vec<Case>,
    mutants: Vec<Case>,
    /// What is wrong, by slug.
    wrong: BTreeMap<String, String>,
    /// How many mistakes there are, made or not.
    possible: u64,
    refused_at_load: usize,
}

impl Trial {
    /// Writes the definitions into a folder. The nightly run makes every mistake in every method; a commit makes one in
    /// `SHARE`.
    fn of(files: &[Raw], folder: &Path) -> Self {
        let mut trial = Self::default();
        for (raw, method) in methods(files) {
            let mut is_controlled = false;
            for (what, mutant) in mutate::mutants(raw, method) {
                trial.possible += 1;
                let number = trial.possible;
                if !is_nightly() && number % SHARE != 0 {
                    continue;
                }
                if !is_controlled {
                    trial.control(raw, method, folder);
                    is_controlled = true;
                }
                let (slug, text) = (format!("mutant-{number}"), mutant.standalone());
                trial.wrong.insert(slug.clone(), what);
                if Definition::from_toml(&slug, &text, false).is_err() {
                    trial.refused_at_load += 1;
                    continue;
                }
                trial.mutants.push(written(raw, method, number, folder, slug, &text));
            }
        }
        trial
    }

    fn control(&mut self, raw: &Raw, method: &'static str, folder: &Path) {
        // Far behind the numbers of the mutants.
        let number = 1_000_000 + self.controls.len() as u64;
        let (slug, text) = (format!("control-{number}"), raw.standalone());
        if let Err(report) = Definition::from_toml(&slug, &text, false) {
            panic!("{} is refused as it is: {report}", raw.slug);
        }
        self.controls.push(written(raw, method, number, folder, slug, &text));
    }
}

/// The case of a method, with the definition that the hub loads for it.
fn written(raw: &Raw, method: &'static str, number: u64, folder: &Path, slug: String, text: &str) -> Case {
    std::fs::write(folder.join(format!("{slug}.toml")), text).unwrap();
    let mut case = Case::of(raw, method, number);
    case.hub_slug = slug;
    case
}

/// A wrong fact in what the hub loads is noticed by an app that is made from the right file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_fact_in_a_file_does_not_get_past_its_app() {
    let folder = tempfile::tempdir().unwrap();
    let Trial { controls, mutants, wrong, possible, refused_at_load } = Trial::of(&Raw::all(), folder.path());
    let right = controls.len();
    let cases = controls.into_iter().chain(mutants).collect();
    let Some(outcomes) = Box::pin(play(folder.path(), cases)).await else { return };
    let (mut caught, mut uncaught, mut panicked, mut failed) = (0, Vec::new(), Vec::new(), Vec::new());
    for (label, outcome) in outcomes {
        let Some(what) = wrong.get(&label.hub_slug) else {
            failed.extend(outcome.fault().map(|fault| format!("{}: {fault}", label.shown)));
            continue;
        };
        match outcome {
            Played::Failed(_) => caught += 1,
            Played::Well => uncaught.push(format!("{}: {what}", label.shown)),
            Played::Panicked => panicked.push(format!("{}: {what}", label.shown)),
        }
    }
    let (tried, noticed) = (wrong.len(), refused_at_load + caught);
    let per_mille = noticed * 1_000 / tried.max(1);
    eprintln!(
        "{tried} of {possible} wrong facts: {refused_at_load} refused when loaded, {caught} by the app, {} not noticed, \
         {} panicked: {}.{} % caught; {right} right files played, {} failed",
        uncaught.len(),
        panicked.len(),
        per_mille / 10,
        per_mille % 10,
        failed.len(),
    );
    assert!(failed.is_empty(), "not even right as they are:\n{}", failed.join("\n"));
    assert!(uncaught.is_empty(), "not noticed:\n{}", uncaught.join("\n"));
    assert!(panicked.is_empty(), "a panic shows nothing:\n{}", panicked.join("\n"));
}

/// Apps that do what no shipped one does.
fn made_up() -> Vec<Raw> {
    let errors = "error_map = { slow_down = \"throttled\", try_later = \"transient\" }";
    let errors_of = |reuse: &str| format!("{errors}\nrefresh = {{ reuse = \"{reuse}\" }}");
    let by_form = "authorization_params = { response_mode = \"form_post\", nonce = \"{nonce}\" }";
    let apps = [
        ("posting", by_form.to_owned()),
        ("piping", "scope_separator = \"|\"".to_owned()),
        ("pausing", errors_of("strict")),
        ("forgiving", errors_of("grace:60")),
        ("unchanging", errors_of("static")),
    ];
    let raw = |(slug, keys): (&str, String)| {
        let text = format!(
            "#:schema ./schema.json\nname = \"{slug}\"\ndocumentation = \"https://{slug}.example/docs\"\n\
             base_url = \"https://api.{slug}.example\"\n[oauth2]\n\
             authorization_endpoint = \"https://{slug}.example/authorize\"\n\
             token_endpoint = \"https://{slug}.example/token\"\n{keys}\n"
        );
        let table = text.parse().unwrap();
        Raw { slug: slug.to_owned(), text, table }
    };
    apps.map(raw).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apps_that_are_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for (raw, number) in made_up().iter().zip(1..) {
        std::fs::write(folder.path().join(format!("{}.toml", raw.slug)), &raw.text).unwrap();
        cases.push(Case::of(raw, "oauth2", number));
    }
    let Some(outcomes) = Box::pin(play(folder.path(), cases)).await else { return };
    for (label, outcome) in outcomes {
        assert_eq!(outcome, Played::Well, "{}", label.shown);
    }
}
