//! `vouchsafe serve`: a hub until somebody says stop.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{Deps, Running, provider_sources};
use crate::config::Config;
use crate::http::MetricsText;
use crate::provider::Registry;
use crate::service::Hub;

use super::{CliError, block_on, say};

pub(super) fn run(
    config: &Config,
    #[cfg(feature = "failpoints")] faults: &super::faults::Faults,
) -> Result<(), CliError> {
    crate::telemetry::start_logs(&config.server)?;
    block_on(async {
        #[cfg(feature = "failpoints")]
        faults.watch()?;
        let metrics = crate::telemetry::start_metrics()?;
        let metrics: MetricsText = Arc::new(move || metrics.render());
        let running = Running::start(config, Deps::default(), Some(metrics)).await?;
        // Before anything else takes time: whoever sees the hub answer may tell it to stop.
        let mut signals = Signals::new()?;
        greet(&running).await?;
        signals.wait_for_end(config, &running).await;
        running.stop().await;
        Ok(())
    })
}

async fn greet(running: &Running) -> Result<(), CliError> {
    let url = running.hub.public_url();
    say(format!("Vouchsafe {} listens on http://{} as {url}", env!("CARGO_PKG_VERSION"), running.address))?;
    if running.first_start {
        say(
            "This was the first start: the workspace `default` has the environments production and sandbox.",
        )?;
        say(format!("Set up your account as the owner, once, at {}", owner_link(&running.hub).await?))?;
        say("If that link is lost: vouchsafe members invite-owner")?;
        say("Make an API key with: vouchsafe keys create --environment sandbox")?;
    }
    Ok(())
}

/// The link by which the first owner sets up their account.
pub(super) async fn owner_link(hub: &Hub) -> Result<url::Url, CliError> {
    let link = hub.invite_owner(crate::service::bootstrap::DEFAULT_WORKSPACE).await;
    link.map_err(|_| CliError::Said("the link for the owner could not be made".to_owned()))
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

    /// Until SIGTERM or SIGINT; SIGHUP reads the provider definitions again.
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
