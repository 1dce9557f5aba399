//! `GET /credentials?status=` filters in SQL what `Credential::health` computes in Rust. The two must agree for every
//! state of the machine, every overlay and every moment.

mod lists;

use std::collections::{BTreeMap, BTreeSet};

use tempfile::TempDir;
use uuid::Uuid;
use vouchsafe::domain::connector::{Connector, Failing};
use vouchsafe::domain::credential::{Attempt, Credential, Machine, Resting, Token};
use vouchsafe::domain::page::PageRequest;
use vouchsafe::domain::user::User;
use vouchsafe::domain::workspace::{Environment, Workspace};
use vouchsafe::store::credential::CredentialFilter;
use vouchsafe::store::{self, DatabaseUrl, Store};
use vouchsafe_entity::id::{CredentialId, EnvironmentId, UserId, WorkspaceId};
use vouchsafe_entity::json::Settings;
use vouchsafe_entity::kind::{AttemptState, BrokenCause, FailClass, Method, Status, WorkspaceState};
use vouchsafe_entity::millis::Millis;

const NOW: Millis = Millis(1_893_456_000_000);

fn machines() -> Vec<Machine> {
    let later = NOW.plus_seconds(60);
    let refreshing = |from| Machine::Refreshing { from, owner: "node".to_owned(), until: later };
    let mut all = vec![
        Machine::Pending,
        Machine::Active,
        Machine::Waiting { next_try_at: later },
        Machine::Unknown { next_try_at: later },
        Machine::Suspect { since: NOW, next_try_at: later },
    ];
    let resting = [
        Resting::Active,
        Resting::Waiting,
        Resting::Unknown,
        Resting::Suspect { since: NOW },
        Resting::Broken(BrokenCause::GrantRefused),
        Resting::Broken(BrokenCause::RevokedUpstream),
    ];
    all.extend(resting.map(refreshing));
    all.extend(BrokenCause::ALL.iter().map(|cause| Machine::Broken(*cause)));
    all
}

/// Ends and lifetimes of access tokens, at and around the edges.
fn lives() -> Vec<(Option<Millis>, Option<i64>)> {
    let mut all = vec![(None, None)];
    for lifetime in [8_000_i64, 120_000, 3_600_000] {
        let margin = 30_000.min(lifetime / 4);
        for left in [-1, 0, 1, margin - 1, margin, margin + 1, lifetime] {
            all.push((Some(NOW.plus(left)), Some(lifetime)));
        }
    }
    all.push((Some(NOW.plus(29_999)), None));
    all.push((Some(NOW.plus(30_000)), None));
    all
}

struct Place {
    environment: EnvironmentId,
    user: UserId,
    connectors: [Connector; 3],
}

async fn lay_ground(store: &Store) -> Place {
    let workspace = Workspace {
        id: WorkspaceId::new(Uuid::from_u128(1)),
        name: "acme".to_owned(),
        state: WorkspaceState::Active,
        settings: vouchsafe_entity::json::WorkspaceSettings::default(),
        created_at: NOW,
        updated_at: NOW,
    };
    let environment = Environment {
        id: EnvironmentId::new(Uuid::from_u128(2)),
        workspace: workspace.id,
        workspace_name: "acme".to_owned(),
        name: "sandbox".to_owned(),
        settings: Settings::default(),
        created_at: NOW,
        updated_at: NOW,
    };
    let user = User {
        id: UserId::new(Uuid::from_u128(3)),
        username: "jo".to_owned(),
        full_name: None,
        email: None,
        organization: None,
        tags: Vec::new(),
        created_at: NOW,
        updated_at: NOW,
    };
    let on = Connector::by_default(environment.id, "on");
    let off = Connector { enabled: false, ..Connector::by_default(environment.id, "off") };
    let failing = Connector {
        failing: Some(Failing { since: NOW, probe_at: NOW }),
        ..Connector::by_default(environment.id, "failing")
    };
    let tx = store.begin().await.unwrap();
    store::workspace::insert(&tx, &workspace).await.unwrap();
    store::environment::insert(&tx, &environment).await.unwrap();
    store::user::insert(&tx, environment.id, &user).await.unwrap();
    for connector in [&on, &off, &failing] {
        // Each was switched a moment ago, so a sweep goes through what stands behind it.
        let before = Connector { enabled: !connector.enabled, ..connector.clone() };
        store::connector::save(&tx, environment.id, &before, NOW).await.unwrap();
        store::connector::save(&tx, environment.id, connector, NOW).await.unwrap();
    }
    let since = failing.failing.unwrap();
    assert!(store::connector::begin_failing(&tx, environment.id, failing.id, since).await.unwrap());
    tx.commit().await.unwrap();
    Place { environment: environment.id, user: user.id, connectors: [on, off, failing] }
}

