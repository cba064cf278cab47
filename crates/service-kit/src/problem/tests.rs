use axum::body::to_bytes;
use serde_json::json;

use super::*;

async fn answered(problem: Problem) -> (Response<()>, Value) {
    let (parts, body) = problem.into_response_for("r-1").into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn the_cause_is_never_part_of_the_answer() {
    let cause = std::io::Error::other("secret-host:5432 refused");
    let (response, body) = answered(Problem::new(ProblemCode::Unavailable).caused_by(cause)).await;
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!((&body["code"], &body["requestId"]), (&json!("UNAVAILABLE"), &json!("r-1")));
    assert!(!body.to_string().contains("secret-host"));
}

#[tokio::test]
async fn an_extension_member_never_takes_the_place_of_a_standard_one() {
    let mut problem = Problem::new(ProblemCode::AlreadyRequested).with("rewardRequestId", "c-1");
    for name in STANDARD_MEMBERS {
        problem = problem.with(name, "forged");
    }
    let (_, body) = answered(problem).await;
    assert!(!body.to_string().contains("forged"), "{body}");
    assert_eq!((&body["requestId"], &body["rewardRequestId"]), (&json!("r-1"), &json!("c-1")));
}

#[tokio::test]
async fn invalid_token_is_named_exactly_when_a_token_was_given() {
    for (problem, named) in [
        (Problem::new(ProblemCode::Unauthenticated), false),
        (Problem::new(ProblemCode::InvalidCredentials), false),
        (Problem::invalid_token(), true),
        (Problem::new(ProblemCode::TokenExpired), true),
        (Problem::new(ProblemCode::SessionRevoked), true),
    ] {
        let code = problem.code();
        let (response, _) = answered(problem).await;
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer realm=\"guerdon\""), "{challenge}");
        assert_eq!(challenge.contains("error=\"invalid_token\""), named, "{code:?}: {challenge}");
    }
}

#[tokio::test]
async fn everybody_who_is_to_come_back_later_is_told_when() {
    for code in ProblemCode::ALL {
        let (response, _) = answered(Problem::new(*code)).await;
        let told = response.headers().contains_key("retry-after");
        assert_eq!(told, matches!(code.status().as_u16(), 429 | 503), "{code:?}");
    }
    let (response, _) = answered(Problem::new(ProblemCode::RateLimited).retry_after(0)).await;
    assert_eq!(response.headers()["retry-after"], "1");
}

#[tokio::test]
async fn the_answer_to_endless_faults_stays_small() {
    // Control characters take six bytes each in JSON: the worst that can come back.
    let fault = Fault { pointer: "\u{1}".repeat(20_000), message: "\u{2}".repeat(20_000) };
    let (_, body) = answered(Problem::invalid(Faults::from_iter(vec![fault; 5_000]))).await;
    assert_eq!(body["errors"].as_array().unwrap().len(), 100);
    assert!(body.to_string().len() < 64 * 1024, "{} bytes", body.to_string().len());
}
