//! The history of the database. It imports nothing of ours, so that an old step never changes its meaning.

pub use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait, SchemaManager};

mod index;
mod m20261121_000001_create_tenancy;
mod m20261121_000002_create_catalogue;
mod m20261121_000003_create_credential;
mod m20261121_000004_create_connect;
mod m20261121_000005_create_record;
mod m20261122_000006_guard_refreshes;
mod m20261122_000007_create_webhook;
mod m20261122_000008_create_secret;
mod m20261122_000009_end_credentials;
mod m20261122_000010_tell_reuse_and_change;
mod m20261122_000011_create_member;
mod m20261122_000012_chain_audit;
mod m20261122_000013_log_attempts;
mod m20261122_000015_index_record;
mod m20261122_000017_index_invitation;
mod m20261122_000018_index_status;
mod m20261122_000019_index_live_status;
mod m20261122_000020_close_at_once;
mod m20261122_000021_rotate_data_keys;
mod m20261122_000022_date_known_ends;
mod m20261122_000023_note_own_client;
mod m20261122_000024_mark_turned_connectors;
mod m20261122_000025_search_in_lower_case;
mod m20261122_000026_delete_environments;
mod m20261123_000027_keep_issuers;
mod m20261123_000028_index_revoked_at_app;
mod m20261123_000029_order_lists;
mod m20261123_000030_delete_workspaces;
mod m20261123_000031_count_resealed;
mod m20261123_000032_date_kept_batches;
mod m20261124_000033_index_connector_status;
mod m20261124_000034_index_secret_filters;
mod m20261124_000035_count_to_take_over;

/// Every step, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_tenancy::Migration),
            Box::new(m20261121_000002_create_catalogue::Migration),
            Box::new(m20261121_000003_create_credential::Migration),
            Box::new(m20261121_000004_create_connect::Migration),
            Box::new(m20261121_000005_create_record::Migration),
            Box::new(m20261122_000006_guard_refreshes::Migration),
            Box::new(m20261122_000007_create_webhook::Migration),
            Box::new(m20261122_000008_create_secret::Migration),
            Box::new(m20261122_000009_end_credentials::Migration),
            Box::new(m20261122_000010_tell_reuse_and_change::Migration),
            Box::new(m20261122_000011_create_member::Migration),
            Box::new(m20261122_000012_chain_audit::Migration),
            Box::new(m20261122_000013_log_attempts::Migration),
            Box::new(m20261122_000015_index_record::Migration),
            Box::new(m20261122_000017_index_invitation::Migration),
            Box::new(m20261122_000018_index_status::Migration),
            Box::new(m20261122_000019_index_live_status::Migration),
            Box::new(m20261122_000020_close_at_once::Migration),
            Box::new(m20261122_000021_rotate_data_keys::Migration),
            Box::new(m20261122_000022_date_known_ends::Migration),
            Box::new(m20261122_000023_note_own_client::Migration),
            Box::new(m20261122_000024_mark_turned_connectors::Migration),
            Box::new(m20261122_000025_search_in_lower_case::Migration),
            Box::new(m20261122_000026_delete_environments::Migration),
            Box::new(m20261123_000027_keep_issuers::Migration),
            Box::new(m20261123_000028_index_revoked_at_app::Migration),
            Box::new(m20261123_000029_order_lists::Migration),
            Box::new(m20261123_000030_delete_workspaces::Migration),
            Box::new(m20261123_000031_count_resealed::Migration),
            Box::new(m20261123_000032_date_kept_batches::Migration),
            Box::new(m20261124_000033_index_connector_status::Migration),
            Box::new(m20261124_000034_index_secret_filters::Migration),
            Box::new(m20261124_000035_count_to_take_over::Migration),
        ]
    }
}
