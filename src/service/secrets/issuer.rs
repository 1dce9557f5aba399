//! Which providers issued secrets. They are kept beside the name, so that a definition that goes away does not make a
//! secret of its issuer one that goes anywhere. What that means for a use is not decided here.

use std::collections::{BTreeMap, HashMap};

use crate::provider::is_called;
use crate::service::{Error, Hub};
use crate::store;

/// So many issuers are looked up together.
const BATCH: i64 = 1_000;

impl Hub {
    /// The slugs of the providers that an issuer names now; none where it is free text.
    pub(super) fn slugs_of_issuer(&self, issuer: Option<&str>) -> Vec<String> {
        let providers = self.providers();
        let named = issuer.map_or(&[][..], |issuer| providers.named(issuer));
        named.iter().map(|definition| definition.slug().to_owned()).collect()
    }

    /// Keeps the providers of secrets beside which none is kept yet: those that their issuers name now, or by their slug
    /// when the definitions `last` were in force.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(in crate::service) async fn keep_issuers(&self, last: &HashMap<String, String>) -> Result<(), Error> {
        let mut found: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        let mut after = String::new();
        loop {
            let page = store::secret::issuers_of_none(&self.store, &after, BATCH).await?;
            let Some(end) = page.last() else { break };
            after.clone_from(end);
            for issuer in page {
                let mut slugs = self.slugs_of_issuer(Some(&issuer));
                if slugs.is_empty() {
                    slugs.extend(last.keys().filter(|slug| is_called(slug, &issuer)).cloned());
                }
                if !slugs.is_empty() {
                    found.entry(slugs).or_default().push(issuer);
                }
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let tx = self.store.begin().await?;
        for (slugs, issuers) in found {
            store::secret::keep_issuers(&tx, issuers, slugs).await?;
        }
        Ok(tx.commit().await?)
    }
}
