//! Reads beside a bare "hello": the rewards of an event, and who one is.

use std::path::Path;

use serde_json::Value;
use test_servers::PortLease;

use crate::{
    api_client::{ApiClient, Member, prepare_request},
    bench_error::BenchResult,
    child_server::{ChildServer, loopback},
    contest::{Schedule, Standing, hold_contest},
    guerdon_system::GuerdonSystem,
    hello_server::GREETING,
    load::ExpectedAnswer,
    prepared_requests::PreparedRequests,
};

/// Enough to keep two cores busy, and few enough for latencies that mean something.
pub(crate) const CONNECTIONS: usize = 64;
/// Users who ask, each with a token of their own.
const READERS: usize = 16;
/// Events they ask for.
const EVENTS: usize = 8;

/// How the three did.
#[derive(Debug)]
pub(crate) struct ReadStandings {
    pub(crate) hello: Standing,
    pub(crate) list: Standing,
    pub(crate) me: Standing,
}

/// `GET /events/:id/rewards` of events with a reward of each type, by each reader.
pub(crate) async fn prepare_list(
    api: ApiClient,
    pids: Vec<u32>,
    staff: &Member,
    readers: &[Member],
) -> BenchResult<PreparedRequests> {
    let events = api.events(&staff.token, EVENTS).await?;
    for event in &events {
        api.attach_rewards(&staff.token, event).await?;
    }
    let pairs = readers.iter().flat_map(|reader| events.iter().map(move |event| (reader, event)));
    let requests = pairs.map(|(reader, event)| {
        let path = format!("/events/{event}/rewards");
        prepare_request(api.address, "GET", &path, Some(&reader.token), &Value::Null)
    });
    Ok(PreparedRequests {
        target: api.address,
        pids,
        requests: requests.collect(),
        expected: ExpectedAnswer::new(200, "early-bird"),
        connections: CONNECTIONS,
        next: 0.into(),
    })
}

/// `GET /users/me` by each reader.
pub(crate) fn prepare_me(api: ApiClient, pids: Vec<u32>, readers: &[Member]) -> PreparedRequests {
    let request =
        |reader: &Member| prepare_request(api.address, "GET", "/users/me", Some(&reader.token), &Value::Null);
    PreparedRequests {
        target: api.address,
        pids,
        requests: readers.iter().map(request).collect(),
        expected: ExpectedAnswer::new(200, "@example.com"),
        connections: CONNECTIONS,
        next: 0.into(),
    }
}

/// The three take turns.
pub(crate) async fn measure_reads(
    system: &GuerdonSystem,
    folder: &Path,
    schedule: Schedule,
) -> BenchResult<ReadStandings> {
    let (api, pids) = (system.api, system.pids());
    let (admin, readers) = (system.admin().await?, api.members("reader", READERS).await?);
    let mut list = prepare_list(api, pids.clone(), &admin, &readers).await?;
    let mut me = prepare_me(api, pids, &readers);
    let port = PortLease::take();
    let arguments = ["hello-server", &port.port().to_string()];
    let mut server = ChildServer::start(&std::env::current_exe()?, &arguments, &[], folder, "hello")?;
    server.until_ready(port.port(), "/").await?;
    let target = loopback(port.port());
    let mut hello = PreparedRequests {
        target,
        pids: vec![server.pid()],
        requests: vec![prepare_request(target, "GET", "/", None, &Value::Null)],
        expected: ExpectedAnswer::new(200, GREETING),
        connections: CONNECTIONS,
        next: 0.into(),
    };
    let [hello, list, me] = hold_contest([&mut hello, &mut list, &mut me], schedule).await?;
    Ok(ReadStandings { hello, list, me })
}
