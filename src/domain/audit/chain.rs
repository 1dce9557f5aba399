//! The hash chain over audit events: events become batches, each batch a head that names the one before it. Whoever
//! holds a head outside the database can tell whether anything before it was changed, moved, added or removed.

use sha2::{Digest, Sha256};
use vouchsafe_entity::id::{AuditEventId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

use super::NOWHERE;

/// SHA-256.
pub type Hash = [u8; 32];

/// The most events of a batch.
pub const MOST_EVENTS: usize = 1_000;

/// The end of a chain so far: the batch that it was made of, and all before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Among the heads of all chains.
    pub seq: i64,
    /// Whose chain; none = the hub itself.
    pub workspace: Option<WorkspaceId>,
    /// Which batch of the chain, from 1.
    pub n: i64,
    /// When the batch was closed.
    pub closed_at: Millis,
    /// Its events.
    pub count: i64,
    /// The Merkle root of their MACs.
    pub root: Hash,
    /// SHA-256 of the head before, `n`, root and count.
    pub head: Hash,
    /// Of [`Head::statement`].
    pub signature: Vec<u8>,
}

/// A batch as it lies in the database.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its head.
    pub head: Head,
    /// Its events, in the order of the tree; none once they were removed.
    pub members: Option<Vec<Member>>,
    /// The hub's statement that it removed the events: when, and signed.
    pub removal: Option<(Millis, Vec<u8>)>,
    /// Whether addresses of its events are kept.
    pub addresses: bool,
    /// The hub's signature under its statement that it erased them.
    pub erasure: Option<Vec<u8>>,
}

/// An event of a batch.
pub type Member = (EnvironmentId, AuditEventId);

/// The chain of what happened in `workspace`. The hub has one for what concerns no workspace and for what no workspace is
/// told.
pub fn of(workspace: Option<WorkspaceId>) -> Option<WorkspaceId> {
    workspace.filter(|id| *id != NOWHERE)
}

/// What a chain begins with, so that no chain can stand in the place of another.
pub fn origin(workspace: Option<WorkspaceId>) -> Hash {
    Sha256::new_with_prefix(b"vs-audit-chain-v1").chain_update(name(workspace)).finalize().into()
}

/// The head after `previous`.
pub fn next(previous: &Hash, n: i64, root: &Hash, count: i64) -> Hash {
    Sha256::new_with_prefix(previous)
        .chain_update(n.to_be_bytes())
        .chain_update(root)
        .chain_update(count.to_be_bytes())
        .finalize()
        .into()
}

/// The root of the Merkle tree over `leaves` (RFC 9162, section 2.1.1).
pub fn merkle_root<L: AsRef<[u8]>>(leaves: &[L]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into(),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            let (left, right) = (merkle_root(left), merkle_root(right));
            Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
        }
    }
}

/// The hash that stands for an address in what is proven of an event.
pub fn address_hash(salt: &[u8], address: &str) -> Hash {
    Sha256::new_with_prefix(salt).chain_update(address).finalize().into()
}

fn name(workspace: Option<WorkspaceId>) -> [u8; 16] {
    workspace.map_or([0; 16], |id| *id.uuid().as_bytes())
}

impl Head {
    /// What is signed of a head.
    pub fn statement(&self) -> Vec<u8> {
        self.say(b"vs-audit-head-v1", self.closed_at)
    }

    /// What is signed where the events of the batch are removed at `at`.
    pub fn removal(&self, at: Millis) -> Vec<u8> {
        self.say(b"vs-audit-removal-v1", at)
    }

    /// What is signed where the addresses of the batch are erased.
    pub fn erasure(&self) -> Vec<u8> {
        self.say(b"vs-audit-erasure-v1", self.closed_at)
    }

    /// Every field has a fixed length.
    fn say(&self, what: &[u8], at: Millis) -> Vec<u8> {
        let mut bytes = what.to_vec();
        bytes.extend_from_slice(&name(self.workspace));
        bytes.extend_from_slice(&self.n.to_be_bytes());
        bytes.extend_from_slice(&at.0.to_be_bytes());
        bytes.extend_from_slice(&self.head);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: Hash) -> String {
        hex::encode(hash)
    }

    #[test]
    fn the_tree_is_that_of_certificate_transparency() {
        // The vectors of the reference implementation of RFC 6962.
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let root = |count: usize| hex(merkle_root(&leaves[..count]));
        assert_eq!(root(0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(root(1), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(root(2), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
        assert_eq!(root(3), "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
        assert_eq!(root(5), "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4");
        assert_eq!(root(8), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn a_head_says_which_chain_which_place_and_how_many() {
        let one = Some(WorkspaceId::new(uuid::Uuid::from_u128(1)));
        let root = merkle_root(&["a", "b"]);
        let head = next(&origin(one), 1, &root, 2);
        for other in [
            next(&origin(None), 1, &root, 2),
            next(&origin(one), 2, &root, 2),
            next(&origin(one), 1, &merkle_root(&["b", "a"]), 2),
            next(&origin(one), 1, &root, 3),
        ] {
            assert_ne!(head, other);
        }
    }
}
