//! What was edited does not open, and is proven by nobody.

use super::super::envelope::fields;
use super::*;
use crate::fuzz::{CASES, mutation};

#[test]
fn s15_record() {
    let vault = vault();
    let here = place("cred_1", 4);
    // Within one block of padding, and over two.
    let values = ["hunter2".to_owned(), "hunter2".repeat(50)];
    let sealed = values.map(|value| vault.seal(&here, &value).unwrap().as_bytes().to_vec());
    proptest!(ProptestConfig::with_cases(CASES), |(change in mutation())| {
        let edited = change.of(&sealed);
        let as_sealed = sealed.contains(&edited);
        let opened = vault.open::<String>(&here, &Sealed::new(edited));
        prop_assert_eq!(opened.is_ok(), as_sealed);
    });
}

#[test]
fn s15_record_of_a_data_key() {
    let vault = vault();
    let id = DataKeyId::new(Uuid::from_u128(7));
    let key = vault.make_key(id, KeyOwner::Hub, KeyPurpose::ApiKeys, Millis(0)).unwrap();
    proptest!(ProptestConfig::with_cases(CASES), |(change in mutation())| {
        let edited = Sealed::new(change.of(&[key.wrapped.as_bytes()]));
        let as_wrapped = edited == key.wrapped;
        let unwrapped = vault.master.unwrap(&WrappedKey { wrapped: edited, ..key.clone() });
        prop_assert_eq!(unwrapped.is_ok(), as_wrapped);
    });
}

#[test]
fn s15_associated_data() {
    const PLACES: [&str; 5] = ["cred_1|4|sealed", "cred_1|4|", "", "||", "cred_1|\0\0\0\u{4}|4"];
    let vault = vault();
    proptest!(ProptestConfig::with_cases(CASES), |(one in mutation(), other in mutation())| {
        let (one, other) = (one.text_of(&PLACES), other.text_of(&PLACES));
        let list = |text: &str| fields(&text.split('|').map(str::as_bytes).collect::<Vec<_>>());
        prop_assert_eq!(list(&one) == list(&other), one == other);
        let sealed = vault.seal(&place(&one, 4), &"hunter2").unwrap();
        let opened = vault.open::<String>(&place(&other, 4), &sealed);
        prop_assert_eq!(opened.is_ok(), one == other);
    });
}

#[test]
fn s15_signature_of_an_event() {
    let vault = vault();
    let id = DataKeyId::new(Uuid::from_u128(8));
    vault.install(&vault.make_key(id, KeyOwner::Hub, KeyPurpose::AuditEvents, Millis(0)).unwrap()).unwrap();
    let content = br#"{"action":"secret.revealed","actor":"mbr_1"}"#.to_vec();
    let mac = vault.prove(&content).unwrap();
    proptest!(ProptestConfig::with_cases(CASES), |(change in mutation())| {
        let edited = change.of(&[&content]);
        prop_assert_eq!(vault.is_proven(&edited, &mac), edited == content);
        let edited = change.of(&[&mac]);
        prop_assert_eq!(vault.is_proven(&content, &edited), edited == mac);
    });
}
