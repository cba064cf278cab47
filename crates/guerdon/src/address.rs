//! Where each part listens, and the variable that says so.

use crate::settings::Settings;

/// An address to bind.
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For messages.
    pub(crate) variable: &'static str,
}

impl Address {
    pub(crate) fn public(settings: &Settings) -> Self {
        Self::of_gateway(settings, settings.http_port, "HTTP_PORT")
    }

    pub(crate) fn operations(settings: &Settings) -> Self {
        Self::of_gateway(settings, settings.gateway_port, "GATEWAY_PORT")
    }

    fn of_gateway(settings: &Settings, port: u16, variable: &'static str) -> Self {
        let host = settings.gateway_host.as_ref().unwrap_or(&settings.bind_host).clone();
        Self { host, port, variable }
    }

    pub(crate) fn auth(settings: &Settings) -> Self {
        let host = settings.bind_host.clone();
        Self { host, port: settings.auth_service_port, variable: "AUTH_SERVICE_PORT" }
    }

    pub(crate) fn event(settings: &Settings) -> Self {
        let host = settings.bind_host.clone();
        Self { host, port: settings.event_service_port, variable: "EVENT_SERVICE_PORT" }
    }
}
