//! `vouchsafe serve`: a hub until somebody says stop.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

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
        greet(&running).await?;
        wait_for_end(config, &running).await?;
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

/// Until SIGTERM or SIGINT; SIGHUP reads the provider definitions again.
async fn wait_for_end(config: &Config, running: &Running) -> Result<(), CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => reload(config, running),
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
