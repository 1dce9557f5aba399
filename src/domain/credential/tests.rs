//! What people see of a credential in each state.

use uuid::Uuid;

use super::*;

pub(crate) const NOW: Millis = Millis(1_893_456_000_000);

/// An OAuth credential with a fresh hour-long token and a refresh token.
pub(crate) fn credential() -> Credential {
    Credential {
        id: CredentialId::new(Uuid::from_u128(1)),
        user: UserId::new(Uuid::from_u128(2)),
        username: "jo".into(),
        user_email: None,
        connector_id: ConnectorId::new(Uuid::from_u128(3)),
        connector: "fernhill".into(),
        connector_enabled: true,
        connector_failing: false,
        key_missing: false,
        provider: "fernhill".into(),
        method: Method::OAuth2,
        name: "Fernhill".into(),
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
        token: Token {
            machine: Machine::Active,
            state_since: NOW,
            epoch: 1,
            version: 1,
            sealed: None,
            access_expires_at: Some(NOW.plus_seconds(3600)),
            access_lifetime: Some(3_600_000),
            refresh_expires_at: None,
            end_known_since: None,
            has_refresh_token: true,
            own_client: false,
            due_at: None,
            lease_seq: 0,
            attempt: None,
            tried_at: None,
            fail_class: None,
            fail_count: 0,
            announced: None,
            event_ordinal: 0,
        },
    }
}

fn shown(credential: &Credential, now: Millis) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    let health = credential.health(now);
    (health.status.as_str(), health.reason, health.next_step.map(NextStep::as_str))
}

#[test]
fn each_row_of_the_state_table_is_shown_as_it_says() {
    let fresh = NOW;
    let spent = NOW.plus_seconds(3600);
    let in_state = |machine: Machine, class: Option<FailClass>| {
        let mut credential = credential();
        credential.token.machine = machine;
        credential.token.fail_class = class;
        credential
    };
    let at = NOW;
    let refreshing = |from| Machine::Refreshing { from, owner: "node".into(), until: at };
    let waiting = || Machine::Waiting { next_try_at: at };
    let cases = [
        (in_state(Machine::Pending, None), fresh, ("pending", Some("awaiting_confirmation"), None)),
        (in_state(Machine::Active, None), fresh, ("active", None, None)),
        (in_state(refreshing(Resting::Active), None), fresh, ("active", None, None)),
        (in_state(refreshing(Resting::Active), None), spent, ("active", Some("refreshing"), None)),
        (
            in_state(refreshing(Resting::Suspect { since: at }), None),
            spent,
            ("error", Some("refusal_unconfirmed"), None),
        ),
        (in_state(waiting(), Some(FailClass::Ambiguous)), fresh, ("active", Some("refresh_delayed"), None)),
        (in_state(waiting(), Some(FailClass::NotSent)), spent, ("error", Some("provider_unreachable"), None)),
        (in_state(waiting(), Some(FailClass::Throttled)), spent, ("error", Some("throttled"), None)),
        (in_state(waiting(), Some(FailClass::Other)), spent, ("error", Some("unexpected_response"), None)),
        (
            in_state(refreshing(Resting::Broken(BrokenCause::GrantRefused)), None),
            fresh,
            ("expired", Some("grant_refused"), Some("reconnect")),
        ),
        (in_state(waiting(), Some(FailClass::Unopened)), fresh, ("error", Some("key_unavailable"), None)),
        (
            in_state(Machine::Broken(BrokenCause::GrantRefused), Some(FailClass::Unopened)),
            fresh,
            ("expired", Some("grant_refused"), Some("reconnect")),
        ),
        (
            in_state(Machine::Unknown { next_try_at: at }, None),
            spent,
            ("error", Some("refresh_unconfirmed"), None),
        ),
        (
            in_state(Machine::Broken(BrokenCause::GrantRefused), None),
            fresh,
            ("expired", Some("grant_refused"), Some("reconnect")),
        ),
        (
            in_state(Machine::Broken(BrokenCause::RevokedByRequest), None),
            fresh,
            ("revoked", Some("revoked_by_request"), Some("reconnect")),
        ),
    ];
    for (credential, now, expected) in cases {
        assert_eq!(shown(&credential, now), expected, "{:?}", credential.token.machine);
    }
}

#[test]
fn a_credential_whose_key_is_not_at_hand_says_so_in_every_state_that_could_be_used() {
    let mut sealed = credential();
    sealed.key_missing = true;
    assert_eq!(shown(&sealed, NOW), ("error", Some("key_unavailable"), None));
    sealed.token.machine = Machine::Pending;
    assert_eq!(shown(&sealed, NOW).0, "error", "error comes before pending");
    sealed.deactivated_at = Some(NOW);
    assert_eq!(shown(&sealed, NOW).0, "inactive");
}

