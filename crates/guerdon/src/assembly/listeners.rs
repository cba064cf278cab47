//! Which address each part of a process listens on, and binding it.

use axum::Router;
use service_kit::{health, metrics, server::BoundListener};

use super::{StartError, services::BuiltService};
use crate::settings::{HostName, Settings};

/// A bound address and the name that logs give it.
pub(crate) struct NamedListener {
    pub(crate) name: &'static str,
    pub(crate) bound: BoundListener,
}

/// An address to bind.
struct ListenAddress<'a> {
    host: &'a HostName,
    port: u16,
    /// The variable that sets the port, for messages.
    variable: &'static str,
}

/// The public API first, then the operations address.
pub(super) async fn bind_gateway(
    settings: &Settings,
    gateway: BuiltService,
) -> Result<Vec<NamedListener>, StartError> {
    let host = settings.gateway_host.as_ref().unwrap_or(&settings.bind_host);
    let public = ListenAddress { host, port: settings.http_port, variable: "HTTP_PORT" };
    let operations = ListenAddress { host, port: settings.ports.gateway_port, variable: "GATEWAY_PORT" };
    let operations_router = operations_router(&gateway)?;
    Ok(vec![
        bind_listener("gateway", public, gateway.router).await?,
        bind_listener("operations", operations, operations_router).await?,
    ])
}

pub(super) async fn bind_auth(settings: &Settings, auth: BuiltService) -> Result<NamedListener, StartError> {
    bind_service("auth", settings, settings.ports.auth_service_port, "AUTH_SERVICE_PORT", auth).await
}

pub(super) async fn bind_event(
    settings: &Settings,
    event: BuiltService,
) -> Result<NamedListener, StartError> {
    bind_service("event", settings, settings.ports.event_service_port, "EVENT_SERVICE_PORT", event).await
}

/// A service has one address, with its operations beside its routes.
async fn bind_service(
    name: &'static str,
    settings: &Settings,
    port: u16,
    variable: &'static str,
    service: BuiltService,
) -> Result<NamedListener, StartError> {
    let address = ListenAddress { host: &settings.bind_host, port, variable };
    let router = operations_router(&service)?.merge(service.router);
    bind_listener(name, address, router).await
}

/// `/metrics`, `/healthz` and `/readyz` of a service.
fn operations_router(service: &BuiltService) -> Result<Router, StartError> {
    let metrics = metrics::install().map_err(|error| StartError::Metrics(error.to_string()))?;
    Ok(health::router(metrics, service.dependencies.clone()))
}

async fn bind_listener(
    name: &'static str,
    address: ListenAddress<'_>,
    router: Router,
) -> Result<NamedListener, StartError> {
    let ListenAddress { host, port, variable } = address;
    match BoundListener::bind(&host.to_string(), port, router).await {
        Ok(bound) => Ok(NamedListener { name, bound }),
        Err(source) => {
            Err(StartError::Bind { address: format!("{}:{port}", host.url_host()), variable, source })
        }
    }
}
