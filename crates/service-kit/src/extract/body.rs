use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
};
use bytes::Bytes;
use deserr::Deserr;
use domain::{Faults, normalise_numbers};
use http::{HeaderMap, header};
use serde_json::Value;

use super::json::read_value;
use crate::problem::{Problem, ProblemCode};

/// The largest body any route takes, in bytes. The gateway's table sets tighter limits per route.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The largest body of lines that a route takes, in bytes.
pub const MAX_UPLOAD_BYTES: usize = 32 * 1024 * 1024;

/// A JSON body, read and checked as a whole: every fault is told at once.
///
/// It must be declared as JSON and have no content encoding (415), and be JSON (400 `MALFORMED_BODY`) in which no object has
/// a name twice (400 `VALIDATION_FAILED`, as for faults in its fields).
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: Deserr<Faults>, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_media_type(&parts.headers)?;
        read_fields(&read_bytes(body, MAX_BODY_BYTES).await?).map(Self)
    }
}

/// A JSON body where none at all stands for the default. White space and `{}` are as good as none, however
/// they are declared: clients send them with a POST that has nothing to say.
#[derive(Debug)]
pub struct OptionalJsonBody<T>(pub T);

impl<T: Deserr<Faults> + Default, S: Send + Sync> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_bytes(body, MAX_BODY_BYTES).await?;
        if is_nothing(&bytes) {
            return Ok(Self(T::default()));
        }
        check_media_type(&parts.headers)?;
        read_fields(&bytes).map(Self)
    }
}

/// Whether a body is empty, white space, or a JSON object with nothing in it.
pub(super) fn is_nothing(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.is_empty()
        || body
            .strip_prefix(b"{")
            .and_then(|rest| rest.strip_suffix(b"}"))
            .is_some_and(|inside| inside.trim_ascii().is_empty())
}

/// A JSON body whose parts its handler judges one by one, so that a fault in one spoils no other: numbers in it are as they
/// were written. Otherwise as [`JsonBody`].
#[derive(Debug)]
pub struct JsonPartsBody(pub Value);

impl<S: Send + Sync> FromRequest<S> for JsonPartsBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_media_type(&parts.headers)?;
        let (value, faults) = read_json(&read_bytes(body, MAX_BODY_BYTES).await?)?;
        if faults.is_empty() { Ok(Self(value)) } else { Err(Problem::invalid(faults)) }
    }
}

/// A JSON body, as [`JsonBody`] reads it, or one of lines that is declared as `text/csv`.
#[derive(Debug)]
pub enum JsonOrCsvBody<T> {
    /// Fields.
    Json(T),
    /// Lines, as they came.
    Csv(Bytes),
}

impl<T: Deserr<Faults>, S: Send + Sync> FromRequest<S> for JsonOrCsvBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_csv(request.headers()) {
            return JsonBody::from_request(request, state).await.map(|JsonBody(fields)| Self::Json(fields));
        }
        let (parts, body) = request.into_parts();
        refuse_encoding(&parts.headers)?;
        read_bytes(body, MAX_UPLOAD_BYTES).await.map(Self::Csv)
    }
}

/// Whether a body is declared as lines of comma-separated values.
pub fn is_csv(headers: &HeaderMap) -> bool {
    media_type(headers) == "text/csv"
}

/// The whole body, or 413 if it has more than `most` bytes.
pub(super) async fn read_bytes(body: Body, most: usize) -> Result<Bytes, Problem> {
    to_bytes(body, most).await.map_err(|_| Problem::new(ProblemCode::BodyTooLarge))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    refuse_encoding(headers)?;
    if is_json(headers) {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::UnsupportedMediaType).detail("The body must be application/json"))
}

fn refuse_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(());
    }
    let unsupported = Problem::new(ProblemCode::UnsupportedMediaType);
    Err(unsupported.detail("The body must have no content encoding"))
}

