//! An index for the open invitations of an address, by which single sign-on finds whom to let in.

use sea_orm_migration::prelude::*;

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index("invitation", &["email", "id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let name = "idx_invitation_email_id";
        manager.drop_index(Index::drop().name(name).table("invitation").to_owned()).await
    }
}
