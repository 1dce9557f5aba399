//! The generated test: every method of every file in `providers/`, played from end to end against an app that is made
//! from the file alone and refuses whatever deviates (`providers.md`, section 10). Adding a file adds its test.
//!
//! `TEST_PROVIDER=<slug>` plays one file. The judge (`raw`, `sample`, `case`, `judge`, `expect`) reads the files by
//! itself and knows nothing of `vouchsafe::provider`.

mod case;
mod drive;
mod expect;
mod judge;
mod raw;
mod sample;
mod server;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;

use futures_util::FutureExt as _;
use vouchsafe::egress::{Egress, EgressHooks};
use vouchsafe::provider::{Registry, Sources};

use self::case::Case;
use self::drive::{Drive, Outcome};
use self::raw::Raw;
use self::server::Apps;
use crate::support::app::{TestApp, egress_config};

/// A hub that knows the definitions of a folder and believes that their hosts are here.
async fn hub(apps: &Apps, folder: PathBuf, cases: &[Case]) -> Option<TestApp> {
    let names: HashMap<String, Vec<SocketAddr>> =
        cases.iter().flat_map(judge::all_hosts).map(|host| (host, vec![apps.address])).collect();
    let roots = Some(apps.ca_pem.clone().into_bytes());
    let hooks = EgressHooks { names: Some(names), roots };
    let sources = Sources { builtin: false, dir: Some(folder), allow_http: false };
    let change = |parts: &mut vouchsafe::service::Parts| {
        parts.egress = Egress::with_hooks(egress_config(), hooks).unwrap();
        parts.providers = Registry::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    };
    TestApp::start_as(change, |_| ()).await
}

/// Plays a case; what went wrong, if anything did.
async fn play(app: &TestApp, apps: &Apps, case: Case) -> Outcome {
    let name = case.name();
    let played = AssertUnwindSafe(Drive::new(app, apps, case).run()).catch_unwind().await;
    let outcome = played.unwrap_or_else(|_| Err("a step panicked, see above".to_owned()));
    // Whatever is left over would be the next one's.
    let _ = apps.verdict();
    outcome.map_err(|problem| format!("{name}: {problem}"))
}

fn cases(files: &[Raw]) -> Vec<Case> {
    let methods = files.iter().flat_map(|raw| raw.methods().into_iter().map(move |method| (raw, method)));
    methods.zip(1..).map(|((raw, method), number)| Case::of(raw, method, number)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_of_every_file_works_as_its_file_says() {
    let mut files = Raw::all();
    if let Ok(only) = std::env::var("TEST_PROVIDER") {
        files.retain(|raw| raw.slug == only);
        assert!(!files.is_empty(), "there is no providers/{only}.toml");
    }
    let cases = cases(&files);
    let apps = Apps::start().await;
    let Some(app) = hub(&apps, crate::providers::folder(), &cases).await else { return };
    let (methods, mut failures) = (cases.len(), Vec::new());
    for case in cases {
        failures.extend(play(&app, &apps, case).await.err());
    }
    eprintln!("{} definitions, {methods} methods, {} failures", files.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