/// Whether the body is declared as JSON (`application/json` or `application/…+json`).
fn is_json(headers: &HeaderMap) -> bool {
    let essence = media_type(headers);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// In small letters and without parameters.
fn media_type(headers: &HeaderMap) -> String {
    let declared =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn read_json(text: &[u8]) -> Result<(Value, Faults), Problem> {
    read_value(text).map_err(|error| {
        Problem::new(ProblemCode::MalformedBody).detail(format!("The body is not valid JSON: {error}"))
    })
}

fn read_fields<T: Deserr<Faults>>(text: &[u8]) -> Result<T, Problem> {
    let (mut value, mut faults) = read_json(text)?;
    if let Err(others) = normalise_numbers(&mut value) {
        faults.extend(others.into_vec());
    }
    match deserr::deserialize::<T, _, Faults>(value) {
        Ok(fields) if faults.is_empty() => Ok(fields),
        Ok(_) => Err(Problem::invalid(faults)),
        Err(others) => {
            faults.extend(others.into_vec());
            Err(Problem::invalid(faults))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserr)]
    #[deserr(error = Faults, deny_unknown_fields)]
    struct Wish {
        name: String,
        count: u32,
    }

    fn request(content_type: &str, body: impl Into<Body>) -> Request {
        Request::builder().header(header::CONTENT_TYPE, content_type).body(body.into()).unwrap()
    }

    async fn read(request: Request) -> Result<Wish, (u16, Value)> {
        match JsonBody::from_request(request, &()).await {
            Ok(JsonBody(wish)) => Ok(wish),
            Err(problem) => {
                let response = problem.into_response_for("r-1").into_response();
                let status = response.status().as_u16();
                let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
                Err((status, serde_json::from_slice(&body).unwrap()))
            }
        }
    }

    async fn read_json(body: impl Into<Body>) -> Result<Wish, (u16, Value)> {
        read(request("application/json", body)).await
    }

    #[tokio::test]
    async fn a_body_is_read_if_it_is_declared_as_json() {
        let body = r#"{"name":"x","count":10.0}"#;
        for declared in
            ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
        {
            let wish = read(request(declared, body)).await.unwrap();
            assert_eq!(wish, Wish { name: "x".into(), count: 10 }, "{declared}");
        }
        for declared in ["text/plain", "text/json", "application/x-www-form-urlencoded", ""] {
            let (status, body) = read(request(declared, body)).await.unwrap_err();
            assert_eq!((status, &body["code"]), (415, &json!("UNSUPPORTED_MEDIA_TYPE")), "{declared}");
        }
    }

    #[tokio::test]
    async fn a_content_encoding_is_not_supported() {
        let mut gzip = request("application/json", "{}");
        gzip.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(read(gzip).await.unwrap_err().0, 415);
    }

    #[tokio::test]
    async fn repeated_names_and_faults_of_fields_are_told_together() {
        let (status, body) = read_json(r#"{"name":"a","name":"b","count":-1,"more":0}"#).await.unwrap_err();
        assert_eq!((status, &body["code"]), (400, &json!("VALIDATION_FAILED")));
        let pointers: Vec<_> =
            body["errors"].as_array().unwrap().iter().map(|fault| &fault["pointer"]).collect();
        assert!(pointers.contains(&&json!("/name")), "{body}");
        assert!(pointers.contains(&&json!("/count")) && pointers.contains(&&json!("/more")), "{body}");
        let (status, _) = read_json(r#"{"name":"a","count":1,"count":1}"#).await.unwrap_err();
        assert_eq!(status, 400);
    }

    #[tokio::test]
    async fn what_is_no_json_is_told_with_its_place() {
        let (status, body) = read_json("{\"name\":\n x}").await.unwrap_err();
        assert_eq!((status, &body["code"]), (400, &json!("MALFORMED_BODY")));
        assert!(body["detail"].as_str().unwrap().contains("line 2 column 2"), "{body}");
    }

    #[tokio::test]
    async fn a_body_of_faults_is_never_answered_by_more_than_64_kib() {
        let unknown: Vec<_> = (0..20_000).map(|n| format!("\"field{n}\":0,")).collect();
        let unknown = format!("{{{}\"name\":\"x\",\"count\":1}}", unknown.concat());
        let repeated = format!("{{{}\"name\":\"x\",\"count\":1}}", "\"name\":\"y\",".repeat(20_000));
        let deep = format!("{}\"a\":1,\"a\":1{}", "{\"long-name\":".repeat(100) + "{", "}".repeat(101));
        let long = format!("{{\"{}\":1}}", "n".repeat(200_000));
        for body in [unknown, repeated, deep, long] {
            let (status, answer) = read_json(body).await.unwrap_err();
            assert_eq!(status, 400);
            assert!((1..=100).contains(&answer["errors"].as_array().unwrap().len()));
            assert!(answer.to_string().len() < 64 * 1024);
        }
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_too_large() {
        let (status, _) = read_json("x".repeat(MAX_BODY_BYTES + 1)).await.unwrap_err();
        assert_eq!(status, 413);
    }

    #[tokio::test]
    async fn nothing_at_all_stands_for_the_default_where_that_is_offered() {
        let empty = Request::new(Body::empty());
        let OptionalJsonBody(wish) = OptionalJsonBody::<Wish>::from_request(empty, &()).await.unwrap();
        assert_eq!(wish, Wish::default());
        for nothing in [" ", "{}", " {\n} "] {
            let request = request("text/plain", nothing);
            let OptionalJsonBody(wish) = OptionalJsonBody::<Wish>::from_request(request, &()).await.unwrap();
            assert_eq!(wish, Wish::default());
        }
        let bad = request("application/json", "{");
        assert!(OptionalJsonBody::<Wish>::from_request(bad, &()).await.is_err());
    }
}
