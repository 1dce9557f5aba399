//! What is sealed opens at its place, under its key and unchanged, or not at all.

use std::sync::Arc;

use proptest::prelude::*;
use secrecy::SecretString;
use uuid::Uuid;
use vouchsafe_entity::id::{DataKeyId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::envelope::{decipher, encipher, encrypt, split};
use super::*;
use crate::random::SystemRandom;

mod fuzz;

/// No sealed value is shorter: version and cipher, the key's id, the nonce and the tag.
const HEAD_AND_TAG: usize = 2 + 16 + 12 + 16;

fn place(row: &str, version: i64) -> Place<'_> {
    Place {
        workspace: WorkspaceId::new(Uuid::from_u128(1)),
        environment: Some(EnvironmentId::new(Uuid::from_u128(2))),
        table: "credential_token",
        column: "sealed",
        row,
        epoch: 1,
        version,
    }
}

fn vault() -> Vault {
    let vault = Vault::new(MasterKeys::one(MasterKey::random("main", &SystemRandom)), Arc::new(SystemRandom));
    let owner = KeyOwner::Environment(EnvironmentId::new(Uuid::from_u128(2)));
    let key =
        vault.make_key(DataKeyId::new(Uuid::from_u128(3)), owner, KeyPurpose::Records, Millis(0)).unwrap();
    vault.install(&key).unwrap();
    vault
}

#[test]
fn what_was_sealed_opens_at_its_place_alone() {
    let vault = vault();
    let sealed = vault.seal(&place("cred_1", 4), &"hunter2").unwrap();
    assert_eq!(vault.open::<String>(&place("cred_1", 4), &sealed).unwrap(), "hunter2");
    for elsewhere in [
        place("cred_2", 4),
        place("cred_1", 5),
        Place { epoch: 2, ..place("cred_1", 4) },
        Place { column: "prev_sealed", ..place("cred_1", 4) },
        Place { table: "connector", ..place("cred_1", 4) },
        Place { environment: None, ..place("cred_1", 4) },
        Place { workspace: WorkspaceId::new(Uuid::from_u128(9)), ..place("cred_1", 4) },
    ] {
        let refused = vault.open::<String>(&elsewhere, &sealed).unwrap_err();
        assert_eq!(refused.why, OpenError::Tag, "{elsewhere:?}");
    }
}

#[test]
fn s4_flipped_bits_and_every_cut_of_20_records_are_refused() {
    let vault = vault();
    for record in 0..20 {
        // Some fill one block of padding, some two or three.
        let value = "x".repeat(record * 30);
        let sealed = vault.seal(&place("cred_1", 1), &value).unwrap();
        let refused =
            |bytes: Vec<u8>| vault.open::<String>(&place("cred_1", 1), &Sealed::new(bytes)).unwrap_err().why;
        for at in 0..sealed.as_bytes().len() {
            let flipped = match at {
                0..2 => OpenError::Version,
                2..18 => OpenError::UnknownKey,
                _ => OpenError::Tag,
            };
            // Another bit in each record: over all of them each bit of a byte.
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[at] ^= 1 << ((at + record) % 8);
            assert_eq!(refused(bytes), flipped, "record {record}, byte {at}");
            let cut = if at < HEAD_AND_TAG { OpenError::Length } else { OpenError::Tag };
            assert_eq!(refused(sealed.as_bytes()[..at].to_vec()), cut, "record {record}, cut at {at}");
        }
    }
}

#[test]
fn what_does_not_open_says_where_it_stands_and_not_what_it_is() {
    let vault = vault();
    let sealed = vault.seal(&place("cred_1", 4), &"hunter2").unwrap();
    let refused = vault.open::<String>(&place("cred_1", 5), &sealed).unwrap_err();
    let data_key = DataKeyId::new(Uuid::from_u128(3));
    let wanted = Unopened {
        table: "credential_token",
        column: "sealed",
        row: "cred_1".to_owned(),
        data_key: Some(data_key),
        why: OpenError::Tag,
    };
    assert_eq!(refused, wanted);
    assert_eq!(
        refused.to_string(),
        "credential_token.sealed of cred_1: the sealed value is not what was sealed here"
    );
    let of_another_shape = vault.open::<u64>(&place("cred_1", 4), &sealed).unwrap_err();
    assert_eq!(of_another_shape.why, OpenError::Content);
    assert!(!format!("{of_another_shape} {of_another_shape:?}").contains("hunter2"));
    let cut = vault.open::<String>(&place("cred_1", 4), &Sealed::new(vec![1])).unwrap_err();
    assert_eq!((cut.data_key, cut.why), (None, OpenError::Length));
}

