//! The journal over restarts, torn writes and full segments.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::segment::Record;
use super::*;
use crate::fuzz::{CASES, mutation};

fn open(directory: &TempDir) -> Journal {
    Journal::open(&directory.path().join("journal"), || "node_1".to_owned()).expect("a journal")
}

fn numbers(journal: &Journal) -> Vec<u64> {
    journal.waiting()
}

#[tokio::test]
async fn what_is_not_done_is_there_after_a_restart() {
    let directory = TempDir::new().expect("a directory");
    let journal = open(&directory);
    assert!(journal.takes() && journal.waiting().is_empty());
    let first = journal.append(b"first".to_vec()).await.expect("written");
    let second = journal.append(b"second".to_vec()).await.expect("written");
    journal.done(first);
    drop(journal);

    let journal = Journal::open(&directory.path().join("journal"), || unreachable!("the node has its id"));
    let journal = journal.expect("a journal");
    assert_eq!(journal.node(), "node_1");
    // The mark may still have been on its way when the journal closed; the entry that waits must be there.
    assert!(journal.waiting().contains(&second));
    assert_eq!(journal.entry(second).await.expect("an entry").bytes, b"second");
    let third = journal.append(b"third".to_vec()).await.expect("written");
    assert!(third > second, "numbers are not used twice");
}

#[tokio::test]
async fn a_torn_tail_is_ignored_and_written_over() {
    let directory = TempDir::new().expect("a directory");
    let journal = open(&directory);
    journal.append(b"whole".to_vec()).await.expect("written");
    journal.append(b"torn by the crash".to_vec()).await.expect("written");
    drop(journal);
    let path = directory.path().join("journal/segment-0");
    let file = OpenOptions::new().read(true).write(true).open(&path).expect("a segment");
    assert_eq!(file.metadata().expect("metadata").permissions().mode() & 0o777, 0o600);
    let torn = (16 + segment::size(5) + segment::size(9)) as u64;
    file.write_all_at(b"#", torn).expect("damage");

    let journal = open(&directory);
    assert_eq!(journal.waiting(), [1]);
    assert_eq!(journal.entry(1).await, Some(Entry { number: 1, bytes: b"whole".to_vec() }));
    journal.append(b"next".to_vec()).await.expect("written");
    drop(journal);
    assert_eq!(open(&directory).waiting().len(), 2);
}

#[tokio::test]
async fn what_stands_behind_damage_is_read_and_not_written_over() {
    let directory = TempDir::new().expect("a directory");
    let journal = open(&directory);
    for bytes in [b"first", b"other", b"third"] {
        journal.append(bytes.to_vec()).await.expect("written");
    }
    drop(journal);
    let path = directory.path().join("journal/segment-0");
    let file = OpenOptions::new().write(true).open(&path).expect("a segment");
    // The length of the second record, so that not even its end is known.
    file.write_all_at(&[0xff; 4], (16 + segment::size(5)) as u64).expect("damage");

    let journal = open(&directory);
    assert_eq!(numbers(&journal), [1, 3]);
    assert_eq!(journal.append(b"fourth".to_vec()).await.expect("written"), 4);
    drop(journal);
    assert_eq!(numbers(&open(&directory)), [1, 3, 4]);
}

#[test]
fn what_a_crash_left_behind_damage_takes_the_place_of_nothing() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("segment-0");
    let (mut written, _) = Segment::open(&path).expect("a segment");
    written.reset(1).expect("begun");
    for (number, text) in [(1, Some("told")), (9, Some("damaged")), (1, Some("stale")), (1, None)] {
        written.append(number, text.map(str::as_bytes)).expect("written");
    }
    for (number, text) in [(2, Some("behind")), (3, Some("done")), (3, None), (u64::MAX, Some("last"))] {
        written.append(number, text.map(str::as_bytes)).expect("written");
    }
    let file = OpenOptions::new().write(true).open(&path).expect("a segment");
    file.write_all_at(b"#", (16 + segment::size(4) + segment::size(0)) as u64).expect("damage");

    let (read, records) = Segment::open(&path).expect("a segment");
    let told: Vec<_> = records.iter().map(|record| (record.number, record.entry.is_some())).collect();
    assert_eq!(told, [(1, true), (2, true), (3, true), (3, false)]);
    let (offset, length) = records[0].entry.expect("an entry");
    assert_eq!(read.read(offset, length).expect("its bytes"), b"told");
}

#[tokio::test]
async fn segments_are_used_in_turn_and_what_waits_moves_along() {
    let directory = TempDir::new().expect("a directory");
    let journal = open(&directory);
    let held = journal.append(b"held".to_vec()).await.expect("written");
    // Three segments' worth, each done at once.
    for _ in 0..3 * (segment::ROOM / 100_000) {
        let number = journal.append(vec![7; 100_000]).await.expect("written");
        journal.done(number);
    }
    assert!(journal.takes());
    drop(journal);
    let journal = open(&directory);
    assert!(numbers(&journal).contains(&held), "{:?}", numbers(&journal));
    assert_eq!(journal.entry(held).await.expect("an entry").bytes, b"held");
}

