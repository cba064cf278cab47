use axum::extract::FromRequestParts;
use domain::Faults;
use http::{HeaderName, request::Parts};
use service_kit::problem::Problem;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

const HEADER: HeaderName = HeaderName::from_static("x-token-delivery");

/// The header `X-Token-Delivery`: where the answer has the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenDelivery {
    /// In the body and as a cookie: the header was not given.
    BodyAndCookie,
    /// `cookie`: as a cookie alone. For pages, whose scripts must not see it.
    CookieAlone,
}

impl<S: Sync> FromRequestParts<S> for TokenDelivery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(HEADER).into_iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(Self::BodyAndCookie),
            (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"cookie") => Ok(Self::CookieAlone),
            _ => Err(Faults::new("X-Token-Delivery", "must be `cookie`, given once, or left out").into()),
        }
    }
}

impl IntoParams for TokenDelivery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let value = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["cookie"]));
        let header = ParameterBuilder::new()
            .name("X-Token-Delivery")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The refresh token comes in the cookie alone, out of reach of scripts"))
            .schema(Some(value));
        vec![header.build()]
    }
}
