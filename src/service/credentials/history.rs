//! The history of one credential: what was written down of it in the audit log, in the log of attempts and by events,
//! told as one story.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use vouchsafe_entity::id::{AuditEventId, CredentialId};
use vouchsafe_entity::kind::AttemptOutcome;
use vouchsafe_entity::millis::Millis;

use crate::domain::actor::Actor;
use crate::domain::history::{Entry, Happening, fold};
use crate::domain::page::PageRequest;
use crate::domain::role::Action;
use crate::service::{Error, Hub};
use crate::store::attempt::AttemptFilter;
use crate::store::audit::Which;
use crate::store::event::EventFilter;
use crate::store::{self};

/// At most so many uses of a credential are looked through for a page of its history.
const MOST_USES: u64 = 500;
/// At most so many failed attempts and events.
const MOST_ELSE: u64 = 100;

/// A page of a credential's history.
#[derive(Debug)]
pub struct History {
    /// What happened, newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; none = this was the last.
    pub next_cursor: Option<String>,
    /// What members and API keys are called, by their ids.
    pub names: HashMap<String, String>,
    /// Uses before this moment are too many to be told; none where all are.
    pub uses_since: Option<Millis>,
}

/// Where something stands in a history: when it happened, and its id.
type Place = (Millis, Uuid);

/// The part of a history that a page tells of: from its last change on, before the change that the page begins after.
struct Span {
    from: Option<Place>,
    before: Option<Place>,
}

impl Span {
    fn has(&self, place: Place) -> bool {
        self.from.is_none_or(|from| place >= from) && self.before.is_none_or(|before| place < before)
    }
}

impl Hub {
    /// What happened to a credential, newest first. A page has as many changes as `page` says and the uses between them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn credential_history(
        &self,
        actor: &Actor,
        id: CredentialId,
        page: &PageRequest,
    ) -> Result<History, Error> {
        self.permit(actor, Action::ViewCredentials).await?;
        let environment = actor.environment();
        store::credential::find(&self.store, environment, id).await?.ok_or(Error::NotFound)?;
        let target = id.to_string();
        let changes =
            store::audit::of_target(&self.store, environment, &target, Which::Changes, page).await?;
        let last = changes.items.last().filter(|_| changes.next_cursor.is_some());
        let after: Option<AuditEventId> = page.after.as_ref().and_then(|after| after.key().parse().ok());
        let span = Span { from: last.map(|event| place(event.id)), before: after.map(place) };

        let request = PageRequest { limit: MOST_USES, after: page.after.clone() };
        let all = store::audit::of_target(&self.store, environment, &target, Which::All, &request).await?;
        let oldest = all.items.last().filter(|_| all.next_cursor.is_some());
        let uses_since = oldest.filter(|event| span.has(place(event.id))).map(|event| event.at);

        let uses = all.items.iter().filter(|event| is_use(event) && span.has(place(event.id)));
        let mut told: Vec<_> = changes
            .items
            .iter()
            .chain(uses)
            .filter_map(|event| Some((place(event.id), Entry::of(event)?)))
            .collect();
        told.extend(self.told_elsewhere(actor, id).await?.into_iter().filter(|(at, _)| span.has(*at)));
        told.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        let entries = fold(told.into_iter().map(|(_, entry)| entry));
        let names = self.names_of(actor, &entries.iter().collect::<Vec<_>>()).await?;
        Ok(History { entries, next_cursor: changes.next_cursor, names, uses_since })
    }

    /// What those are called who did something; of those who are gone nothing is known.
    pub(super) async fn names_of(
        &self,
        actor: &Actor,
        entries: &[&Entry],
    ) -> Result<HashMap<String, String>, Error> {
        let ids: HashSet<&str> =
            entries.iter().filter_map(|entry| entry.by.as_ref()?.id.as_deref()).collect();
        let members: Vec<_> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let members = store::member::names(&self.store, actor.workspace(), &members).await?;
        let keys: Vec<_> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let keys = store::api_key::names(&self.store, actor.environment(), &keys).await?;
        let members = members.into_iter().map(|(id, name)| (id.to_string(), name));
        Ok(members.chain(keys.into_iter().map(|(id, name)| (id.to_string(), name))).collect())
    }

    /// What no audit event of the credential tells: attempts that failed, and what time alone has changed.
    async fn told_elsewhere(&self, actor: &Actor, id: CredentialId) -> Result<Vec<(Place, Entry)>, Error> {
        let environment = actor.environment();
        let request = PageRequest { limit: MOST_ELSE, after: None };
        let failed = AttemptFilter {
            credential: Some(id),
            outcome: Some(AttemptOutcome::Failed),
            ..AttemptFilter::default()
        };
        let attempts = store::attempt::list(&self.store, environment, &failed, &request).await?;
        let filter = EventFilter { credential: Some(id), ..EventFilter::default() };
        let events = store::event::list(&self.store, environment, filter, &request).await?;
        let attempts = attempts.items.iter().map(|attempt| {
            let entry = Entry::of_attempt(attempt);
            ((entry.at, attempt.id.uuid()), entry)
        });
        let events = events.items.iter().filter_map(|event| {
            let what = Happening::of_event(event.kind)?;
            Some(((event.created_at, event.id.uuid()), Entry::once(what, event.created_at)))
        });
        Ok(attempts.chain(events).collect())
    }
}

fn is_use(event: &crate::domain::audit::AuditEvent) -> bool {
    matches!(Happening::of(event), Some(Happening::Used | Happening::CallFailed | Happening::Read))
}

/// Where an audit event stands: its id carries its time.
fn place(id: AuditEventId) -> Place {
    let written = id.uuid().get_timestamp().map_or((0, 0), |time| time.to_unix());
    let seconds = i64::try_from(written.0).unwrap_or(i64::MAX / 1_000);
    (Millis(seconds * 1_000 + i64::from(written.1 / 1_000_000)), id.uuid())
}