#[test]
fn a_value_is_sealed_anew_once_its_key_was_replaced_and_opens_as_long_as_that_is_there() {
    let own = vault();
    let owner = KeyOwner::Environment(EnvironmentId::new(Uuid::from_u128(2)));
    let (old, new) = (DataKeyId::new(Uuid::from_u128(3)), DataKeyId::new(Uuid::from_u128(4)));
    let here = place("cred_1", 4);
    let key_of = |sealed: &Sealed| envelope::key_id(sealed).unwrap();
    let before = own.seal(&here, &"hunter2").unwrap();
    own.install(&own.make_key(new, owner, KeyPurpose::Records, Millis(1)).unwrap()).unwrap();
    assert_eq!(key_of(&own.seal(&here, &"a").unwrap()), old, "the new one is made known first");

    let made = own.make_key(old, owner, KeyPurpose::Records, Millis(0)).unwrap();
    let bytes: [u8; 32] = own.ring.by_id(old).unwrap().bytes().try_into().unwrap();
    own.ring.add(&WrappedKey { retired_at: Some(Millis(2)), ..made }, Zeroizing::new(bytes));
    let refused = |vault: &Vault, place: &Place<'_>| {
        assert!(matches!(vault.reseal(place, &before), Err(RewrapError::Open(_))), "{place:?}");
    };
    refused(&own, &place("cred_2", 4));
    // It has another key of the same name.
    refused(&vault(), &here);
    let anew = own.reseal(&here, &before).unwrap();
    assert_eq!((key_of(&anew), anew.as_bytes().len()), (new, before.as_bytes().len()));
    for sealed in [&before, &anew] {
        assert_eq!(own.open::<String>(&here, sealed).unwrap(), "hunter2");
    }

    assert_eq!(own.open_keys(), HashSet::from([old, new]));
    own.forget(&HashSet::from([old]));
    assert!(!own.knows(&before) && own.knows(&anew));
    own.forget(&own.open_keys());
    assert!(!own.knows(&anew) && own.seal(&here, &"a").is_err(), "its owner is gone");
}

/// Wycheproof: what a cipher has to give for a key, a nonce and associated data, and tags that it has to refuse.
#[test]
fn s5_the_cipher_does_as_the_66_vectors_say() {
    use aes_gcm::KeyInit;

    let file: serde_json::Value = serde_json::from_str(include_str!("wycheproof_aes_gcm.json")).unwrap();
    let vectors = file["tests"].as_array().unwrap();
    let mut refused = 0;
    for vector in vectors {
        let part = |name: &str| hex::decode(vector[name].as_str().unwrap()).unwrap();
        let cipher = <aes_gcm::Aes256Gcm as KeyInit>::new_from_slice(&part("key")).unwrap();
        let nonce: [u8; 12] = part("iv").try_into().unwrap();
        let (aad, plain) = (part("aad"), part("msg"));
        let wanted = [part("ct"), part("tag")].concat();
        let opened = decipher(&cipher, nonce, &aad, &wanted).map(|plain| plain.to_vec());
        if vector["result"] == "valid" {
            assert_eq!(encipher(&cipher, nonce, &aad, &plain).unwrap(), wanted, "{vector}");
            assert_eq!(opened, Ok(plain), "{vector}");
        } else {
            assert_eq!(opened, Err(OpenError::Tag), "{vector}");
            refused += 1;
        }
    }
    assert_eq!((vectors.len(), refused), (66, 27));
}

#[test]
fn s5_no_nonce_is_drawn_twice() {
    use aes_gcm::{Aes256Gcm, Key, KeyInit};

    let cipher = <Aes256Gcm as KeyInit>::new(&Key::<Aes256Gcm>::from([7; 32]));
    let key = DataKeyId::new(Uuid::from_u128(3));
    let mut seen = std::collections::HashSet::new();
    for drawn in 0..100_000 {
        let sealed = encrypt(&cipher, key, b"", b"", &SystemRandom).unwrap();
        assert!(seen.insert(split(&sealed).unwrap().0), "the nonce of sealing {drawn} was there before");
    }
}

#[test]
fn the_length_of_a_sealed_value_does_not_tell_what_it_is() {
    let vault = vault();
    let short = vault.seal(&place("cred_1", 1), &"a").unwrap();
    let long = vault.seal(&place("cred_1", 1), &"a".repeat(200)).unwrap();
    assert_eq!(short.as_bytes().len(), long.as_bytes().len());
}

#[test]
fn a_data_key_opens_under_its_own_master_key_alone() {
    let one = vault();
    let owner = KeyOwner::Hub;
    let key =
        one.make_key(DataKeyId::new(Uuid::from_u128(7)), owner, KeyPurpose::ApiKeys, Millis(0)).unwrap();
    assert_eq!(vault().install(&key), Err(OpenError::UnknownKey));
    let moved = WrappedKey { purpose: KeyPurpose::Records, ..key.clone() };
    assert_eq!(one.install(&moved), Err(OpenError::Tag));
    assert_eq!(one.install(&key), Ok(()));
}

