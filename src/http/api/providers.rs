//! Providers.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Answer;
use crate::http::extract::{Caller, InPath, Listing, NoQuery, ProvidersRead, Segment};
use crate::http::view::{PageOut, PageParams, ProviderOut};

/// Which providers are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ProviderFilter {
    /// Those with this text in name or slug.
    search: Option<String>,
    /// Those of this category.
    category: Option<String>,
}

/// Lists the providers that the hub knows.
#[utoipa::path(
    get, path = "/providers", tag = "providers", security(("key" = ["providers:read"])),
    params(PageParams, ProviderFilter),
    responses((status = 200, description = "A page of providers", body = PageOut<ProviderOut>))
)]
pub(in crate::http) async fn list_providers(
    caller: Caller<ProvidersRead>,
    Listing { page, filter }: Listing<ProviderFilter>,
) -> Answer<PageOut<ProviderOut>> {
    let found = caller.hub.list_providers(filter.search.as_deref(), filter.category.as_deref(), &page)?;
    Ok(Json(PageOut::of(found, |definition| ProviderOut::from(&*definition))))
}

/// Shows a provider.
#[utoipa::path(
    get, path = "/providers/{slug}", tag = "providers", security(("key" = ["providers:read"])),
    params(("slug" = String, Path)),
    responses(
        (status = 200, description = "The provider", body = ProviderOut),
        (status = 404, description = "No such provider")
    )
)]
pub(in crate::http) async fn get_provider(
    caller: Caller<ProvidersRead>,
    InPath(Segment(slug)): InPath<Segment>,
    _: NoQuery,
) -> Answer<ProviderOut> {
    Ok(Json(ProviderOut::from(&*caller.hub.get_provider(&slug)?)))
}
