//! Credentials by the status that they are shown with, which is worked out of several columns and of the time.

use crate::store::join_in_order;
use sea_orm::DbBackend;
use vouchsafe_entity::kind::Status;

/// An access token is served no longer than so many milliseconds before its end.
const MARGIN: i64 = 30_000;

/// The ids of the newest `limit` credentials that `fit` and have `status`, which `fit` says too: those that were told to
/// have it, and those that may have it by now without that, because time has passed or their connector was switched or
/// refused meanwhile. The sweep writes such changes down, so these are few.
///
/// Where only some connectors are wanted, those that were told are looked for by both.
pub(super) fn of_status(
    backend: DbBackend,
    status: Status,
    (fit, connectors): (&str, &[String]),
    now: &str,
    limit: &str,
) -> String {
    let join = join_in_order(backend);
    let tokens = format!(
        "credential_token t {join} credential c ON c.environment_id = t.environment_id AND c.id = t.credential_id \
         {join} connector k ON k.environment_id = c.environment_id AND k.id = c.connector_id"
    );
    let switched = format!(
        "connector k {join} credential c ON c.environment_id = k.environment_id AND c.connector_id = k.id \
         {join} credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id"
    );
    let told = |as_what: &str| format!("t.announced_status = '{as_what}'");
    let mut ways = vec![
        (&tokens, "t.announced_status IS NULL".to_owned()),
        (&tokens, format!("t.due_at <= {now} AND t.announced_status <> '{}'", status.as_str())),
    ];
    let mut tell = |as_what: Status| {
        let told = told(as_what.as_str());
        let of = |connector: &String| (&tokens, format!("{told} AND t.connector_id = {connector}"));
        ways.extend(connectors.iter().map(of));
        if connectors.is_empty() {
            ways.push((&tokens, told));
        }
    };
    tell(status);
    if status != Status::Pending {
        // Few, and looked at again only when nobody has confirmed them.
        tell(Status::Pending);
    }
    if matches!(status, Status::Active | Status::Pending) {
        // Its connector is no longer refused.
        tell(Status::Error);
    }
    if !connectors.is_empty() {
        // Of a hub that does not write this column.
        ways.push((&tokens, "t.connector_id IS NULL".to_owned()));
    }
    if status == Status::Error {
        let troubled = "t.state IN ('refreshing', 'waiting', 'unknown', 'suspect')";
        let run_out = format!("t.access_expires_at <= {now} + {MARGIN}");
        ways.push((&tokens, format!("{} AND {troubled} AND {run_out}", told("active"))));
    }
    let turned = match status {
        Status::Error => Some("k.enabled AND k.failing_since IS NOT NULL".to_owned()),
        Status::Inactive => Some("k.turned_at IS NOT NULL AND NOT k.enabled".to_owned()),
        _ => None,
    };
    // On again, and not all that stands behind it has been told.
    let on_again = format!("k.turned_at IS NOT NULL AND k.enabled AND {}", told("inactive"));
    let on_again = matches!(status, Status::Active | Status::Pending | Status::Error).then_some(on_again);
    let behind = turned.into_iter().chain(on_again);
    ways.extend(behind.map(|which| (&switched, format!("k.environment_id = $1 AND {which}"))));
    let newest = ways.iter().map(|(from, which)| {
        format!(
            "SELECT id FROM (SELECT c.id FROM {from} WHERE t.environment_id = $1 AND {which} AND {fit} \
             ORDER BY t.credential_id DESC LIMIT {limit}) AS newest"
        )
    });
    newest.collect::<Vec<_>>().join(" UNION ")
}

/// [`Credential::health`] in SQL, for filters: true for rows whose status at the moment bound as `now` is `status`.
pub(super) fn status_condition(status: Status, now: &str) -> String {
    let broken = "(t.state = 'broken' OR COALESCE(t.claimed_from, '') = 'broken')";
    let revoked = format!("({broken} AND t.broken_cause IN ('revoked_by_request', 'revoked_upstream'))");
    let ended = format!(
        "({broken} OR COALESCE(c.expires_at <= {now}, FALSE) OR (c.method IN ('oauth2', 'api_key', 'basic') \
         AND NOT t.has_refresh_token AND COALESCE(t.access_expires_at <= {now}, FALSE)))"
    );
    let off = "(c.deactivated_at IS NOT NULL OR NOT k.enabled)";
    // One that nothing renews is served to its end, and has ended then.
    let spent = format!(
        "((t.has_refresh_token OR c.method NOT IN ('oauth2', 'api_key', 'basic')) \
         AND COALESCE(t.access_expires_at < {now} + CASE WHEN COALESCE(t.access_lifetime, 120000) < 120000 \
         THEN t.access_lifetime / 4 ELSE 30000 END, FALSE))"
    );
    let shown = "CASE WHEN t.state = 'refreshing' THEN t.claimed_from ELSE t.state END";
    // A key that is not at hand is known to the vault alone; what a refresh could not open is noted.
    let unopened = "COALESCE(t.fail_class, '') = 'unopened'";
    let troubled = format!(
        "({unopened} OR ({spent} \
         AND ((k.failing_since IS NOT NULL AND NOT t.own_client) OR {shown} IN ('waiting', 'unknown', 'suspect'))))"
    );
    let pending = format!("({shown} = 'pending' AND NOT {troubled})");
    match status {
        Status::Revoked => revoked,
        Status::Expired => format!("({ended} AND NOT {revoked})"),
        Status::Inactive => format!("(NOT {ended} AND {off})"),
        Status::Error => format!("(NOT {ended} AND NOT {off} AND {troubled})"),
        Status::Pending => format!("(NOT {ended} AND NOT {off} AND {pending})"),
        Status::Active => format!("(NOT {ended} AND NOT {off} AND NOT {troubled} AND NOT {pending})"),
    }
}
