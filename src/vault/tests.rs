use std::sync::Arc;

use proptest::prelude::*;
use secrecy::SecretString;
use uuid::Uuid;
use vouchsafe_entity::id::{DataKeyId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::*;
use crate::random::SystemRandom;

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
        assert_eq!(vault.open::<String>(&elsewhere, &sealed), Err(OpenError::Tag), "{elsewhere:?}");
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let vault = vault();
    let sealed = vault.seal(&place("cred_1", 1), &"hunter2").unwrap();
    for at in 0..sealed.as_bytes().len() {
        for bit in 0..8 {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            assert!(vault.open::<String>(&place("cred_1", 1), &Sealed::new(bytes)).is_err(), "{at} {bit}");
        }
        let cut = Sealed::new(sealed.as_bytes()[..at].to_vec());
        assert!(vault.open::<String>(&place("cred_1", 1), &cut).is_err(), "cut at {at}");
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

proptest! {
    #[test]
    fn any_text_survives_sealing(text in ".{0,600}", version in any::<i64>()) {
        let vault = vault();
        let sealed = vault.seal(&place("cred_1", version), &text).unwrap();
        prop_assert_eq!(vault.open::<String>(&place("cred_1", version), &sealed).unwrap(), text);
    }
}
