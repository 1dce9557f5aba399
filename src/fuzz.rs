//! Inputs of the fuzz targets (`security.md`, S15): an entry of a target's corpus, changed at a few places as broken and
//! hostile peers change things. It must not know what a target does with them.
//!
//! The targets are the tests whose names begin with `s15_`; each has its corpus beside it. How many inputs one gets is
//! [`CASES`], or what `PROPTEST_CASES` says.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

/// The inputs of a target.
pub(crate) const CASES: u32 = 2_000;

/// No input has more bytes: beyond every limit on a single value, and quick to read.
const LONGEST: usize = 32 * 1024;

/// What readers of all kinds have stumbled over.
const PLAIN: &str = r#"
    " """ ' \ %00 %2e %2f %25 % . .. ..; / // @ : :443 ; ? # & = , | $ + * ~ -1 0 1e999 0x7f.1 2130706433 127.0.0.1
    [::1] localhost evil.test http:// https:// \u0000 {{ {a} [[ ] } <b> __Host-
"#;
/// The same, of which no file of text should have much.
const ODD: [&[u8]; 12] = [
    b"\0",
    b"\t",
    b"\n",
    b"\r\n",
    b" ",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    "\u{200b}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{3002}".as_bytes(),
    "\u{feff}".as_bytes(),
];
/// The same, so many times: long numbers and names, deep nesting.
const LONG: [(&str, usize); 7] =
    [("9", 400), ("a", 17 * 1024), ("a.", 200), ("../", 50), ("%25", 50), ("[", 200), ("{\"a\":", 100)];

static WORDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let plain = PLAIN.split_ascii_whitespace().map(|word| word.as_bytes().to_vec());
    let odd = ODD.into_iter().map(<[u8]>::to_vec);
    let long = LONG.into_iter().map(|(word, times)| word.repeat(times).into_bytes());
    plain.chain(odd).chain(long).collect()
});

#[derive(Clone, Debug)]
enum Change {
    /// Turns a bit over.
    Flip(Index, u8),
    /// Puts bytes in.
    Insert(Index, Vec<u8>),
    /// Puts a word in.
    Say(Index, Index),
    /// Takes so many bytes out.
    Delete(Index, usize),
    /// Puts so many bytes in a second time, somewhere.
    Repeat(Index, usize, Index),
    /// Goes on, from somewhere, as an entry of the corpus does from somewhere else.
    Splice(Index, Index, Index),
}

impl Change {
    fn apply<E: AsRef<[u8]>>(&self, bytes: &mut Vec<u8>, corpus: &[E]) {
        let length = bytes.len();
        let gap = |at: &Index| at.index(length + 1);
        match self {
            Self::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(gap(at)) {
                    *byte ^= 1_u8 << *bit;
                }
            }
            Self::Insert(at, new) => put(bytes, gap(at), new),
            Self::Say(at, word) => put(bytes, gap(at), word.get::<Vec<u8>>(&WORDS)),
            Self::Delete(at, count) => {
                let from = gap(at);
                bytes.drain(from..(from + count).min(length));
            }
            Self::Repeat(from, count, at) => {
                let from = gap(from);
                let again = bytes[from..(from + count).min(length)].to_vec();
                put(bytes, gap(at), &again);
            }
            Self::Splice(at, entry, from) => {
                let other = entry.get(corpus).as_ref();
                bytes.truncate(gap(at));
                bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    bytes.splice(at..at, new.iter().copied());
}

/// What is made of a corpus.
#[derive(Clone, Debug)]
pub(crate) struct Mutation {
    entry: Index,
    changes: Vec<Change>,
}

impl Mutation {
    /// The input that it makes of `corpus`, which is not empty. One in six is an entry as it is.
    pub(crate) fn of<E: AsRef<[u8]>>(&self, corpus: &[E]) -> Vec<u8> {
        let mut bytes = self.entry.get(corpus).as_ref().to_vec();
        for change in &self.changes {
            change.apply(&mut bytes, corpus);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    /// The same for a target that reads text.
    pub(crate) fn text_of<E: AsRef<[u8]>>(&self, corpus: &[E]) -> String {
        String::from_utf8_lossy(&self.of(corpus)).into_owned()
    }
}

/// Any mutation.
pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let changes = prop::collection::vec(change(), 0..6);
    (any::<Index>(), changes).prop_map(|(entry, changes)| Mutation { entry, changes })
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        2 => (place(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => (place(), prop::collection::vec(any::<u8>(), 1..5)).prop_map(|(at, new)| Change::Insert(at, new)),
        3 => (place(), place()).prop_map(|(at, word)| Change::Say(at, word)),
        2 => (place(), 1..12_usize).prop_map(|(at, count)| Change::Delete(at, count)),
        1 => (place(), 1..40_usize, place()).prop_map(|(from, count, at)| Change::Repeat(from, count, at)),
        1 => (place(), place(), place()).prop_map(|(at, entry, from)| Change::Splice(at, entry, from)),
    ]
}
