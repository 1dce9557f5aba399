//! Whether data keys that another is to replace, or has, are done with. Hubs see to that within minutes; where none runs, or
//! something does not open, it stays undone and nothing else tells.

use std::collections::HashMap;

use super::{Finding, Health, causes};
use crate::clock::Clock;
use crate::domain::data_key::{KeyOwner, KeyPurpose, RecordKeys, WrappedKey};
use crate::store::{self, Store, StoreError};

const PART: &str = "key rotation";
/// Milliseconds after which a hub that runs would have done it.
const LONG: i64 = 3_600_000;
/// Of those that are not done with, so many are named.
const NAMED: usize = 20;

/// Looks for replacements of data keys that were begun long ago and are not finished.
pub(super) async fn rotation(store: &Store, wrapped: &[WrappedKey], clock: &dyn Clock) -> Finding {
    let unfinished = match unfinished(store, wrapped, clock.now_ms()).await {
        Ok(unfinished) => unfinished,
        Err(error) => return Finding::new(PART, Health::Fails, causes(&error)),
    };
    if unfinished.is_empty() {
        return Finding::new(PART, Health::Ok, "none was left unfinished");
    }
    let mut named: Vec<String> = unfinished.iter().take(NAMED).cloned().collect();
    if unfinished.len() > NAMED {
        named.push(format!("and {} more", unfinished.len() - NAMED));
    }
    let words = format!(
        "{}; a hub that runs finishes it, or `vouchsafe data-key rotate`, and the log of either says what does not open",
        named.join("; ")
    );
    Finding::new(PART, Health::Warning, words)
}

async fn unfinished(store: &Store, wrapped: &[WrappedKey], now: i64) -> Result<Vec<String>, StoreError> {
    let uses = store::data_key::uses(store).await?;
    let mut owned: HashMap<KeyOwner, Vec<WrappedKey>> = HashMap::new();
    for key in wrapped.iter().filter(|key| key.purpose == KeyPurpose::Records) {
        owned.entry(key.owner).or_default().push(key.clone());
    }
    let long_ago = |at: i64| now.saturating_sub(at) >= LONG;
    let mut found = Vec::new();
    for (owner, keys) in owned {
        let keys = RecordKeys::of(keys);
        let Some(current) = keys.current() else { continue };
        if let Some(next) = keys.next().filter(|next| long_ago(next.created_at.0)) {
            found.push(format!(
                "{} of {owner} was made at {} and seals nothing yet",
                next.id, next.created_at
            ));
        }
        let is_empty = |key: &WrappedKey| uses.get(&key.id).is_some_and(|done| done.emptied_at.is_some());
        let since = keys.retired().filter(|key| !is_empty(key)).filter_map(|key| key.retired_at).max();
        let Some(since) = since.filter(|since| long_ago(since.0)) else { continue };
        // Only where a hub has not found yet that nothing is.
        for column in store::sealed::columns_of(owner) {
            if store::sealed::has_old(store, column, owner, current.id).await? {
                found.push(format!(
                    "values of {owner} are sealed under a data key that was replaced at {since}"
                ));
                break;
            }
        }
    }
    found.sort();
    Ok(found)
}
