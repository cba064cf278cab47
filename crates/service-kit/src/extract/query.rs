use std::{borrow::Cow, str::FromStr};

use axum::extract::FromRequestParts;
use deserr::Deserr;
use domain::{Fault, Faults, ObjectId};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use crate::{
    page::{DEFAULT_LIMIT, MAX_LIMIT, PageRequest},
    problem::Problem,
};

/// The query parameters of a route that has some: a struct that derives `Deserr` (with `error = Faults` and
/// `deny_unknown_fields`) and `IntoParams`. Each field is read from text.
///
/// Unknown and repeated names are faults, and so is text that is no UTF-8 once decoded: a filter that is misspelt must not
/// silently list everything. All faults are told at once, with `?name` as their place.
#[derive(Debug)]
pub struct TypedQuery<T>(pub T);

/// The filters of a list, as in [`TypedQuery`], and the part of the list that is wanted. Describe it as `params(T, PageParams)`.
#[derive(Debug)]
pub struct ListQuery<T>(pub T, pub PageRequest);

/// The query parameters that every list has.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes what `ListQuery` reads")]
pub struct PageParams {
    /// The most items on a page; 20 if left out.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u8>,
    /// The `nextCursor` of the page before.
    #[param(pattern = "^[0-9a-f]{24}$")]
    cursor: Option<String>,
}

impl<T: Deserr<Faults> + IntoParams, S: Sync> FromRequestParts<S> for TypedQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = GivenParams::from_query(parts.uri.query().unwrap_or_default());
        let fields = given.take_fields(&[]);
        given.finish(fields).map(Self)
    }
}

impl<T: Deserr<Faults> + IntoParams, S: Sync> FromRequestParts<S> for ListQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = GivenParams::from_query(parts.uri.query().unwrap_or_default());
        let limit = given.take::<PageLimit>("limit").map_or(DEFAULT_LIMIT, |limit| limit.0);
        let before = given.take::<PageCursor>("cursor").map(|cursor| cursor.0);
        let fields = given.take_fields(&["limit", "cursor"]);
        given.finish(fields).map(|filter| Self(filter, PageRequest { limit, before }))
    }
}

/// The query parameters that were given, each once, and the faults found so far.
#[derive(Debug, Default)]
struct GivenParams {
    values: Map<String, Value>,
    faults: Faults,
}

impl GivenParams {
    /// Splits and decodes a query string (`application/x-www-form-urlencoded`).
    fn from_query(query: &str) -> Self {
        let mut given = Self::default();
        for (name, value, is_utf8) in pairs(query) {
            if !is_utf8 {
                given.add_fault(&name, "must be UTF-8, percent-encoded");
            } else if given.values.contains_key(&*name) {
                given.add_fault(&name, "must be given once");
            } else {
                given.values.insert(name.into_owned(), value.into_owned().into());
            }
        }
        given
    }

    /// Takes one parameter. A value that does not read is a fault and gives `None`.
    fn take<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: ToString,
    {
        let Some(Value::String(text)) = self.values.remove(name) else { return None };
        text.parse().map_err(|error: T::Err| self.add_fault(name, error.to_string())).ok()
    }

    /// Reads what is left; `others` are the names that were taken before.
    fn take_fields<T: Deserr<Faults> + IntoParams>(&mut self, others: &[&str]) -> Option<T> {
        match deserr::deserialize::<T, _, Faults>(Value::Object(std::mem::take(&mut self.values))) {
            Ok(fields) => Some(fields),
            Err(faults) => {
                let mut known: Vec<_> = T::into_params(|| None).into_iter().map(|param| param.name).collect();
                known.extend(others.iter().map(|&name| name.to_owned()));
                for Fault { pointer, message } in faults.into_vec() {
                    let name = pointer.strip_prefix('/').unwrap_or(&pointer);
                    let name = name.replace("~1", "/").replace("~0", "~");
                    if known.contains(&name) {
                        self.add_fault(&name, message);
                    } else {
                        self.add_fault(&name, format!("is not known here; known: {}", known.join(", ")));
                    }
                }
                None
            }
        }
    }

    fn add_fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push(Fault { pointer: format!("?{name}"), message: message.into() });
    }

    fn finish<T>(self, fields: Option<T>) -> Result<T, Problem> {
        match fields {
            Some(fields) if self.faults.is_empty() => Ok(fields),
            _ => Err(Problem::invalid(self.faults)),
        }
    }
}

/// The names and values of a query, decoded, and whether they are UTF-8: what is not has U+FFFD in its place.
fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>, bool)> {
    query.split('&').filter_map(|pair| {
        let (name, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
        Some((name, value, has_whole_escapes(pair) && percent_decode_str(pair).decode_utf8().is_ok()))
    })
}

/// The name of every parameter of a query, for routes that know none.
pub(super) fn given_names(query: &str) -> impl Iterator<Item = Cow<'_, str>> {
    pairs(query).map(|(name, ..)| name)
}

