//! Members of a workspace, their sessions and invitations; tries to sign in; what the overview counts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob_null, integer, json_binary, text, text_null,
};

use crate::index::index;

/// The step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let settings = json_binary("settings").default("{}").to_owned();
        manager.alter_table(Table::alter().table("workspace").add_column(settings).to_owned()).await?;
        manager.create_table(member()).await?;
        manager.create_index(index("member", &["email"]).unique().to_owned()).await?;
        manager.create_index(index("member", &["subject"]).unique().to_owned()).await?;
        manager.create_table(member_session()).await?;
        manager.create_index(index("member_session", &["hash"]).unique().to_owned()).await?;
        manager.create_index(index("member_session", &["workspace_id", "member_id"])).await?;
        manager.create_index(index("member_session", &["seen_at"])).await?;
        manager.create_table(invitation()).await?;
        manager.create_index(index("invitation", &["hash"]).unique().to_owned()).await?;
        manager.create_index(index("invitation", &["expires_at"])).await?;
        manager.create_table(sign_in_bucket()).await?;
        manager.create_index(index("sign_in_bucket", &["tried_at"])).await?;
        manager.create_table(activity()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["activity", "sign_in_bucket", "invitation", "member_session", "member"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        manager.alter_table(Table::alter().table("workspace").drop_column("settings").to_owned()).await
    }
}

fn in_workspace(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from_tbl(table)
        .from_col("workspace_id")
        .to_tbl("workspace")
        .to_col("id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn member() -> TableCreateStatement {
    Table::create()
        .table("member")
        .col(text("workspace_id"))
        .col(text("id"))
        .col(text("email"))
        .col(text("name"))
        .col(text("role"))
        .col(text_null("password"))
        .col(blob_null("totp"))
        .col(blob_null("totp_next"))
        .col(big_integer_null("totp_step"))
        .col(text_null("subject"))
        .col(big_integer_null("signed_in_at"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("workspace_id").col("id"))
        .foreign_key(&mut in_workspace("member"))
        .to_owned()
}

fn member_session() -> TableCreateStatement {
    Table::create()
        .table("member_session")
        .col(text("workspace_id"))
        .col(text("id"))
        .col(text("member_id"))
        .col(text("hash"))
        .col(text("stage"))
        .col(text_null("address"))
        .col(text_null("agent"))
        .col(big_integer("created_at"))
        .col(big_integer("seen_at"))
        .col(big_integer_null("proven_at"))
        .primary_key(Index::create().col("workspace_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("member_session")
                .from_col("workspace_id")
                .from_col("member_id")
                .to_tbl("member")
                .to_col("workspace_id")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn invitation() -> TableCreateStatement {
    Table::create()
        .table("invitation")
        .col(text("workspace_id"))
        .col(text("id"))
        .col(text_null("email"))
        .col(text("role"))
        .col(text("hash"))
        .col(text_null("invited_by"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .primary_key(Index::create().col("workspace_id").col("id"))
        .foreign_key(&mut in_workspace("invitation"))
        .to_owned()
}

fn sign_in_bucket() -> TableCreateStatement {
    Table::create()
        .table("sign_in_bucket")
        .col(text("key"))
        .col(integer("tries"))
        .col(big_integer("wait_until"))
        .col(big_integer("tried_at"))
        .primary_key(Index::create().col("key"))
        .to_owned()
}

fn activity() -> TableCreateStatement {
    Table::create()
        .table("activity")
        .col(text("environment_id"))
        .col(big_integer("day"))
        .col(text("kind"))
        .col(big_integer("count"))
        .primary_key(Index::create().col("environment_id").col("day").col("kind"))
        .foreign_key(
            ForeignKey::create()
                .from_tbl("activity")
                .from_col("environment_id")
                .to_tbl("environment")
                .to_col("id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