#[test]
fn a_refused_client_is_the_connectors_fault_once_the_token_is_spent() {
    let mut credential = credential();
    credential.connector_failing = true;
    assert_eq!(shown(&credential, NOW), ("active", None, None));
    let spent = NOW.plus_seconds(3600);
    assert_eq!(shown(&credential, spent), ("error", Some("connector_rejected"), Some("fix_connector")));
    credential.token.machine = Machine::Waiting { next_try_at: NOW };
    credential.token.fail_class = Some(FailClass::Client);
    assert_eq!(shown(&credential, spent), ("error", Some("connector_rejected"), Some("fix_connector")));
    credential.token.machine = Machine::Pending;
    assert_eq!(shown(&credential, NOW).0, "pending");
    assert_eq!(shown(&credential, spent).0, "error", "error comes before pending");
    credential.token.machine = Machine::Broken(BrokenCause::GrantRefused);
    assert_eq!(shown(&credential, spent).0, "expired");
}

#[test]
fn a_refused_client_says_nothing_of_a_token_that_comes_by_another() {
    let mut credential = credential();
    credential.method = Method::ClientCredentials;
    (credential.connector_failing, credential.token.own_client) = (true, true);
    let spent = NOW.plus_seconds(3600);
    assert_eq!(shown(&credential, spent), ("active", Some("refreshing"), None));
    credential.token.machine = Machine::Waiting { next_try_at: spent };
    assert_eq!(shown(&credential, spent), ("error", Some("provider_unreachable"), None));
}

#[test]
fn an_end_is_known_since_it_last_moved_by_more_than_a_minute() {
    let mut credential = credential();
    let (start, end) = (NOW, NOW.plus_seconds(864_000));
    let mut told = |end: Option<Millis>, hours: i64| {
        let before = credential.grant_end();
        credential.token.refresh_expires_at = end;
        credential.settle_end(before, start.plus_seconds(3_600 * hours));
        (credential.acts_by(), credential.token.end_known_since)
    };
    let fixed = (Some(end), Some(start));
    assert_eq!(told(Some(end), 0), fixed);
    for (hour, off) in [(1, -1_000), (2, 60_000), (3, -60_000), (4, 0)] {
        assert_eq!(told(Some(end.plus(off)), hour), fixed, "{off} ms");
    }
    let step = |seconds: i64| Some(end.plus_seconds(seconds));
    assert_eq!(told(step(45), 5), fixed);
    assert_eq!(told(step(90), 6), (step(90), Some(start.plus_seconds(3_600 * 6))), "small steps add up");
    assert_eq!(told(None, 7), (None, None));
    assert_eq!(told(step(90), 8), (step(90), Some(start.plus_seconds(3_600 * 8))));
}

#[test]
fn an_ended_credential_says_so_before_anybody_wrote_it_down() {
    let mut dated = credential();
    dated.method = Method::ApiKey;
    dated.token.access_expires_at = None;
    dated.expires_at = Some(NOW.plus(1));
    assert_eq!(shown(&dated, NOW).0, "active");
    assert_eq!(shown(&dated, NOW.plus(1)), ("expired", Some("expiry_date"), Some("reconnect")));
    dated.deactivated_at = Some(NOW);
    assert_eq!(shown(&dated, NOW), ("inactive", Some("deactivated"), Some("reactivate")));
    assert_eq!(shown(&dated, NOW.plus(1)).0, "expired", "expired comes before inactive");

    let mut unrenewable = credential();
    unrenewable.token.has_refresh_token = false;
    assert_eq!(shown(&unrenewable, NOW.plus_seconds(3600)).1, Some("no_refresh_token"));
    assert_eq!(unrenewable.acts_by(), Some(NOW.plus_seconds(3600)));
}

#[test]
fn a_short_token_is_served_until_a_quarter_is_left() {
    let mut token = credential().token;
    token.access_expires_at = Some(NOW.plus_seconds(8));
    token.access_lifetime = Some(8_000);
    assert!(token.is_usable(NOW.plus_seconds(6)));
    assert!(!token.is_usable(NOW.plus(6_001)));
    token.access_expires_at = Some(NOW.plus_seconds(3600));
    token.access_lifetime = Some(3_600_000);
    assert!(token.is_usable(NOW.plus_seconds(3570)));
    assert!(!token.is_usable(NOW.plus(3_570_001)));
}
