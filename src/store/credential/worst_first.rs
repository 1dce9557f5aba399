//! Credentials in the order in which somebody should look at them. A status is worked out of several columns and of the
//! time, so no index is in this order: a page goes through the statuses one after the other, over the index of each.

use super::list::{CredentialFilter, LIST as NEWEST_FIRST, list, list_found};
use crate::domain::credential::Credential;
use crate::domain::page::{After, Page, PageRequest};
use crate::store::{Reads, StoreError};
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

/// What its cursors call this list.
const LIST: &str = "credentials_by_status";

/// What somebody must mend, what is over or off, what works.
const WORST_FIRST: [Status; 6] =
    [Status::Expired, Status::Error, Status::Revoked, Status::Inactive, Status::Pending, Status::Active];

/// The credentials of an environment, the worst status first, and of each status the newest first; those upon which
/// somebody must act before a moment, the soonest first. A page asks for no more than fits on it, in six questions, and in
/// further ones only for rows that could not be read.
pub async fn list_worst_first(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
    now: Millis,
    page: &PageRequest,
) -> Result<Page<Credential>, StoreError> {
    if filter.expires_before.is_some() {
        return list(db, environment, filter, now, page).await;
    }
    let (begin, after) = page.after_in(LIST)?.and_then(place).unwrap_or_default();
    let mut after = after.map(|id| After::new(NEWEST_FIRST, id));
    let wanted = |status: &Status| filter.status.is_none_or(|only| only == *status);
    let mut found = Vec::new();
    // One more than fits says that there is another page.
    let mut lacking = page.limit.saturating_add(1);
    let mut statuses = WORST_FIRST.into_iter().skip(begin).filter(wanted);
    let mut next = statuses.next();
    while let Some(status) = next
        && lacking > 0
    {
        let filter = CredentialFilter { status: Some(status), ..filter.clone() };
        let request = PageRequest { limit: lacking, after: after.take() };
        let those = list_found(db, environment, &filter, now, &request).await?;
        after = those.next_after();
        // One that is left out makes room for another.
        let those: Vec<_> = those.items.into_iter().filter_map(|row| row.credential).collect();
        lacking = lacking.saturating_sub(u64::try_from(those.len()).unwrap_or(u64::MAX));
        found.extend(those.into_iter().map(|credential| (status, credential)));
        if after.is_none() {
            next = statuses.next();
        }
    }
    let page =
        Page::of(LIST, found, page.limit, |(status, credential)| format!("{status}:{}", credential.id));
    Ok(page.map(|(_, credential)| credential))
}

/// Where a sort key lies: the number of its status, and the id after which the page begins.
fn place(key: &str) -> Option<(usize, Option<String>)> {
    let (word, id) = key.split_once(':')?;
    let status: Status = word.parse().ok()?;
    let begin = WORST_FIRST.iter().position(|one| *one == status)?;
    Some((begin, Some(id.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_place_and_what_is_none_is_the_beginning() {
        for status in Status::ALL {
            let (begin, after) = place(&format!("{status}:cred_1")).unwrap();
            assert_eq!((WORST_FIRST[begin], after.as_deref()), (*status, Some("cred_1")));
        }
        assert_eq!((place("cred_1"), place("odd:cred_1")), (None, None));
    }
}
