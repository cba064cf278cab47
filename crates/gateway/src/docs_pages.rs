//! `/openapi.json` and, from files inside the binary, `/docs`.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Path,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use service_kit::problem::{Problem, ProblemCode};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerFile, serve};

/// What the page is made of.
const PAGE_FILES: [&str; 8] = [
    "index.html",
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
    "favicon-16x16.png",
    "favicon-32x32.png",
];
/// The page runs its own scripts and talks to its own host. It sets styles on its elements, and draws with
/// `data:`.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A file that is made once and then only handed out: however many clients ask for it, it is in memory once.
#[derive(Debug, Clone)]
struct StaticFile {
    bytes: Bytes,
    content_type: HeaderValue,
    is_gzipped: bool,
}

/// The routes of the document and its pages.
pub(crate) fn docs_router(document: &OpenApi) -> Router {
    let document = StaticFile {
        bytes: document.to_json().unwrap_or_default().into(),
        content_type: HeaderValue::from_static("application/json"),
        is_gzipped: false,
    };
    let files = Arc::new(page_files());
    let index = Arc::clone(&files);
    Router::new()
        .route("/openapi.json", get(move || async move { document }))
        .route("/docs", get(|| async { Redirect::to("/docs/") }))
        .route("/docs/", get(move || async move { find_file(&index, "index.html") }))
        .route("/docs/{file}", get(move |Path(name): Path<String>| async move { find_file(&files, &name) }))
}

fn page_files() -> HashMap<&'static str, StaticFile> {
    let config = Config::from("/openapi.json")
        .try_it_out_enabled(true)
        .persist_authorization(false)
        .validator_url("none");
    let config = Arc::new(config);
    let read =
        |name| serve(name, Arc::clone(&config)).ok().flatten().map(|file| (name, StaticFile::from(file)));
    PAGE_FILES.into_iter().filter_map(read).collect()
}

fn find_file(files: &HashMap<&'static str, StaticFile>, name: &str) -> Result<StaticFile, Problem> {
    files.get(name).cloned().ok_or_else(|| Problem::new(ProblemCode::NotFound))
}

impl From<SwaggerFile<'static>> for StaticFile {
    fn from(file: SwaggerFile<'static>) -> Self {
        let bytes = match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let content_type = HeaderValue::try_from(file.content_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        Self { bytes, content_type, is_gzipped: file.gzpipped }
    }
}

impl IntoResponse for StaticFile {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.bytes));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type);
        headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
        headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
        if self.is_gzipped {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}
