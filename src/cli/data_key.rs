//! Another data key for an environment, and how far that is.

use clap::Subcommand;

use crate::app::offline;
use crate::config::Config;
use crate::service::Hub;
use crate::service::data_key::{Occasion, Resealed};

use super::commands::{failed, no_database, said};
use super::{CliError, Place, say};

#[derive(Debug, Subcommand)]
pub(super) enum DataKeys {
    /// Seal everything of an environment under a new data key, beside running hubs; run again without --revoke, it goes on
    /// where it was interrupted
    Rotate {
        #[command(flatten)]
        place: Place,
        /// After a compromise: revoke all credentials of the environment, here and at their apps, as whoever knows the old
        /// key may have read them. Users must connect again. The new key is another one each time, as one that was made
        /// before may be known too
        #[arg(long)]
        revoke: bool,
    },
}

/// Seals everything of an environment under a new data key; with `revoke` its credentials are revoked before.
pub(super) async fn rotate(config: &Config, place: &Place, revoke: bool) -> Result<(), CliError> {
    if config.database.url.is_absent_file() {
        return Err(no_database());
    }
    offline(config, async |hub| rotate_in(hub, place, revoke).await).await
}

async fn rotate_in(hub: &Hub, place: &Place, revoke: bool) -> Result<(), CliError> {
    let Place { environment, workspace } = place;
    let missing = format!("there is no environment {environment} in the workspace {workspace}");
    let actor = hub.operator_in(workspace, environment).await.map_err(|error| said(error, &missing))?;
    let why = if revoke { Occasion::Compromise } else { Occasion::Asked };
    let begun = hub.begin_key_rotation(&actor, why).await.map_err(failed)?;
    say(if begun.goes_on {
        format!("{} was made before and takes over; what is left is done now", begun.key)
    } else {
        format!("{} is made and becomes known to running hubs", begun.key)
    })?;
    hub.switch_data_key(&actor).await.map_err(failed)?;
    say(format!("{} seals from now on", begun.key))?;
    let mut unread = Vec::new();
    if revoke {
        let all = hub.revoke_all(&actor).await.map_err(failed)?;
        say(format!(
            "{} credentials are revoked, which a running hub tells their apps; replace client secrets and rotate webhook \
             secrets of {environment} yourself",
            all.revoked
        ))?;
        unread = all.unread;
    }
    let total = hub.resealing(&actor).await.map_err(failed)?.and_then(|resealing| resealing.total);
    let of = total.map(|total| format!(" of about {total}")).unwrap_or_default();
    // Progress alone: where nobody reads it, the work goes on.
    let told = |values: u64| {
        let _ = say(format!("{values}{of} values are sealed anew"));
    };
    let resealed = conclude(hub.reseal_environment(&actor, told).await.map_err(failed)?);
    if unread.is_empty() {
        return resealed;
    }
    let also = resealed.err().map(|error| format!("; {error}")).unwrap_or_default();
    Err(CliError::Said(format!(
        "{} credentials are NOT revoked, as their rows can't be read: {}; mend the rows and revoke each by \
         POST /credentials/{{id}}/revoke{also}",
        unread.len(),
        unread.join(", ")
    )))
}

fn conclude(done: Resealed) -> Result<(), CliError> {
    if done.shut > 0 {
        return Err(CliError::Said(format!(
            "{} values were sealed anew; {} don't open and stay under the old key, which is kept for that: \
             the lines above say where they are",
            done.values, done.shut
        )));
    }
    let rest = if done.left { "a running hub does what was being changed meanwhile" } else { "none is left" };
    say(format!(
        "{} values were sealed anew, {rest}; a running hub destroys the old key 30 days after nothing names it",
        done.values
    ))
}
