use axum::extract::FromRequestParts;
use domain::Faults;
use http::{HeaderName, HeaderValue, request::Parts};
use service_kit::problem::Problem;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const MOST_CHARACTERS: usize = 255;

/// The header `Idempotency-Key`, by which a claimant recognises a retry: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(HEADER).into_iter();
        match (given.next().map(read_key), given.next()) {
            (None, _) => Ok(Self(None)),
            (Some(Some(key)), None) => Ok(Self(Some(key))),
            (Some(None), None) => {
                Err(Faults::new("Idempotency-Key", "must have 1 to 255 printable ASCII characters").into())
            }
            (Some(_), Some(_)) => Err(Faults::new("Idempotency-Key", "must be given once").into()),
        }
    }
}

fn read_key(value: &HeaderValue) -> Option<String> {
    let printable = |byte: &u8| matches!(byte, b' '..=b'~');
    let key = value.as_bytes();
    let fits = (1..=MOST_CHARACTERS).contains(&key.len());
    if fits && key.iter().all(printable) { value.to_str().ok().map(str::to_owned) } else { None }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        // HTTP takes blanks away from both ends of a header's value (RFC 9110, 5.5).
        let key = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[!-~]([ -~]{0,253}[!-~])?$"))
            .max_length(Some(MOST_CHARACTERS));
        let header = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("Any text of your own, the same for each retry"))
            .schema(Some(key));
        vec![header.build()]
    }
}
