//! Data keys grow old: another takes their place, what they sealed is sealed anew, and they are destroyed. Meanwhile
//! whoever changes a row wins.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::VALID_KEY;
use vouchsafe::domain::data_key::{KeyOwner, RecordKeys, WrappedKey};
use vouchsafe::service::Code;
use vouchsafe::service::data_key::Occasion;
use vouchsafe::store::{self, sealed};
use vouchsafe_entity::id::{DataKeyId, EnvironmentId};
use vouchsafe_entity::kind::WorkspaceState;
use vouchsafe_entity::sealed::Sealed;

use crate::support::app::TestApp;

impl TestApp {
    /// The data keys that seal production.
    async fn record_keys(&self) -> RecordKeys {
        let owner = KeyOwner::Environment(self.environment().await);
        RecordKeys::of(store::data_key::of_owner(&self.parts().await.store, owner).await.unwrap())
    }

    async fn environment(&self) -> EnvironmentId {
        self.hub.operator_in("default", "production").await.unwrap().tenant.environment
    }

    /// The data keys that values of credentials and events name.
    async fn named(&self) -> BTreeSet<DataKeyId> {
        let sql = "SELECT sealed FROM credential_token UNION ALL SELECT sealed FROM event";
        let key = |sealed: Vec<u8>| uuid::Uuid::from_slice(&sealed[Sealed::KEY_ID]).unwrap();
        let rows = self.rows(sql).await;
        rows.iter().map(|row| DataKeyId::new(key(row.try_get("", "sealed").unwrap()))).collect()
    }

    /// What the worker does after `time`.
    async fn replace_after(&self, time: TimeDelta) {
        self.clock.advance(time);
        self.hub.review_keys().await.unwrap();
        self.hub.replace_keys().await.unwrap();
    }
}

#[tokio::test]
async fn an_old_data_key_is_replaced_and_destroyed_a_month_after_its_last_value_is_gone() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let made = app.credential("u").await;
    let path = format!("/credentials/{}", made["credentialId"].as_str().unwrap());
    let change = json!({"data": {"key": VALID_KEY}});
    let opens = async || app.as_key().get(&format!("{path}/token")).await.ok(200);
    let old = app.record_keys().await.current().unwrap().id;
    app.replace_after(TimeDelta::days(89)).await;
    assert!(app.record_keys().await.next().is_none(), "it is not old yet");

    app.replace_after(TimeDelta::days(1)).await;
    let keys = app.record_keys().await;
    let new = keys.next().unwrap().id;
    assert_eq!(keys.current().unwrap().id, old, "the new one is only made known");
    app.as_key().patch(&path, &change).await.ok(200);
    assert_eq!(app.named().await, BTreeSet::from([old]));

    app.replace_after(TimeDelta::minutes(1)).await;
    assert_eq!(app.record_keys().await.current().unwrap().id, new);
    // Somebody was about to seal the credential anew, and it was changed before.
    let (parts, owner) = (app.parts().await, KeyOwner::Environment(app.environment().await));
    let columns = sealed::columns_of(owner);
    let column = columns.into_iter().find(|column| column.table == "credential_token").unwrap();
    let found = sealed::old_values(&parts.store, column, owner, new, "", 10).await.unwrap();
    assert_eq!(found.len(), 1);
    app.as_key().patch(&path, &change).await.ok(200);
    let late = found.into_iter().map(|value| sealed::NewValue {
        row_id: value.row_id,
        before: value.sealed.clone(),
        sealed: value.sealed,
    });
    let tx = parts.store.begin().await.unwrap();
    assert_eq!(sealed::replace(&tx, column, owner, late.collect()).await.unwrap(), 0, "the change wins");
    tx.commit().await.unwrap();
    assert_eq!(app.named().await, BTreeSet::from([old, new]), "events are sealed under the old one");

    app.replace_after(TimeDelta::minutes(1)).await;
    assert_eq!(app.named().await, BTreeSet::from([new]));
    opens().await;
    app.replace_after(TimeDelta::days(29)).await;
    assert_eq!(app.record_keys().await.retired().map(|key| key.id).collect::<Vec<_>>(), [old]);
    app.replace_after(TimeDelta::days(1)).await;
    assert_eq!(app.record_keys().await.retired().count(), 0);
    assert_eq!(opens().await["fields"]["key"], VALID_KEY);
    for (action, key) in [("data_key.rotate", new), ("data_key.destroy", old)] {
        let found = app.as_key().get(&format!("/audit-events?action={action}")).await.ok(200);
        let [event] = found["data"].as_array().unwrap().as_slice() else { panic!("one {action}: {found}") };
        assert_eq!((&event["actor"]["type"], &event["target"]["id"]), (&json!("hub"), &json!(key)));
    }
}