fn credential(
    number: u128,
    place: &Place,
    connector: &Connector,
    method: Method,
    token: Token,
) -> Credential {
    Credential {
        id: CredentialId::new(Uuid::from_u128(number)),
        user: place.user,
        username: "jo".to_owned(),
        user_email: None,
        connector_id: connector.id,
        connector: connector.key.clone(),
        connector_enabled: connector.enabled,
        connector_failing: connector.failing.is_some(),
        key_missing: false,
        provider: connector.provider.clone(),
        method,
        name: "A credential".to_owned(),
        account: None,
        variables: BTreeMap::new(),
        scopes: Vec::new(),
        metadata: serde_json::Map::new(),
        deactivated_at: None,
        expires_at: None,
        issued_at: NOW,
        last_used_at: None,
        last_refreshed_at: None,
        created_at: NOW,
        updated_at: NOW,
        token,
    }
}

fn all_credentials(place: &Place) -> Vec<Credential> {
    let mut all = Vec::new();
    for machine in machines() {
        for (access_expires_at, access_lifetime) in lives() {
            for (method, has_refresh_token) in [
                (Method::OAuth2, true),
                (Method::OAuth2, false),
                (Method::Session, false),
                (Method::ApiKey, false),
            ] {
                let attempt = matches!(machine, Machine::Refreshing { .. }).then_some(Attempt {
                    version: 1,
                    state: AttemptState::Reserved,
                    started_at: NOW,
                });
                let number = all.len() as u128 + 1_000;
                let unopened = number.is_multiple_of(11);
                let token = Token {
                    machine: machine.clone(),
                    state_since: NOW,
                    epoch: 1,
                    version: 1,
                    sealed: None,
                    access_expires_at,
                    access_lifetime,
                    refresh_expires_at: None,
                    end_known_since: None,
                    has_refresh_token,
                    own_client: method == Method::Session && (number / 4).is_multiple_of(2),
                    due_at: None,
                    lease_seq: 0,
                    attempt,
                    tried_at: None,
                    fail_class: Some(if unopened { FailClass::Unopened } else { FailClass::Ambiguous }),
                    fail_count: 1,
                    announced: None,
                    event_ordinal: 0,
                };
                // Overlays take turns, so that each meets each state without a table of hundreds of thousands.
                let connector = &place.connectors
                    [if number.is_multiple_of(5) { 1 } else { 2 * usize::from(number.is_multiple_of(3)) }];
                let mut credential = credential(number, place, connector, method, token);
                credential.deactivated_at = number.is_multiple_of(7).then_some(NOW);
                credential.expires_at =
                    [None, Some(NOW), Some(NOW.plus(1)), Some(NOW.plus(-1))][(number % 4) as usize];
                all.push(credential);
            }
        }
    }
    all
}

/// What was told of the credentials before the filter looks at them.
#[derive(Clone, Copy, Debug)]
enum Told {
    Nothing,
    /// What was so a little earlier, with the connectors as they are now.
    Earlier,
    /// The same, with every connector on.
    EarlierWhenOn,
    /// The same, with every connector off.
    EarlierWhenOff,
}

impl Told {
    fn note(self, credential: &mut Credential) {
        let mut then = credential.clone();
        match self {
            Self::Nothing => return,
            Self::Earlier => {}
            Self::EarlierWhenOn => (then.connector_enabled, then.connector_failing) = (true, false),
            Self::EarlierWhenOff => then.connector_enabled = false,
        }
        let told = then.health(NOW.plus(-40_000)).status;
        credential.token.announced = Some(told);
        // What waits to be confirmed lives for minutes: it doesn't end while it is off as well.
        if credential.token.machine == Machine::Pending && told != Status::Pending {
            credential.expires_at = None;
            credential.token.access_expires_at = None;
        }
        if !credential.is_renewable() && credential.token.machine != Machine::Pending {
            credential.token.due_at = credential.looked_at_by();
        }
    }
}

/// A database of every credential that there can be, each after `change`; it lives as long as its folder.
async fn filled(change: impl Fn(&mut Credential)) -> (TempDir, Store, Place, Vec<Credential>) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&DatabaseUrl::file(&directory.path().join("hub.db"))).await.unwrap();
    store.migrate().await.unwrap();
    let place = lay_ground(&store).await;
    let mut all = all_credentials(&place);
    let tx = store.begin().await.unwrap();
    for credential in &mut all {
        change(credential);
        store::credential::insert(&tx, place.environment, credential).await.unwrap();
    }
    tx.commit().await.unwrap();
    (directory, store, place, all)
}

async fn listed(store: &Store, place: &Place, filter: &CredentialFilter) -> Vec<String> {
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: 200, after };
        let page = store::credential::list(store, place.environment, filter, NOW, &page).await.unwrap();
        listed.extend(page.items.iter().map(|c| c.id.to_string()));
        if page.next_cursor.is_none() {
            return listed;
        }
        after = page.next_after();
    }
}

