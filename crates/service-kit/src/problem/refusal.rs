use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};
use domain::Faults;
use serde_json::Value;

use super::{Problem, ProblemCode};

/// What one operation can refuse: an enum made by [`refusals!`](crate::refusals).
pub trait Refusal: Sized {
    /// Every code this operation can refuse with, and the sentence that explains it.
    const CODES: &'static [(ProblemCode, &'static str)];

    /// The code and the sentence of this refusal.
    fn code_and_sentence(&self) -> (ProblemCode, &'static str);

    /// The fields of this refusal as a JSON object, or null if it has none.
    fn fields(&self) -> Value;

    /// The answer: the fields become extension members, but a text field `detail` takes the sentence's place.
    fn to_problem(&self) -> Problem {
        let (code, sentence) = self.code_and_sentence();
        let problem = Problem::new(code).detail(sentence);
        let Value::Object(fields) = self.fields() else { return problem };
        fields.into_iter().fold(problem, |problem, (name, value)| match (name.as_str(), value) {
            ("detail", Value::String(detail)) => problem.detail(detail),
            (name, value) => problem.with(name, value),
        })
    }
}

/// Why a handler has no answer: one of its operation's own refusals `R`, or what any operation can fail with (a store that
/// is down, an input that is not valid).
///
/// A type that has `From<…> for Problem` because any operation can meet it implements `From<…> for Refused<R>` beside it,
/// for every `R`, so that `?` works in every handler. A use case's own error implements it for one `R`.
#[derive(Debug)]
pub struct Refused<R> {
    problem: Problem,
    refusal: PhantomData<fn() -> R>,
}

impl<R> Refused<R> {
    /// The code of the answer.
    pub fn code(&self) -> ProblemCode {
        self.problem.code()
    }
}

impl<R: Refusal> From<R> for Refused<R> {
    fn from(refusal: R) -> Self {
        refusal.to_problem().into()
    }
}

impl<R> From<Problem> for Refused<R> {
    fn from(problem: Problem) -> Self {
        Self { problem, refusal: PhantomData }
    }
}

impl<R> From<Faults> for Refused<R> {
    fn from(faults: Faults) -> Self {
        Problem::invalid(faults).into()
    }
}

impl<R> From<Refused<R>> for Problem {
    fn from(refused: Refused<R>) -> Self {
        refused.problem
    }
}

impl<R> IntoResponse for Refused<R> {
    fn into_response(self) -> Response {
        self.problem.into_response()
    }
}