/// An embedded database has one writer, and a look through a large environment takes long.
#[tokio::test]
async fn what_an_old_data_key_sealed_is_looked_for_while_somebody_writes() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.credential("u").await;
    let actor = app.hub.operator_in("default", "production").await.unwrap();
    let store = app.parts().await.store;
    let writes = store.begin().await.unwrap();
    let done = app.hub.reseal_environment(&actor, |_| ()).await.unwrap();
    writes.commit().await.unwrap();
    assert_eq!((done.values, done.left), (0, false));
}

/// The data key of another environment that no master key opens, made beside `other`.
fn lost(other: &WrappedKey) -> WrappedKey {
    WrappedKey {
        id: DataKeyId::new(uuid::Uuid::from_u128(1)),
        owner: KeyOwner::Environment(EnvironmentId::new(uuid::Uuid::from_u128(1))),
        master_key: "0123456789abcdef".to_owned(),
        ..other.clone()
    }
}

#[tokio::test]
async fn a_data_key_that_does_not_open_stands_in_nobody_elses_way() {
    let Some(app) = TestApp::start().await else { return };
    let old = app.record_keys().await.current().unwrap().clone();
    let store = app.parts().await.store;
    let tx = store.begin().await.unwrap();
    store::data_key::insert(&tx, &lost(&old)).await.unwrap();
    tx.commit().await.unwrap();

    app.hub.create_workspace("acme", WorkspaceState::Active).await.unwrap();
    app.hub.create_environment("default", "staging").await.unwrap();
    let actor = app.hub.operator_in("default", "production").await.unwrap();
    let next = app.hub.begin_key_rotation(&actor, Occasion::Asked).await.unwrap().key;
    app.clock.advance(TimeDelta::minutes(2));
    app.hub.replace_keys().await.unwrap();
    assert_eq!(app.record_keys().await.current().unwrap().id, next);
    app.user("u").await;
    app.credential("u").await;
    assert_eq!(app.named().await, BTreeSet::from([next]));
}

/// A hub that lacks the master key of one data key learns the others all the same, and tells it once.
#[tokio::test]
async fn a_data_key_that_does_not_open_keeps_no_other_from_being_known() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.hub.review_keys().await.unwrap();
    let old = app.record_keys().await.current().unwrap().clone();
    let lost = lost(&old);
    let other = app.another_hub(|_| ()).await;
    let actor = other.operator_in("default", "production").await.unwrap();
    let next = other.begin_key_rotation(&actor, Occasion::Asked).await.unwrap().key;
    let store = app.parts().await.store;
    let tx = store.begin().await.unwrap();
    store::data_key::insert(&tx, &lost).await.unwrap();
    store::data_key::retire(&tx, &[old.id], app.hub.now()).await.unwrap();
    tx.commit().await.unwrap();

    let refused = app.hub.review_keys().await.err().unwrap();
    assert_eq!(refused.code(), Some(Code::KeyUnavailable));
    app.hub.review_keys().await.unwrap();
    app.credential("u").await;
    assert!(app.named().await.contains(&next), "it is sealed under the key that was learnt");
}

/// What a worn data key has done stands in the database, counted by all hubs together.
#[tokio::test]
async fn a_data_key_that_has_sealed_much_is_replaced_and_one_at_its_limit_seals_no_more() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.credential("u").await;
    app.hub.review_keys().await.unwrap();
    let key = app.record_keys().await.current().unwrap().id;
    let store = app.parts().await.store;
    let counted = store::data_key::uses(&store).await.unwrap()[&key].sealings;
    assert_eq!(counted, 65_536, "a block is counted before it is used up");
    app.hub.replace_keys().await.unwrap();
    assert!(app.record_keys().await.next().is_none());

    let tx = store.begin().await.unwrap();
    store::data_key::count(&tx, &[key], 3_865_470_566).await.unwrap();
    tx.commit().await.unwrap();
    app.hub.replace_keys().await.unwrap();
    assert!(app.record_keys().await.next().is_none(), "others may be older hubs yet");
    app.clock.advance(TimeDelta::hours(1));
    app.hub.replace_keys().await.unwrap();
    assert!(app.record_keys().await.next().is_some());
    // A hub that begins to seal now counts, and finds that it may not.
    let late = std::sync::Arc::new(vouchsafe::service::Hub::new(app.parts().await));
    late.bootstrap().await.unwrap();
    let actor = late.operator_in("default", "production").await.unwrap();
    let hook = |number: u8| vouchsafe::service::webhooks::NewEndpoint {
        url: format!("http://127.0.0.1:9/{number}"),
        events: None,
        description: None,
    };
    late.create_webhook_endpoint(&actor, hook(1)).await.unwrap();
    late.review_keys().await.unwrap();
    let refused = late.create_webhook_endpoint(&actor, hook(2)).await.err().unwrap();
    assert_eq!(refused.code(), Some(Code::KeyUnavailable));
}
