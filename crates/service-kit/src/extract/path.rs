use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use domain::{Fault, Faults};
use http::request::Parts;

use crate::problem::{Problem, ProblemCode};

/// The one id in the path of a route that has exactly one.
#[derive(Debug, Clone, Copy)]
pub struct PathId<T>(pub T);

/// All ids in the path, in order: `PathIds<(EventId, RewardId)>`. Each that does not read is a fault `:name`.
///
/// A route whose path has another number of parameters answers 500 whatever it is asked: the mistake is the program's, and
/// the first test of the route finds it.
#[derive(Debug, Clone, Copy)]
pub struct PathIds<T>(pub T);

impl<T, S> FromRequestParts<S> for PathId<T>
where
    (T,): PathIdTuple,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let PathIds((id,)) = PathIds::from_request_parts(parts, state).await?;
        Ok(Self(id))
    }
}

impl<T: PathIdTuple, S: Send + Sync> FromRequestParts<S> for PathIds<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Fails on percent-encoding that is no UTF-8 (nothing has such an id), and on a route without parameters.
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(ProblemCode::NotFound))?;
        let mut given = GivenIds { params: params.iter().collect(), next: 0, faults: Faults::default() };
        if given.params.len() != T::COUNT {
            let (has, wants) = (given.params.len(), T::COUNT);
            return Err(Problem::new(ProblemCode::Internal).caused_by(WrongIdCount { has, wants }));
        }
        match T::read(&mut given) {
            Some(ids) => Ok(Self(ids)),
            None => Err(Problem::invalid(given.faults)),
        }
    }
}

/// A handler names another number of ids than its path has.
#[derive(Debug, thiserror::Error)]
#[error("the path has {has} parameters, but the handler reads {wants}")]
struct WrongIdCount {
    has: usize,
    wants: usize,
}

/// The parameters of a path, read one after the other.
#[derive(Debug)]
pub struct GivenIds<'a> {
    params: Vec<(&'a str, &'a str)>,
    next: usize,
    faults: Faults,
}

impl GivenIds<'_> {
    fn read_next<T>(&mut self) -> Option<T>
    where
        T: FromStr,
        T::Err: ToString,
    {
        let (name, value) = *self.params.get(self.next)?;
        self.next += 1;
        let read = value.parse();
        read.map_err(|error: T::Err| {
            self.faults.push(Fault { pointer: format!(":{name}"), message: error.to_string() });
        })
        .ok()
    }
}

/// A tuple of ids, as many as a path has parameters.
pub trait PathIdTuple: Sized {
    /// How many there are.
    const COUNT: usize;

    /// Reads them all; `None` if at least one does not read.
    fn read(given: &mut GivenIds) -> Option<Self>;
}

macro_rules! path_id_tuple {
    ($count:literal: $($id:ident),+) => {
        impl<$($id),+> PathIdTuple for ($($id,)+)
        where
            $($id: FromStr, $id::Err: ToString,)+
        {
            const COUNT: usize = $count;

            #[allow(non_snake_case, reason = "each value is named as its type")]
            fn read(given: &mut GivenIds) -> Option<Self> {
                // All are read before one is missed, so that every fault is found.
                $(let $id = given.read_next();)+
                Some(($($id?,)+))
            }
        }
    };
}

path_id_tuple!(1: A);
path_id_tuple!(2: A, B);
path_id_tuple!(3: A, B, C);

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, response::IntoResponse, routing::get};
    use domain::{EventId, RewardId, UserId};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    const ONE: &str = "6650f1a2c3d4e5f601234567";
    const OTHER: &str = "aaaaaaaaaaaaaaaaaaaaaaaa";

    fn router() -> Router {
        Router::new()
            .route(
                "/events/{eventId}/rewards/{rewardId}",
                get(|PathIds((event, reward)): PathIds<(EventId, RewardId)>| async move {
                    format!("{event} {reward}")
                }),
            )
            .route("/wrong/{a}/{b}", get(|PathId(id): PathId<UserId>| async move { id.to_string() }))
            .route("/users/{id}", get(|PathId(id): PathId<UserId>| async move { id.to_string() }))
    }

    async fn ask_path(path: &str) -> (u16, String) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let mut response = router().oneshot(request).await.unwrap();
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response = problem.into_response_for("r-1");
        }
        let response = response.into_response();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn each_id_goes_to_its_own_place() {
        let both = ask_path(&format!("/events/{ONE}/rewards/{OTHER}")).await;
        assert_eq!(both, (200, format!("{ONE} {OTHER}")));
        assert_eq!(ask_path(&format!("/users/{ONE}")).await, (200, ONE.to_owned()));
    }

    #[tokio::test]
    async fn every_id_that_does_not_read_is_a_fault() {
        let (status, body) = ask_path("/events/x/rewards/y").await;
        assert_eq!(status, 400);
        assert!(body.contains("\":eventId\"") && body.contains("\":rewardId\""), "{body}");
        let (status, body) = ask_path(&format!("/events/{ONE}/rewards/y")).await;
        assert_eq!(status, 400);
        assert!(!body.contains("\":eventId\"") && body.contains("\":rewardId\""), "{body}");
    }

    #[tokio::test]
    async fn a_handler_that_reads_fewer_ids_than_its_path_has_never_answers() {
        assert_eq!(ask_path(&format!("/wrong/{ONE}/{OTHER}")).await.0, 500);
    }
}