#[tokio::test]
async fn a_journal_full_of_what_waits_takes_no_more() {
    let directory = TempDir::new().expect("a directory");
    let journal = open(&directory);
    let mut kept = Vec::new();
    let refused = loop {
        match journal.append(vec![1; MAX_ENTRY]).await {
            Ok(number) => kept.push(number),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, JournalError::Full), "{refused}");
    assert!(!journal.takes());
    assert!(kept.len() >= 8, "{} entries", kept.len());
    drop(journal);
    let journal = open(&directory);
    assert_eq!(numbers(&journal), kept, "nothing was written over");
    assert!(!journal.takes(), "it is as full as it was");
    // Done is done, and there is room again before anybody appends: nobody does while there is none.
    for number in kept {
        journal.done(number);
    }
    let room = async {
        while !journal.takes() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), room).await.expect("room");
    journal.append(b"again".to_vec()).await.expect("room");
    assert!(journal.takes());
}

/// Waits until the thread has done what was asked of it.
async fn settled(journal: &Journal, done: impl Fn(&Journal) -> bool) {
    let settling = async {
        while !done(journal) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), settling).await.expect("done");
}

#[tokio::test]
async fn what_is_set_aside_takes_no_room_and_is_there_after_a_restart() {
    let directory = TempDir::new().expect("a directory");
    let unread = directory.path().join("journal/unread");
    let journal = open(&directory);
    let mut kept = Vec::new();
    // As much as both segments hold, three times over.
    for _ in 0..6 * segment::ROOM / MAX_ENTRY {
        let number = journal.append(vec![7; MAX_ENTRY]).await.expect("room");
        journal.set_aside(number);
        kept.push(number);
    }
    settled(&journal, |journal| kept.iter().all(|number| journal.is_aside(*number))).await;
    assert!(journal.takes());
    let first = kept[0];
    assert!(journal.is_aside(first) && journal.length(first) == Some(MAX_ENTRY));
    assert_eq!(journal.entry(first).await.expect("an entry").bytes, vec![7; MAX_ENTRY]);
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!((mode(&unread), mode(&unread.join(first.to_string()))), (0o700, 0o600));
    journal.done(first);
    settled(&journal, |journal| journal.length(first).is_none()).await;
    assert!(!unread.join(first.to_string()).exists() && journal.entry(first).await.is_none());
    drop(journal);

    // A crash in the middle of a write.
    fs::write(unread.join("unfinished"), b"half").expect("written");
    let journal = open(&directory);
    assert_eq!(numbers(&journal), kept[1..]);
    assert!(journal.takes() && !unread.join("unfinished").exists());
    let last = kept.last().copied().expect("a number");
    assert!(journal.append(b"next".to_vec()).await.expect("room") > last, "numbers are not used twice");
}

#[test]
fn what_could_not_be_set_aside_stays_where_it_is_and_is_one_though_it_stands_twice() {
    let directory = TempDir::new().expect("a directory");
    let unread = directory.path().join("unread");
    let open = || {
        let segment = |name: &str| Segment::open(&directory.path().join(name)).expect("a segment");
        let ((first, old), (second, new)) = (segment("segment-0"), segment("segment-1"));
        let (aside, found) = Aside::open(&unread).expect("a directory");
        Writer::new([first, second], &[old, new], aside, found).expect("a writer")
    };
    let mut writer = open();
    let state = State::default();
    for _ in 0..2 {
        let (reply, _written) = oneshot::channel();
        writer.work_off(VecDeque::from([Order::Append(b"unread".to_vec(), reply)]), &state);
    }
    fs::remove_dir(&unread).expect("removed");
    writer.work_off(VecDeque::from([Order::SetAside(1), Order::SetAside(2)]), &state);
    writer.set_next_aside(&state);
    assert_eq!(writer.live.keys().copied().collect::<Vec<_>>(), [1, 2]);
    drop(writer);

    // Stopped between the file and the mark.
    fs::create_dir(&unread).and_then(|()| fs::write(unread.join("1"), b"unread")).expect("written");
    let waiting = open().waiting().expect("its bytes");
    assert_eq!(waiting.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(waiting[&1], Waiting::Aside { .. }) && matches!(waiting[&2], Waiting::Here(_)));
    fs::remove_file(unread.join("1")).expect("removed");
    assert!(!open().waiting().expect("its bytes").contains_key(&1), "it was marked after the crash");
}

#[tokio::test]
async fn too_large_an_answer_is_refused() {
    let directory = TempDir::new().expect("a directory");
    let journal = open(&directory);
    assert!(matches!(journal.append(vec![0; MAX_ENTRY + 1]).await, Err(JournalError::Full)));
    assert!(journal.takes());
}

