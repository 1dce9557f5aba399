//! What happened lately to one user: their attempts to connect, and what was written down of the credentials that they
//! have given and of their connect sessions, told as one story.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use vouchsafe_entity::id::{CredentialId, SessionId, UserId};

use crate::domain::actor::Actor;
use crate::domain::attempt::Attempt;
use crate::domain::audit::AuditEvent;
use crate::domain::credential::{Credential, Machine};
use crate::domain::history::{Entry, fold};
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::service::{Error, Hub};
use crate::store;
use crate::store::attempt::AttemptFilter;

/// The newest attempts that are told, whose sessions are told too.
const ATTEMPTS: u64 = 10;
/// So many of a user's newest credentials are looked at.
const CREDENTIALS: usize = 50;
/// At most so many audit events of each credential and session: renewals in a row are told as one.
const EVENTS_OF_EACH: usize = 25;
/// At most so many of all.
const EVENTS: usize = 200;
/// At most so many entries are told.
const ENTRIES: usize = 25;

/// What happened to a user.
#[derive(Debug)]
pub struct Activity {
    /// Their newest attempts to connect, newest first.
    pub attempts: Vec<Attempt>,
    /// What happened to their credentials and sessions, newest first. None = to a session.
    pub entries: Vec<(Option<CredentialId>, Entry)>,
    /// Whether older things are left out of `entries`.
    pub more: bool,
    /// The credentials that `entries` tell of, deleted ones too.
    pub credentials: HashMap<CredentialId, Credential>,
    /// What members and API keys are called, by their ids.
    pub names: HashMap<String, String>,
}

impl Activity {
    /// Whether a credential is there to be looked at.
    pub fn has(&self, id: CredentialId) -> bool {
        self.credentials.get(&id).is_some_and(|one| one.token.machine != Machine::Deleted)
    }
}

impl Hub {
    /// What happened lately to `user`, without the uses of their credentials. Of sessions those are told in which one of
    /// the newest attempts was made.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn user_activity(&self, actor: &Actor, user: UserId) -> Result<Activity, Error> {
        self.permit(actor, Action::ViewCredentials).await?;
        let environment = actor.environment();
        let filter = AttemptFilter { user: Some(user), ..AttemptFilter::default() };
        let newest = PageRequest { limit: ATTEMPTS, after: None };
        let Page { items: attempts, next_cursor } =
            store::attempt::list(&self.store, environment, &filter, &newest).await?;
        let sessions: BTreeSet<SessionId> = attempts.iter().map(|attempt| attempt.session).collect();
        let sessions: Vec<_> = sessions.into_iter().collect();
        // One more than is told of each, to know whether there is more.
        let asked = CREDENTIALS as u64 + 1;
        let mut given = store::credential::newest_of_user(&self.store, environment, user, asked).await?;
        // Of older attempts the events are not told either.
        let mut more = given.len() > CREDENTIALS || next_cursor.is_some();
        given.truncate(CREDENTIALS);
        let ids: Vec<_> = given.iter().map(|credential| credential.id).collect();
        let asked = (EVENTS_OF_EACH as u64 + 1, EVENTS as u64 + 1);
        let mut events =
            store::audit::several::of_several(&self.store, environment, &ids, &sessions, asked).await?;
        more |= leave_out(&mut events);

        let mut told: BTreeMap<Option<CredentialId>, Vec<Entry>> = BTreeMap::new();
        for event in &events {
            let to = event.target_id.as_deref().and_then(|id| id.parse().ok());
            told.entry(to).or_default().extend(Entry::of(event));
        }
        let folded = |(to, entries): (Option<CredentialId>, Vec<Entry>)| {
            fold(entries).into_iter().map(move |entry| (to, entry))
        };
        let mut entries: Vec<_> = told.into_iter().flat_map(folded).collect();
        entries.sort_by_key(|(_, entry)| Reverse(entry.at));
        more |= entries.len() > ENTRIES;
        entries.truncate(ENTRIES);
        let names = self.names_of(actor, &entries.iter().map(|(_, entry)| entry).collect::<Vec<_>>()).await?;
        let credentials = given.into_iter().map(|credential| (credential.id, credential)).collect();
        Ok(Activity { attempts, entries, more, credentials, names })
    }
}

/// Leaves out of `events`, which are newest first, what is more than is told of one thing and of all; whether that was
/// anything.
fn leave_out(events: &mut Vec<AuditEvent>) -> bool {
    let found = events.len();
    let mut of_each: HashMap<Option<String>, usize> = HashMap::new();
    events.retain(|event| {
        let count = of_each.entry(event.target_id.clone()).or_default();
        *count += 1;
        *count <= EVENTS_OF_EACH
    });
    events.truncate(EVENTS);
    events.len() < found
}
