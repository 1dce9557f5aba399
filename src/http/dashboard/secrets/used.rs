//! What uses a secret, in sentences: the settings that refer to it, the integrations behind them, the calls that may name it.

use std::collections::BTreeSet;

use vouchsafe_entity::millis::Millis;

use super::panel::use_in_words;
use crate::domain::secret::SecretScope;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::words::listed;
use crate::service::Error;
use crate::service::connectors::Needing;
use crate::service::secrets::{SecretAct, UsedSecret};

/// What uses a secret, a sentence each.
pub(super) fn uses(used: &UsedSecret, act: SecretAct, now: Millis) -> Vec<String> {
    let then = match act {
        SecretAct::Deactivate => "stops working until it is on again",
        SecretAct::Reactivate => "works again",
        SecretAct::Revoke | SecretAct::Delete => "stops working",
    };
    let mut lines: Vec<_> = used.uses.iter().map(|one| format!("{} {then}.", use_in_words(one))).collect();
    if used.more {
        lines.push("So do settings of more connectors.".to_owned());
    }
    if lines.is_empty() {
        lines.push("No setting of a connector refers to it.".to_owned());
    }
    lines.push(scope(&used.view.secret.scope));
    lines.push(used.view.secret.last_used_at.map_or_else(
        || "It was never used.".to_owned(),
        |at| format!("It was last used {}.", Moment::new(at, now).into_said()),
    ));
    lines
}

/// Which calls may name a secret.
fn scope(SecretScope { products, apps }: &SecretScope) -> String {
    let of = |one: &str, many: &str, names: &[String]| match names {
        [name] => format!("{one} {name}"),
        names => format!("{many} {}", listed(names)),
    };
    let products =
        (!products.is_empty()).then(|| of("for the integration", "for the integrations", products));
    let apps = (!apps.is_empty()).then(|| of("through the connector", "through the connectors", apps));
    let within: Vec<_> = products.into_iter().chain(apps).collect();
    if within.is_empty() {
        return "Any call may name it.".to_owned();
    }
    format!("Calls {} may name it.", within.join(" "))
}

/// The integrations that need the connectors of this environment whose settings refer to a secret; none where none does.
pub(super) async fn needed(desk: &InEnvironment, used: &UsedSecret) -> Result<Option<String>, Error> {
    let here = used.uses.iter().filter(|one| one.environment == desk.environment);
    let connectors: BTreeSet<&str> = here.map(|one| one.connector.as_str()).collect();
    if connectors.is_empty() {
        return Ok(None);
    }
    let connectors: Vec<_> = connectors.into_iter().collect();
    let Needing { integrations, more } = desk.hub.integrations_with(&desk.actor, &connectors).await?;
    let mut names: Vec<_> = integrations.iter().map(|one| format!("“{}”", one.name)).collect();
    names.extend(more.then(|| "others".to_owned()));
    Ok(match names.as_slice() {
        [] => None,
        [one] => Some(format!("The integration {one} hangs on that.")),
        names => Some(format!("The integrations {} hang on that.", listed(names))),
    })
}