/// The bytes of a segment with `entries` of which the first is done, and each record with where it ends.
fn segment_of(path: &Path, generation: u64, entries: &[&[u8]]) -> (Vec<u8>, Vec<(Record, usize)>) {
    let (mut written, _) = Segment::open(path).expect("a segment");
    written.reset(generation).expect("begun");
    for (number, bytes) in (1..).zip(entries.iter().copied()) {
        written.append(number, Some(bytes)).expect("written");
    }
    written.append(1, None).expect("written");
    let (read, records) = Segment::open(path).expect("a segment");
    assert_eq!(records.len(), entries.len() + 1);
    let mut end = 16;
    let mut ends = Vec::new();
    for record in records {
        end += segment::size(record.entry.map_or(0, |(_, length)| length));
        ends.push((record, end));
    }
    (read.read(0, end).expect("its bytes"), ends)
}

#[test]
fn s15_journal() {
    let directory = TempDir::new().expect("a directory");
    let [path, beside] = ["segment-0", "segment-1"].map(|name| directory.path().join(name));
    let entries: [&[u8]; 5] = [b"first", b"", &[7; 300], b"fourth", b"fifth"];
    let corpus = [segment_of(&path, 1, &entries), segment_of(&path, 2, &entries[..3])];
    let texts = corpus.each_ref().map(|(bytes, _)| bytes);
    let file = OpenOptions::new().write(true).open(&path).expect("a segment");
    // It opens files.
    proptest!(ProptestConfig::with_cases(CASES / 4), |(change in mutation())| {
        let mut damaged = change.of(&texts);
        let tails = texts.map(|text| {
            text.iter().rev().zip(damaged.iter().rev()).take_while(|(a, b)| a == b).count()
        });
        // As long as the longest, so that nothing of the one before is left.
        damaged.resize(64 * 1024, 0);
        file.write_all_at(&damaged, 0).expect("damage");
        let (read, records) = Segment::open(&path).expect("a segment");
        for ((bytes, ends), tail) in corpus.iter().zip(tails) {
            // What stands before the damage is there.
            let same = bytes.iter().zip(&damaged).take_while(|(a, b)| a == b).count();
            let whole: Vec<_> = ends.iter().filter(|(_, end)| *end <= same).map(|(record, _)| *record).collect();
            prop_assert!(records.starts_with(&whole), "{:?}", records);
            // So is what stands behind it, where the segment is still the same.
            let behind = ends.iter().filter_map(|(record, end)| Some((record.number, record.entry?.1, *end)));
            for (number, length, end) in behind.filter(|_| same >= 16) {
                let there = records.iter().any(|found| {
                    found.number == number && found.entry.is_some_and(|(_, found)| found == length)
                });
                let whole = end - segment::size(length) >= bytes.len() - tail;
                prop_assert!(there || !whole, "{} of {:?}", number, records);
            }
        }
        // Nothing is there that nobody wrote.
        for record in &records {
            let written = match record.entry {
                None => record.number == 1,
                Some((offset, length)) => {
                    let bytes = read.read(offset, length).expect("its bytes");
                    (1..).zip(entries).any(|(number, entry)| number == record.number && entry == bytes)
                }
            };
            prop_assert!(written, "{:?}", record);
        }
        let (other, _) = Segment::open(&beside).expect("a segment");
        let (aside, unread) = Aside::open(&directory.path().join("unread")).expect("a directory");
        let writer = Writer::new([read, other], &[records, Vec::new()], aside, unread).expect("a writer");
        prop_assert!(writer.waiting().expect("its bytes").len() <= entries.len());
    });
}

#[test]
fn an_operator_is_told_once_that_it_is_full() {
    let directory = TempDir::new().expect("a directory");
    let segment = |name: &str| Segment::open(&directory.path().join(name)).expect("a segment");
    let ((first, old), (second, new)) = (segment("segment-0"), segment("segment-1"));
    let (aside, unread) = Aside::open(&directory.path().join("unread")).expect("a directory");
    let mut writer = Writer::new([first, second], &[old, new], aside, unread).expect("a writer");
    let state = State::default();
    let write = |writer: &mut Writer| {
        let (reply, _written) = oneshot::channel();
        writer.work_off(VecDeque::from([Order::Append(vec![1; MAX_ENTRY], reply)]), &state);
    };
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = |times: usize, waiting: usize| {
        let text = recorder.handle().render();
        assert!(
            text.contains(&format!("vouchsafe_alerts_total{{kind=\"journal_full\"}} {times}\n")),
            "{text}"
        );
        assert!(text.contains(&format!("vouchsafe_journal_waiting {waiting}\n")), "{text}");
    };
    metrics::with_local_recorder(&recorder, || {
        while !state.full.load(Ordering::Acquire) {
            write(&mut writer);
        }
        write(&mut writer);
        let waiting: Vec<u64> = writer.live.keys().copied().collect();
        told(1, waiting.len());
        writer.work_off(waiting.into_iter().map(Order::Done).collect(), &state);
        assert!(!state.full.load(Ordering::Acquire));
        told(1, 0);
    });
}
