use std::borrow::Cow;

use futures_util::FutureExt as _;
use uuid::Uuid;
use vouchsafe_entity::id::AuditEventId;
use vouchsafe_entity::millis::Millis;

use super::*;

fn recorder() -> Recorder {
    Recorder::new(AuditMode::Batched, AuditLog::default())
}

fn event(number: usize) -> AuditEvent {
    AuditEvent {
        id: AuditEventId::new(Uuid::from_u128(number as u128)),
        workspace: None,
        environment: None,
        at: Millis(1_893_456_000_000),
        action: Cow::Borrowed("proxy.call"),
        actor_type: Cow::Borrowed("api_key"),
        actor_id: None,
        target_type: Cow::Borrowed("credential"),
        target_id: None,
        result: Cow::Borrowed("ok"),
        reason: None,
        request_id: None,
        address: None,
    }
}

/// A recorder in which no row has room any more.
fn full() -> Recorder {
    let recorder = recorder();
    assert!((0..MOST_WAITING).all(|number| recorder.push(event(number)).is_none()));
    assert!(recorder.push(event(MOST_WAITING)).is_some());
    recorder
}

async fn take_some(recorder: &Recorder) -> usize {
    let mut waiting = recorder.waiting.lock().await;
    let taken = waiting.next().len();
    waiting.taken.clear();
    taken
}

/// Far below what room is waited for.
async fn soon<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(ROOM_WITHIN / 4, work).await.ok()
}

#[tokio::test]
async fn who_comes_when_too_many_wait_waits_for_room() {
    let recorder = full();
    assert!(recorder.push_in_time(event(MOST_WAITING)).now_or_never().is_none(), "there is no room");
    let (given_back, ()) = tokio::join!(soon(recorder.push_in_time(event(MOST_WAITING))), async {
        tokio::task::yield_now().await;
        assert_eq!(take_some(&recorder).await, MOST_AT_ONCE);
    });
    assert_eq!(given_back.unwrap().map(|event| event.id), None);
    assert_eq!(recorder.send.capacity(), MOST_AT_ONCE - 1);
}

#[tokio::test]
async fn a_row_is_given_back_where_no_room_comes() {
    let recorder = full();
    let given_back = recorder.push_in_time(event(MOST_WAITING)).await;
    assert_eq!(given_back.map(|event| event.id), Some(event(MOST_WAITING).id));
}

#[tokio::test]
async fn a_call_begins_when_there_is_room_for_its_row_and_keeps_none() {
    let recorder = full();
    assert!(recorder.room().now_or_never().is_none());
    let (begun, ()) = tokio::join!(soon(recorder.room()), async {
        tokio::task::yield_now().await;
        take_some(&recorder).await;
    });
    assert!(begun.is_some());
    assert_eq!(recorder.send.capacity(), MOST_AT_ONCE);
    // Where the rows can't be written, calls go on after a while.
    let stuck = full();
    stuck.room().await;
}

#[tokio::test]
async fn many_rows_are_due_at_once_and_few_in_their_time() {
    let recorder = recorder();
    assert!((0..MANY - 1).all(|number| recorder.push(event(number)).is_none()));
    assert!(recorder.due().now_or_never().is_none(), "they are few");
    recorder.due().await;
    assert!(recorder.push(event(MANY)).is_none());
    assert!(recorder.due().now_or_never().is_some(), "they are many");
}