#[test]
fn keys_that_nobody_drew_are_refused() {
    let read = |bytes: [u8; 32]| {
        let text =
            format!("main:{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes));
        MasterKeys::parse(&SecretString::from(text)).map(|_| ())
    };
    assert_eq!(read([7; 32]), Err(MasterKeyError::Weak("main".into())));
    assert_eq!(read(*b"correct-horse-battery-staple-123"), Err(MasterKeyError::Weak("main".into())));
    assert_eq!(
        read(std::array::from_fn(|i| b"abcde"[i % 5] ^ 0x80)),
        Err(MasterKeyError::Weak("main".into()))
    );
    assert_eq!(
        MasterKeys::parse(&"main:AAAA".to_owned().into()).map(|_| ()),
        Err(MasterKeyError::Length("main".into()))
    );
    let random = MasterKey::random("a", &SystemRandom).to_text();
    assert!(MasterKeys::parse(&SecretString::from(random.as_str())).is_ok());
    let twice = format!("{},{}", random.as_str(), random.as_str());
    assert_eq!(
        MasterKeys::parse(&SecretString::from(twice)).map(|_| ()),
        Err(MasterKeyError::Repeated("a".into()))
    );
}

/// A place of few, so that two are often alike in all but one part; texts that run together when put side by side.
#[derive(Clone, Debug, PartialEq)]
struct Spot {
    workspace: u128,
    environment: Option<u128>,
    table: &'static str,
    column: &'static str,
    row: String,
    epoch: i64,
    version: i64,
}

impl Spot {
    fn place(&self) -> Place<'_> {
        Place {
            workspace: WorkspaceId::new(Uuid::from_u128(self.workspace)),
            environment: self.environment.map(|id| EnvironmentId::new(Uuid::from_u128(id))),
            table: self.table,
            column: self.column,
            row: &self.row,
            epoch: self.epoch,
            version: self.version,
        }
    }
}

fn spot() -> impl Strategy<Value = Spot> {
    let words = || prop::sample::select(vec!["", "a", "b", "ab"]);
    let environment = prop::option::of(1..=2_u128);
    let parts = (1..=2_u128, environment, words(), words(), "[ab]{0,2}", 0..=1_i64, 0..=1_i64);
    parts.prop_map(|(workspace, environment, table, column, row, epoch, version)| Spot {
        workspace,
        environment,
        table,
        column,
        row,
        epoch,
        version,
    })
}

/// Two places, half of the time alike in all parts but one.
fn two_spots() -> impl Strategy<Value = (Spot, Spot)> {
    (spot(), spot(), 0..14_usize).prop_map(|(one, other, part)| {
        let near = match part {
            0 => Spot { workspace: other.workspace, ..one.clone() },
            1 => Spot { environment: other.environment, ..one.clone() },
            2 => Spot { table: other.table, ..one.clone() },
            3 => Spot { column: other.column, ..one.clone() },
            4 => Spot { row: other.row, ..one.clone() },
            5 => Spot { epoch: other.epoch, ..one.clone() },
            6 => Spot { version: other.version, ..one.clone() },
            _ => other,
        };
        (one, near)
    })
}

/// A vault that has the keys of all these places.
fn vault_of_spots() -> Vault {
    let vault = Vault::new(MasterKeys::one(MasterKey::random("main", &SystemRandom)), Arc::new(SystemRandom));
    for id in 1..=2 {
        let owners = [
            KeyOwner::Workspace(WorkspaceId::new(Uuid::from_u128(id))),
            KeyOwner::Environment(EnvironmentId::new(Uuid::from_u128(id))),
        ];
        for (at, owner) in owners.into_iter().enumerate() {
            let key = DataKeyId::new(Uuid::from_u128(10 * id + at as u128));
            vault.install(&vault.make_key(key, owner, KeyPurpose::Records, Millis(0)).unwrap()).unwrap();
        }
    }
    vault
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1_000), ..ProptestConfig::default() })]

    #[test]
    fn s4_what_was_sealed_at_one_place_opens_at_no_other((one, other) in two_spots()) {
        let vault = vault_of_spots();
        let sealed = vault.seal(&one.place(), &"hunter2").unwrap();
        let opened = vault.open::<String>(&other.place(), &sealed).map_err(|unopened| unopened.why);
        let wanted = if one == other { Ok("hunter2".to_owned()) } else { Err(OpenError::Tag) };
        prop_assert_eq!(opened, wanted);
    }
}

proptest! {
    #[test]
    fn any_text_survives_sealing(text in ".{0,600}", version in any::<i64>()) {
        let vault = vault();
        let sealed = vault.seal(&place("cred_1", version), &text).unwrap();
        prop_assert_eq!(vault.open::<String>(&place("cred_1", version), &sealed).unwrap(), text);
    }
}
