use std::sync::Arc;

use service_kit::{access_token::AccessTokenKey, ratelimit::RateLimits};

use crate::{
    activities::LoginActivities, client_address::ClientAddressRule, origins::AllowedOrigins,
    routes::ServiceName, sessions::SessionLookup, subjects::SubjectLookup, uploads::UploadTurns,
    upstream::Upstream,
};

/// What the gateway works with.
#[derive(Debug)]
pub struct Gateway {
    /// Answers users and sessions.
    pub auth: Upstream,
    /// Answers events, rewards and claims.
    pub event: Upstream,
    /// Checks access tokens.
    pub tokens: AccessTokenKey,
    /// Asks whether sessions are current and API keys count.
    pub sessions: SessionLookup,
    /// Looks up the users whom requests are about.
    pub subjects: SubjectLookup,
    /// How often who may do what.
    pub limits: Arc<dyn RateLimits>,
    /// How clients are told apart.
    pub clients: ClientAddressRule,
    /// The origins whose pages may call the API.
    pub origins: AllowedOrigins,
    /// Where logins are noted.
    pub logins: LoginActivities,
    /// Whose turn it is to send a large body.
    pub uploads: UploadTurns,
}

impl Gateway {
    /// Where the requests of a service go.
    pub(crate) fn upstream(&self, service: ServiceName) -> &Upstream {
        match service {
            ServiceName::Auth => &self.auth,
            ServiceName::Event => &self.event,
        }
    }
}
