//! Which provider definitions are in force. A definition says where credentials go, so a change of one is written down,
//! at start and whenever they are read again.

use std::collections::HashMap;

use super::audit::Target;
use super::{Error, Hub};
use crate::domain::audit::AuditEvent;
use crate::store;

/// What became of one definition.
struct Change<'a> {
    slug: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

impl Hub {
    /// Writes down which definitions are not those that were in force last. The first time there is nothing to compare
    /// with.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_definitions(&self) -> Result<(), Error> {
        let providers = self.providers();
        let present: HashMap<&str, &str> =
            providers.all().map(|definition| (definition.slug(), definition.hash())).collect();
        let last = store::definition::all(&self.store).await?;
        self.keep_issuers(&last).await?;
        if changes(&last, &present).is_empty() {
            return Ok(());
        }
        let tx = self.store.begin().await?;
        // Replicas that start together wait for each other here, and find nothing left to write.
        let known = store::definition::lock(&tx).await?;
        let changes = changes(&known, &present);
        let kept = changes.iter().filter_map(|change| Some((change.slug, change.after?))).collect();
        let gone = changes.iter().filter(|change| change.after.is_none()).map(|change| change.slug).collect();
        store::definition::save(&tx, kept).await?;
        store::definition::remove(&tx, gone).await?;
        if !known.is_empty() {
            let events: Vec<AuditEvent> = changes.iter().map(|change| self.change_event(change)).collect();
            self.insert_audit(&tx, &events).await?;
        }
        Ok(tx.commit().await?)
    }

    fn change_event(&self, change: &Change<'_>) -> AuditEvent {
        tracing::info!(
            provider.slug = change.slug,
            before = change.before,
            after = change.after,
            "another provider definition is in force"
        );
        let action = match (change.before, change.after) {
            (None, _) => "provider.add",
            (Some(_), Some(_)) => "provider.change",
            (Some(_), None) => "provider.remove",
        };
        let of = |hash: Option<&str>| hash.unwrap_or("none").to_owned();
        let reason = format!("{} to {}", of(change.before), of(change.after));
        self.own_event(action, Target::new("provider", change.slug), Some(reason))
    }
}

fn changes<'a>(known: &'a HashMap<String, String>, present: &HashMap<&'a str, &'a str>) -> Vec<Change<'a>> {
    let mut changes: Vec<Change<'a>> = present
        .iter()
        .map(|(slug, hash)| Change { slug, before: known.get(*slug).map(String::as_str), after: Some(hash) })
        .filter(|change| change.before != change.after)
        .collect();
    let gone = known.iter().filter(|(slug, _)| !present.contains_key(slug.as_str()));
    changes.extend(gone.map(|(slug, hash)| Change { slug, before: Some(hash), after: None }));
    changes.sort_by_key(|change| change.slug);
    changes
}