/// Makes the enum of what one operation can refuse.
///
/// Each variant is named after its [`ProblemCode`](crate::problem::ProblemCode), or names it after `=`. Its comment is
/// the answer's `detail` and the description in the OpenAPI document. Its fields, in camel case, become extension members of
/// the answer; a text field `detail` takes the comment's place.
///
/// ```
/// service_kit::refusals! {
///     /// Why a reward is not attached.
///     pub(crate) enum AttachRewardRefusal {
///         /// There is no such event.
///         UnknownEvent = NotFound,
///         /// There is no such reward.
///         UnknownReward = NotFound,
///         /// The event has the reward since the time in `attachedAt`.
///         RewardAttached { attached_at: String },
///     }
/// }
///
/// # use service_kit::problem::{ProblemCode, Refused};
/// fn attach() -> Result<(), Refused<AttachRewardRefusal>> {
///     Err(AttachRewardRefusal::RewardAttached { attached_at: "2026-05-01T09:00:00.000Z".into() })?
/// }
/// assert_eq!(attach().unwrap_err().code(), ProblemCode::RewardAttached);
/// # let _ = (AttachRewardRefusal::UnknownEvent, AttachRewardRefusal::UnknownReward);
/// ```
///
/// The enum goes among the `responses(…)` of `#[utoipa::path]`, and the handler returns `Result<_, Refused<TheEnum>>`.
#[macro_export]
macro_rules! refusals {
    (
        $(#[doc = $doc:literal])*
        $visibility:vis enum $name:ident {
            $(
                $(#[doc = $sentence:literal])+
                $variant:ident $({ $($field:ident: $type:ty),+ $(,)? })? $(= $code:ident)?
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, ::serde::Serialize)]
        #[serde(untagged, rename_all_fields = "camelCase")]
        $visibility enum $name {
            $(
                $(#[doc = $sentence])+
                $variant $({
                    $(
                        #[allow(missing_docs, reason = "the variant's comment tells of its fields")]
                        $field: $type,
                    )+
                })?,
            )+
        }

        impl $crate::problem::Refusal for $name {
            const CODES: &'static [($crate::problem::ProblemCode, &'static str)] = &[
                $((
                    $crate::__refusal_code!($variant $($code)?),
                    concat!($($sentence),+).trim_ascii(),
                )),+
            ];

            fn code_and_sentence(&self) -> ($crate::problem::ProblemCode, &'static str) {
                match self {
                    $(Self::$variant $({ $($field: _),+ })? => (
                        $crate::__refusal_code!($variant $($code)?),
                        const { concat!($($sentence),+).trim_ascii() },
                    )),+
                }
            }

            fn fields(&self) -> ::serde_json::Value {
                ::serde_json::to_value(self).unwrap_or_default()
            }
        }

        impl ::utoipa::IntoResponses for $name {
            fn responses() -> ::std::collections::BTreeMap<
                ::std::string::String,
                ::utoipa::openapi::RefOr<::utoipa::openapi::response::Response>,
            > {
                $crate::problem::refusal_responses(<Self as $crate::problem::Refusal>::CODES)
            }
        }
    };
}

/// The code of a refusal: the one it names, else the one it is named after.
#[doc(hidden)]
#[macro_export]
macro_rules! __refusal_code {
    ($variant:ident) => {
        $crate::problem::ProblemCode::$variant
    };
    ($variant:ident $code:ident) => {
        $crate::problem::ProblemCode::$code
    };
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::json;
    use utoipa::IntoResponses;

    use super::*;

    crate::refusals! {
        /// Why nothing is claimed in these tests.
        enum ClaimRefusal {
            /// There is no such event,
            /// or you may not see it.
            UnknownEvent = NotFound,
            /// The event has not started.
            EventNotStarted,
            /// It was claimed before, by `rewardRequestId`.
            AlreadyRequested { reward_request_id: String },
            /// The condition is not met; `progress` tells how far you are.
            ConditionNotMet { progress: Vec<u8>, detail: String },
        }
    }

    async fn read_body(refusal: ClaimRefusal) -> Value {
        let problem = Problem::from(Refused::from(refusal));
        let body = to_bytes(problem.into_response_for("r-1").into_body(), 1 << 20).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_is_answered_with_its_code_its_sentence_and_its_fields() {
        let unknown = read_body(ClaimRefusal::UnknownEvent).await;
        assert_eq!((&unknown["status"], &unknown["code"]), (&json!(404), &json!("NOT_FOUND")));
        assert_eq!(unknown["detail"], "There is no such event, or you may not see it.");
        let early = read_body(ClaimRefusal::EventNotStarted).await;
        assert_eq!((&early["status"], &early["code"]), (&json!(409), &json!("EVENT_NOT_STARTED")));
        let again = read_body(ClaimRefusal::AlreadyRequested { reward_request_id: "c-1".into() }).await;
        assert_eq!((&again["rewardRequestId"], &again["requestId"]), (&json!("c-1"), &json!("r-1")));
        let far = ClaimRefusal::ConditionNotMet { progress: vec![1], detail: "Six of seven days".into() };
        let far = read_body(far).await;
        assert_eq!((&far["progress"], &far["detail"]), (&json!([1]), &json!("Six of seven days")));
    }

    #[test]
    fn the_document_has_every_refusal_and_nothing_else() {
        let responses = serde_json::to_value(ClaimRefusal::responses()).unwrap();
        let statuses: Vec<_> = responses.as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["404", "409", "422"]);
        assert_eq!(responses["409"]["x-codes"], json!(["ALREADY_REQUESTED", "EVENT_NOT_STARTED"]));
        assert_eq!(
            responses["404"]["description"],
            "NOT_FOUND: There is no such event, or you may not see it."
        );
    }

    #[test]
    fn a_failure_of_another_kind_passes_through_a_question_mark() {
        fn fail_otherwise() -> Result<(), Refused<ClaimRefusal>> {
            Err(Problem::new(ProblemCode::Unavailable))?;
            Ok(())
        }
        assert_eq!(fail_otherwise().unwrap_err().code(), ProblemCode::Unavailable);
    }
}