#[tokio::test]
async fn the_filter_by_status_finds_what_is_shown_with_that_status() {
    for told in [Told::Nothing, Told::Earlier, Told::EarlierWhenOn, Told::EarlierWhenOff] {
        let (_directory, store, place, all) = filled(|credential| told.note(credential)).await;
        let mut found = 0;
        for status in Status::ALL {
            let mut expected: Vec<String> =
                all.iter().filter(|c| c.health(NOW).status == *status).map(|c| c.id.to_string()).collect();
            expected.sort();
            expected.reverse();
            let filter = CredentialFilter { status: Some(*status), ..CredentialFilter::default() };
            let listed = listed(&store, &place, &filter).await;
            found += listed.len();
            let differing: Vec<_> = all
                .iter()
                .filter(|c| expected.contains(&c.id.to_string()) != listed.contains(&c.id.to_string()))
                .take(3)
                .collect();
            assert!(differing.is_empty(), "{told:?} {status}: {differing:#?}");
            assert_eq!(listed, expected, "{told:?} {status}: the newest first, each once");
            let count = store::credential::count(&store, place.environment, &filter, NOW, 10_000).await;
            assert_eq!(count.unwrap(), listed.len() as u64, "{told:?} {status}");
        }
        assert_eq!(found, all.len(), "every credential has one status");
        lists::are_found_by_connector(&store, &place, &all).await;
        lists::are_listed_worst_first(&store, &place, &all).await;
    }
}

/// The end may be in one of three columns, of which the first counts; many end at one moment.
#[tokio::test]
async fn those_that_end_before_a_moment_are_listed_the_soonest_first() {
    let (_directory, store, place, all) = filled(|credential| {
        let number = credential.id.uuid().as_u128();
        credential.token.refresh_expires_at =
            [None, Some(NOW.plus(2)), Some(NOW.plus(40_000)), None][(number / 16 % 4) as usize];
        credential.expires_at = credential.expires_at.filter(|_| (number / 8).is_multiple_of(2));
    })
    .await;
    let everybody = [None, Some(place.user)];
    for before in [NOW, NOW.plus(1), NOW.plus(30_000), NOW.plus(3_600_001)] {
        for status in Status::ALL.iter().map(|status| Some(*status)).chain([None]) {
            let fits = |c: &&Credential| status.is_none_or(|status| c.health(NOW).status == status);
            let ends = all.iter().filter(fits).filter_map(|c| Some((c.acts_by()?, c.id.to_string())));
            let mut expected: Vec<_> = ends.filter(|(end, _)| *end < before).collect();
            expected.sort();
            let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
            for user in everybody {
                let filter =
                    CredentialFilter { user, status, expires_before: Some(before), ..Default::default() };
                let listed = listed(&store, &place, &filter).await;
                assert!(listed == expected, "{filter:?}: {} of {}", listed.len(), expected.len());
                let count = store::credential::count(&store, place.environment, &filter, NOW, 10_000).await;
                assert_eq!(count.unwrap(), expected.len() as u64, "{filter:?}");
            }
        }
    }
}

/// What time or a switched connector changes is found without looking at everything; the two must agree here as well.
#[tokio::test]
async fn a_sweep_finds_exactly_what_has_changed_by_itself() {
    for told in [Told::Earlier, Told::EarlierWhenOn, Told::EarlierWhenOff] {
        let (_directory, store, _, all) = filled(|credential| told.note(credential)).await;
        let found = found_by_sweep(&store).await;
        let changed = |c: &&Credential| {
            // A date is set on keys alone, and a pending credential is given back instead.
            let unreal =
                (c.expires_at.is_some() && !c.may_expire_by_hand()) || c.token.machine == Machine::Pending;
            !unreal && c.token.announced != Some(c.health(NOW).status)
        };
        let expected: Vec<&Credential> = all.iter().filter(changed).collect();
        assert!(expected.len() > 50, "{told:?}: {} changes", expected.len());
        let missed: Vec<_> = expected.iter().filter(|c| !found.contains(&c.id.to_string())).take(3).collect();
        assert!(missed.is_empty(), "{told:?}: {missed:#?}");
        // A date that passed unseen before is found too; nothing else is.
        let ends = |c: &Credential| {
            c.broken_cause(NOW).is_some() && !matches!(c.token.machine, Machine::Broken(_) | Machine::Pending)
        };
        let spare: Vec<_> = all
            .iter()
            .filter(|c| found.contains(&c.id.to_string()) && !ends(c))
            .filter(|c| c.token.announced == Some(c.health(NOW).status))
            .take(3)
            .collect();
        assert!(spare.is_empty(), "{told:?}: {spare:#?}");
    }
}

async fn found_by_sweep(store: &Store) -> BTreeSet<String> {
    let mut found = store::credential::ended(store, NOW, &[], 100_000).await.unwrap();
    found.extend(store::credential::run_out(store, NOW, &[], 100_000).await.unwrap());
    found.extend(store::credential::run_out_behind(store, NOW, &[], 100_000).await.unwrap());
    let mut found: BTreeSet<String> = found.iter().map(|(_, id)| id.to_string()).collect();
    let mut after = None;
    loop {
        let page = store::credential::turned(store, NOW, after, 7).await.unwrap();
        found.extend(page.iter().map(|turned| turned.credential_id.to_string()));
        after = page.last().copied();
        if page.len() < 7 {
            return found;
        }
    }
}
