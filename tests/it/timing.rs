//! S7: how long a refusal takes does not tell how much of a guess was right. Times are compared in the nightly run alone;
//! a commit makes a few of the same calls and looks at their answers.
//!
//! A sign-in is measured where its time goes, in the comparison of a password: more of them than the limit of tries lets
//! through are needed.

use std::time::Instant;

use vouchsafe::random::{Random, SystemRandom};
use vouchsafe::secret::{PlainApiKey, PlainPassword};
use vouchsafe::service::{Code, Hub};

use crate::support::app::TestApp;
use crate::support::scale::{count, is_nightly};

/// A larger t of Welch is no chance: seven of a million pairs of equal samples have one.
const MOST: f64 = 4.5;
/// What two kinds of calls may take longer one than the other, in nanoseconds.
const APART: f64 = 5_000_000.0;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Of the end of a key: what its prefix does not show, and the checksum.
const HIDDEN: usize = 35;
const CHECKSUM: usize = 6;

/// Mean and variance of what has been added so far.
#[derive(Default)]
struct Sample {
    size: f64,
    mean: f64,
    squares: f64,
}

impl Sample {
    fn of(values: impl IntoIterator<Item = u32>) -> Self {
        let mut sample = Self::default();
        for value in values.into_iter().map(f64::from) {
            let distance = value - sample.mean;
            sample.size += 1.0;
            sample.mean += distance / sample.size;
            sample.squares += distance * (value - sample.mean);
        }
        sample
    }

    /// The variance of the mean.
    fn uncertainty(&self) -> f64 {
        self.squares / (self.size - 1.0) / self.size
    }
}

/// How far the means of two kinds of calls in nanoseconds are apart, and Welch's t of them. The slowest twentieth of all
/// tells of the machine and is left out.
fn compared(times: &[[u32; 2]]) -> (f64, f64) {
    let mut all: Vec<u32> = times.iter().flatten().copied().collect();
    all.sort_unstable();
    let slow = all[all.len() * 19 / 20];
    let [one, other] =
        [0, 1].map(|kind| Sample::of(times.iter().map(|pair| pair[kind]).filter(|time| *time < slow)));
    let apart = one.mean - other.mean;
    (apart, apart / (one.uncertainty() + other.uncertainty()).sqrt())
}

/// Nanoseconds since `began`.
fn since(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX)
}

/// Which of two comes first this time: what the first leaves warm must not serve one of them alone.
fn first() -> usize {
    let random: &dyn Random = &SystemRandom;
    usize::from(random.bytes::<1>()[0] & 1)
}

fn judge(what: &str, times: &[[u32; 2]]) {
    if is_nightly() {
        let (apart, t) = compared(times);
        eprintln!("{what}: {apart:.0} ns apart, t = {t:.2} of {} pairs", times.len());
        assert!(t.abs() < MOST, "{what}: t = {t:.2}");
        // S16, which asks for less.
        assert!(apart.abs() < APART, "{what}: {apart:.0} ns apart");
    }
}

/// A key that begins like `key` as far as anybody is shown it, and goes on otherwise. Its checksum is right.
fn like(key: &str) -> String {
    let other = PlainApiKey::random("production", &SystemRandom);
    let other = other.expose();
    let hidden = &other[other.len() - CHECKSUM - HIDDEN..other.len() - CHECKSUM];
    let mut forged = format!("{}{hidden}", &key[..key.len() - CHECKSUM - HIDDEN]);
    let mut rest = crc32fast::hash(forged.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    forged.extend(digits.map(char::from));
    assert!(PlainApiKey::parse(&forged).is_some(), "the checksum is right");
    forged
}

/// How long the refusal of a key takes.
async fn refused(hub: &Hub, key: &str) -> u32 {
    let began = Instant::now();
    let answer = hub.authenticate(key, None).await;
    let took = since(began);
    let code = answer.err().and_then(|error| error.code());
    assert_eq!(code, Some(Code::Unauthenticated));
    took
}

#[tokio::test]
async fn s7_a_key_of_a_known_prefix_is_refused_as_fast_as_any_other() {
    let Some(app) = TestApp::start().await else { return };
    let pairs = count(20, 500_000);
    let mut times = Vec::with_capacity(pairs);
    for _ in 0..pairs {
        let unknown = PlainApiKey::random("production", &SystemRandom).expose().to_owned();
        let keys = [like(app.key()), unknown];
        let mut pair = [0; 2];
        let first = first();
        for kind in [first, 1 - first] {
            pair[kind] = refused(&app.hub, &keys[kind]).await;
        }
        times.push(pair);
    }
    judge("keys", &times);
}

#[test]
fn s7_a_password_of_nobody_is_compared_as_long_as_a_members() {
    let hash = PlainPassword::typed("correct horse battery").hash(&SystemRandom).unwrap();
    let guess = PlainPassword::typed("not the password");
    let pairs = count(1, 2_000);
    let mut times = Vec::with_capacity(pairs);
    for _ in 0..pairs {
        let stored = [Some(&hash), None];
        let mut pair = [0; 2];
        let first = first();
        for kind in [first, 1 - first] {
            let began = Instant::now();
            assert!(!guess.is_of(stored[kind]));
            pair[kind] = since(began);
        }
        times.push(pair);
    }
    judge("passwords", &times);
}

#[test]
fn welchs_t_tells_samples_apart_that_differ() {
    let times = |shift: u32| (0..1_000).map(|n| [100 + n % 7, 100 + n % 7 + shift]).collect::<Vec<_>>();
    assert!(compared(&times(0)).1.abs() < MOST);
    assert!(compared(&times(3)).1 < -MOST);
}