/// Whether each `%` is followed by two hex digits (RFC 3986, 2.1).
fn has_whole_escapes(text: &str) -> bool {
    let mut after = text.split('%').skip(1);
    after.all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

struct PageLimit(usize);

impl FromStr for PageLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Digits alone: `usize` would also read a plus sign.
        match text.parse() {
            Ok(limit @ 1..=MAX_LIMIT) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Self(limit)),
            _ => Err("must be a whole number from 1 to 100"),
        }
    }
}

struct PageCursor(ObjectId);

impl FromStr for PageCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "must be the nextCursor of an earlier page")
    }
}

#[cfg(test)]
mod tests {
    use domain::{EventStatus, UserId};
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Deserr, utoipa::IntoParams)]
    #[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
    #[into_params(rename_all = "camelCase", parameter_in = Query)]
    struct TestFilter {
        #[deserr(default)]
        user_id: Option<UserId>,
        #[deserr(default)]
        status: Option<EventStatus>,
        #[deserr(default)]
        name: Option<String>,
    }

    fn request_head(query: &str) -> Parts {
        Request::builder().uri(format!("/events?{query}")).body(()).unwrap().into_parts().0
    }

    async fn read_list(query: &str) -> Result<ListQuery<TestFilter>, Problem> {
        ListQuery::from_request_parts(&mut request_head(query), &()).await
    }

    async fn told_faults(query: &str) -> Vec<(String, String)> {
        let response = read_list(query).await.unwrap_err().into_response_for("r-1");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert!(body.len() < 64 * 1024, "{} bytes", body.len());
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "VALIDATION_FAILED");
        let faults: Vec<Fault> = serde_json::from_value(body["errors"].clone()).unwrap();
        faults.into_iter().map(|fault| (fault.pointer, fault.message)).collect()
    }

    async fn told_pointers(query: &str) -> Vec<String> {
        told_faults(query).await.into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[tokio::test]
    async fn filters_and_page_are_read_from_text() {
        let ListQuery(filter, page) = read_list("status=ACTIVE&name=caf%C3%A9+au&limit=7").await.unwrap();
        assert_eq!(filter.status, Some(EventStatus::Active));
        assert_eq!(filter.name.as_deref(), Some("café au"));
        assert_eq!((page.limit, page.before), (7, None));
        let ListQuery(_, page) = read_list("").await.unwrap();
        assert_eq!(page, PageRequest::default());
        let cursor = "6650f1a2c3d4e5f601234567";
        let ListQuery(_, page) = read_list(&format!("&cursor={cursor}&")).await.unwrap();
        assert_eq!(page.before, Some(cursor.parse().unwrap()));
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let mut told =
            told_pointers("limit=0&cursor=zz&nmae=x&userId=1&status=OPEN&name=a&name=b&x/y~z=1").await;
        told.sort_unstable();
        assert_eq!(told, ["?cursor", "?limit", "?name", "?nmae", "?status", "?userId", "?x/y~z"]);
        for limit in ["101", "-1", "+5", "1.0", "", "99999999999999999999"] {
            assert_eq!(told_pointers(&format!("limit={limit}")).await, ["?limit"], "{limit}");
        }
        assert_eq!(told_pointers("limit=1&limit=1").await, ["?limit"]);
    }

    #[tokio::test]
    async fn an_unknown_name_is_told_with_the_known_ones() {
        let told = told_faults("nmae=x").await;
        assert_eq!(told[0].1, "is not known here; known: userId, status, name, limit, cursor");
    }

    #[tokio::test]
    async fn what_is_no_utf_8_is_a_fault_and_never_another_text() {
        for bad in ["name=%ff", "name=%", "name=%4", "name=%zz", "name=a%ed%a0%80"] {
            assert_eq!(told_pointers(bad).await, ["?name"], "{bad}");
        }
        assert_eq!(told_pointers("%ff=x").await, ["?\u{fffd}"]);
    }

    #[tokio::test]
    async fn a_query_of_faults_is_never_answered_by_more_than_64_kib() {
        let unknown: Vec<_> = (0..8_000).map(|n| format!("p{n}=1")).collect();
        assert_eq!(told_pointers(&unknown.join("&")).await.len(), 100);
        assert_eq!(told_pointers(&vec!["name=%ff"; 7_000].join("&")).await.len(), 100);
        assert_eq!(told_pointers(&format!("{}=1", "n".repeat(60_000))).await.len(), 1);
    }

    #[tokio::test]
    async fn a_route_without_pages_knows_no_limit() {
        let query = TypedQuery::<TestFilter>::from_request_parts(&mut request_head("limit=1"), &()).await;
        assert!(query.is_err());
        let TypedQuery(filter) =
            TypedQuery::<TestFilter>::from_request_parts(&mut request_head("name=x"), &()).await.unwrap();
        assert_eq!(filter.name.as_deref(), Some("x"));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was_encoded(name in "\\PC{0,40}", value in ".{0,40}") {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            let given = GivenParams::from_query(&query);
            prop_assert!(given.faults.is_empty());
            prop_assert_eq!(given.values.get(&name), Some(&Value::from(value)));
        }
    }
}
