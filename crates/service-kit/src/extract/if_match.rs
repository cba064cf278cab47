use axum::extract::FromRequestParts;
use domain::Faults;
use http::{header, request::Parts};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use crate::{expected_revision::ExpectedRevision, problem::Problem};

/// Which revisions of a resource a request may change: the header `If-Match` (RFC 9110, 13.1.1) over entity tags that are a
/// revision in double quotes. Without it, and with `*`, any. Tags that are weak or no revision match none (8.8.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(pub ExpectedRevision);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let lines = parts.headers.get_all(header::IF_MATCH).into_iter().map(|line| line.to_str());
        let Ok(lines) = lines.collect::<Result<Vec<_>, _>>() else { return Err(malformed()) };
        if lines.is_empty() {
            return Ok(Self(ExpectedRevision::Any));
        }
        read_tags(&lines.join(",")).map(Self).ok_or_else(malformed)
    }
}

fn malformed() -> Problem {
    Faults::new("If-Match", "must be * or entity tags in double quotes, separated by commas").into()
}

/// `*`, or a list of entity tags in which elements may be empty (RFC 9110, 5.6.1.2). None for anything else.
fn read_tags(list: &str) -> Option<ExpectedRevision> {
    let mut rest = list.trim_matches([' ', '\t', ',']);
    if rest == "*" {
        return Some(ExpectedRevision::Any);
    }
    if rest.is_empty() {
        return None;
    }
    let mut revisions = Vec::new();
    while !rest.is_empty() {
        let weak = rest.strip_prefix("W/");
        let (tag, after) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        if !tag.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
            return None;
        }
        if weak.is_none() {
            revisions.extend(tag.parse::<i64>().ok().filter(|revision| revision.to_string() == tag));
        }
        let next = after.trim_start_matches([' ', '\t', ',']);
        let separator = &after[..after.len() - next.len()];
        if !next.is_empty() && !separator.contains(',') {
            return None;
        }
        rest = next;
    }
    Some(ExpectedRevision::OneOf(revisions))
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tags = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r#"^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$"#));
        let header = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The `ETag` that was read: refused with 412 if the event has changed since"))
            .schema(Some(tags));
        vec![header.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strong_tags_of_a_list_admit_their_revisions() {
        for (header, revisions) in [
            (r#""3""#, vec![3]),
            (r#" "3" ,	"12""#, vec![3, 12]),
            (r#",, "3",,"4","#, vec![3, 4]),
            (r#"W/"3""#, vec![]),
            (r#"W/"3", "4""#, vec![4]),
            (r#""03", "+3", "x,y", "", "3""#, vec![3]),
        ] {
            assert_eq!(read_tags(header), Some(ExpectedRevision::OneOf(revisions)), "{header}");
        }
        assert_eq!(read_tags("*"), Some(ExpectedRevision::Any));
        assert!(ExpectedRevision::Any.admits(7));
        assert!(!ExpectedRevision::OneOf(vec![3]).admits(7));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for header in
            ["", " ", ",", "3", "'3'", r#""3"#, r#"3""#, r#""3" "4""#, r#"w/"3""#, r#"*, "3""#, r#""3", *"#]
        {
            assert_eq!(read_tags(header), None, "{header}");
        }
    }
}
