//! Many credentials at once: copies of one that was connected in earnest, each with a grant of its own at the fake,
//! written through the store.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use vouchsafe::demo::fake::GrantId;
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL};
use vouchsafe::domain::connector::connector_id;
use vouchsafe::domain::credential::Credential;
use vouchsafe::domain::workspace::Tenant;
use vouchsafe::ids::Ids;
use vouchsafe::service::Parts;
use vouchsafe::store;
use vouchsafe::vault::{Place, Vault};
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::WorkspaceState;

use super::app::TestApp;

/// Rows of one transaction.
const BATCH: usize = 1_000;

/// A copy, and its grant at the fake.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) credential: String,
    pub(crate) grant: GrantId,
}

/// Copies a credential.
pub(crate) struct Copier<'a> {
    app: &'a TestApp,
    parts: Parts,
    ids: Ids,
    model: Credential,
    material: Value,
}

impl<'a> Copier<'a> {
    /// Copies of `credential`, which is one of production of the default workspace.
    pub(crate) async fn of(app: &'a TestApp, credential: &str) -> Self {
        let parts = app.parts().await;
        for key in store::data_key::all(&parts.store).await.unwrap() {
            parts.vault.install(&key).unwrap();
        }
        let tenant = app.hub.operator_in("default", "production").await.unwrap().tenant;
        let id: CredentialId = credential.parse().unwrap();
        let model = store::credential::find(&parts.store, tenant.environment, id).await.unwrap().unwrap();
        let sealed = model.token.sealed.as_ref().unwrap();
        let material = parts.vault.open(&place(tenant, credential, &model), sealed).unwrap();
        let ids = Ids::new(Arc::clone(&parts.clock), Arc::clone(&parts.random));
        Self { app, parts, ids, model, material }
    }

    /// So many in production of the default workspace.
    pub(crate) async fn here(&self, count: usize) -> Vec<Member> {
        let tenant = self.app.hub.operator_in("default", "production").await.unwrap().tenant;
        self.write(tenant, self.model.clone(), count).await
    }

    /// So many in a workspace of their own.
    pub(crate) async fn elsewhere(&self, workspace: &str, count: usize) -> Vec<Member> {
        self.app.hub.create_workspace(workspace, WorkspaceState::Active).await.unwrap();
        let key = self.app.with_key(&self.app.key_of(workspace, "production").await);
        let client =
            json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET});
        key.put("/connectors/fernhill", &client).await.ok(201);
        let user = key.post("/users", &json!({"username": "u-1"})).await.ok(201);
        let tenant = self.app.hub.operator_in(workspace, "production").await.unwrap().tenant;
        // Its key is younger than this vault.
        for key in store::data_key::all(&self.parts.store).await.unwrap() {
            self.parts.vault.install(&key).unwrap();
        }
        let mut model = self.model.clone();
        model.user = user["userId"].as_str().unwrap().parse().unwrap();
        model.connector_id = connector_id(tenant.environment, FERNHILL);
        self.write(tenant, model, count).await
    }

    async fn write(&self, tenant: Tenant, mut model: Credential, count: usize) -> Vec<Member> {
        let mut members = Vec::with_capacity(count);
        let due_at = model.token.due_at.unwrap();
        while members.len() < count {
            let tx = self.parts.store.begin().await.unwrap();
            for _ in members.len()..count.min(members.len() + BATCH) {
                model.id = CredentialId::new(self.ids.next());
                // Spread over a minute, as if they had been connected one after the other.
                let later = 60_000 * members.len() / count;
                model.token.due_at = Some(due_at.plus(i64::try_from(later).unwrap()));
                let (material, grant) = self.granted();
                let id = model.id.to_string();
                let vault: &Vault = &self.parts.vault;
                model.token.sealed = Some(vault.seal(&place(tenant, &id, &model), &material).unwrap());
                store::credential::insert(&tx, tenant.environment, &model).await.unwrap();
                members.push(Member { credential: id, grant });
            }
            tx.commit().await.unwrap();
        }
        members
    }

    /// What a copy holds: tokens of a new grant.
    fn granted(&self) -> (Value, GrantId) {
        let issued = self.app.fake.issue_grant(DEMO_CLIENT_ID, "jo@acme.test", &["profile"]);
        let mut material = self.material.clone();
        material["access_token"] = json!(issued.access_token.expose_secret());
        material["refresh_token"] = json!(issued.refresh_token.unwrap().expose_secret());
        (material, issued.id)
    }
}

fn place<'a>(tenant: Tenant, row: &'a str, credential: &Credential) -> Place<'a> {
    Place {
        workspace: tenant.workspace,
        environment: Some(tenant.environment),
        table: "credential_token",
        column: "sealed",
        row,
        epoch: credential.token.epoch,
        version: credential.token.version,
    }
}
