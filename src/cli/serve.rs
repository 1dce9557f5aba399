//! `vouchsafe serve`: a hub until somebody says stop.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{Deps, Running, causes, provider_sources, shut_memory};
use crate::config::Config;
use crate::http::MetricsText;
use crate::provider::Registry;
use crate::service::bootstrap::DEFAULT_WORKSPACE;
use crate::service::{Error, Hub};

use super::{CliError, block_on, say};

/// A start that is told to end may take so long to come to its own end.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(
    config: &Config,
    #[cfg(feature = "failpoints")] faults: &super::faults::Faults,
) -> Result<(), CliError> {
    crate::telemetry::start_logs(&config.server)?;
    crate::telemetry::log_panics();
    for variable in &config.unknown {
        tracing::warn!(variable, "this is no variable that the hub reads; see that it is no misspelling");
    }
    // Before a key is read.
    shut_memory();
    block_on(async {
        #[cfg(feature = "failpoints")]
        faults.watch()?;
        let metrics = crate::telemetry::start_metrics()?;
        let metrics: MetricsText = Arc::new(move || metrics.render());
        // Before the hub answers: whoever sees it may tell it to stop.
        let mut signals = Signals::new()?;
        let mut starting = Box::pin(Running::start(config, Deps::default(), Some(metrics)));
        let running = tokio::select! {
            running = &mut starting => running?,
            () = signals.end() => {
                // What has begun is ended in order, unless the start hangs.
                if let Ok(running) = tokio::time::timeout(PATIENCE, starting).await {
                    running?.stop().await;
                }
                return Ok(());
            }
        };
        let greeted = greet(&running).await;
        if greeted.is_ok() {
            signals.wait_for_end(config, &running).await;
        }
        running.stop().await;
        greeted
    })
}

async fn greet(running: &Running) -> Result<(), CliError> {
    let url = running.hub.public_url();
    // Made before anything is said: the log has a line of it.
    let link = running.hub.invite_first_owner(DEFAULT_WORKSPACE).await.unwrap_or_else(|error| {
        // A hub at work does not end because its database is away for a moment.
        let error = &error as &dyn std::error::Error;
        tracing::error!(
            error,
            "no link for the owner could be made; `vouchsafe members invite-owner` makes one"
        );
        None
    });
    say(format!("Vouchsafe {} listens on http://{} as {url}", env!("CARGO_PKG_VERSION"), running.address))?;
    let nowhere = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    if nowhere.is_some_and(|address| address.is_unspecified()) {
        say(format!(
            "No browser and no app reaches {url}: set VOUCHSAFE_PUBLIC_URL to the address that they use."
        ))?;
    }
    if running.first_start || link.is_some() {
        say("")?;
        say(if running.first_start {
            "This was the first start: the workspace `default` has the environments production and sandbox."
        } else {
            "The workspace `default` has no owner yet."
        })?;
        if let Some(link) = link {
            say(format!("Set up your account as the owner, once, at {link}"))?;
            say("If that link is lost: vouchsafe members invite-owner")?;
        }
        say("Make an API key with: vouchsafe keys create --environment sandbox")?;
        say("")?;
    }
    Ok(())
}

/// A link by which an owner sets up their account.
pub(super) async fn owner_link(hub: &Hub) -> Result<url::Url, CliError> {
    hub.invite_owner(DEFAULT_WORKSPACE).await.map_err(|error| no_link(&error))
}

fn no_link(error: &Error) -> CliError {
    CliError::Said(format!("the link for the owner could not be made: {}", causes(error)))
}

/// What an operator tells the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From now on they are heard.
    fn new() -> Result<Self, CliError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Until SIGTERM or SIGINT.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The same; SIGHUP reads the provider definitions again.
    async fn wait_for_end(&mut self, config: &Config, running: &Running) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => reload(config, running),
            }
        }
    }
}

fn reload(config: &Config, running: &Running) {
    match Registry::load(&provider_sources(config)) {
        Ok(registry) => {
            tracing::info!(definitions = registry.len(), "provider definitions were read again");
            running.hub.set_providers(registry);
            let hub = Arc::clone(&running.hub);
            running.hub.spawn(async move {
                if let Err(error) = hub.note_definitions().await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a change of provider definitions could not be written down"
                    );
                }
                // Answers that the old definitions could not read.
                if let Err(error) = hub.replay_held().await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "answers that lie unread could not be read again yet"
                    );
                }
            });
        }
        Err(report) => tracing::error!(%report, "provider definitions have mistakes; those in use stay"),
    }
}
