//! The list that begins with the worst, and those of some connectors: each shows what has a status, once, in its order.

use uuid::Uuid;
use vouchsafe::domain::credential::Credential;
use vouchsafe::domain::page::PageRequest;
use vouchsafe::store::credential::CredentialFilter;
use vouchsafe::store::{self, Store};
use vouchsafe_entity::id::ConnectorId;
use vouchsafe_entity::kind::Status;

use super::{NOW, Place, listed};

/// The pages of the list that begins with the worst: each credential once, and of each status the newest first.
pub(super) async fn are_listed_worst_first(store: &Store, place: &Place, all: &[Credential]) {
    let order =
        [Status::Expired, Status::Error, Status::Revoked, Status::Inactive, Status::Pending, Status::Active];
    let rank = |credential: &Credential| {
        let status = credential.health(NOW).status;
        order.iter().position(|one| *one == status).unwrap()
    };
    let mut expected: Vec<_> = all.iter().map(|c| (rank(c), std::cmp::Reverse(c.id.to_string()))).collect();
    expected.sort();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 200, after };
        let any = CredentialFilter::default();
        let page = store::credential::list_worst_first(store, place.environment, &any, NOW, &page).await;
        let page = page.unwrap();
        listed.extend(page.items.iter().map(|c| (rank(c), std::cmp::Reverse(c.id.to_string()))));
        after = page.next_after();
        if after.is_none() {
            break;
        }
    }
    assert!(listed == expected, "{} of {}", listed.len(), expected.len());
}

/// Those of some connectors, of each status and of any.
pub(super) async fn are_found_by_connector(store: &Store, place: &Place, all: &[Credential]) {
    let [on, off, failing] = place.connectors.each_ref().map(|connector| connector.id);
    let many = (0..20).map(|number| ConnectorId::new(Uuid::from_u128(number)));
    let wanted = [vec![on], vec![off], vec![off, failing], many.chain([on]).collect(), Vec::new()];
    let statuses = Status::ALL.iter().copied().map(Some).chain([None]);
    for (status, connectors) in statuses.flat_map(|status| wanted.iter().map(move |some| (status, some))) {
        let fits = |c: &&Credential| {
            connectors.contains(&c.connector_id) && status.is_none_or(|status| c.health(NOW).status == status)
        };
        let mut expected: Vec<String> = all.iter().filter(fits).map(|c| c.id.to_string()).collect();
        expected.sort();
        expected.reverse();
        let connectors = Some(connectors.clone());
        let filter = CredentialFilter { status, connectors, ..CredentialFilter::default() };
        assert!(listed(store, place, &filter).await == expected, "{status:?} of {:?}", filter.connectors);
        let count = store::credential::count(store, place.environment, &filter, NOW, 10_000).await;
        assert_eq!(count.unwrap(), expected.len() as u64, "{status:?} of {:?}", filter.connectors);
    }
}
