//! Whether work costs the same however much is stored: two systems, one with few requests and one with many, take turns.

use std::path::Path;

use serde_json::Value;

use crate::{
    api_client::prepare_request,
    bench_error::BenchResult,
    claim_contest::Claiming,
    contest::{Contestant, Schedule, Standing, hold_contest},
    filled_store::FilledStore,
    load::ExpectedAnswer,
    prepared_requests::PreparedRequests,
    read_contest,
    report::GrowthPoint,
};

/// The few.
const FEW: u64 = 10_000;
/// Claims under way at once: as many as there are members who claim.
const CLAIMS_AT_ONCE: usize = 128;
/// Different requests for each kind of read.
const VARIETY: u64 = 1000;

/// Each kind of work, with few requests stored and with so many.
pub(crate) async fn measure_growth(
    program: &Path,
    folder: &Path,
    many: u64,
    schedule: Schedule,
) -> BenchResult<Vec<GrowthPoint>> {
    let few = FilledStore::create(program, &folder.join("few"), FEW, schedule.claimants).await?;
    let many = FilledStore::create(program, &folder.join("many"), many, schedule.claimants).await?;
    let mut points = Vec::new();
    let mut compare = |work, standings: [Standing; 2]| {
        for (store, standing) in [&few, &many].into_iter().zip(standings) {
            points.push(GrowthPoint { work, stored: store.stored, standing });
        }
    };
    let (mut few_reads, mut many_reads) = (prepare_reads(&few).await?, prepare_reads(&many).await?);
    for ((work, few), (_, many)) in few_reads.iter_mut().zip(&mut many_reads) {
        compare(*work, hold_contest([few as &mut dyn Contestant, many], schedule).await?);
    }
    let mut few_claims = Claiming::prepare(&few.system, &few.members, CLAIMS_AT_ONCE).await?;
    let mut many_claims = Claiming::prepare(&many.system, &many.members, CLAIMS_AT_ONCE).await?;
    compare("claims", hold_contest([&mut few_claims, &mut many_claims], schedule).await?);
    Ok(points)
}

/// Lists of a user and of an event, and a request by itself.
async fn prepare_reads(store: &FilledStore) -> BenchResult<[(&'static str, PreparedRequests); 3]> {
    let (address, admin) = (store.system.api.address, store.system.admin().await?);
    let get = |path: &str, token: &str| prepare_request(address, "GET", path, Some(token), &Value::Null);
    let prepared = |requests: Vec<Vec<u8>>, marker: &str| PreparedRequests {
        target: address,
        pids: store.system.pids(),
        requests,
        expected: ExpectedAnswer::new(200, marker),
        connections: read_contest::CONNECTIONS,
        next: 0.into(),
    };
    let own = store.members.iter().map(|member| get("/events/requests", &member.token));
    let of_event = (0..VARIETY)
        .map(|number| get(&format!("/events/requests?eventId={}", FilledStore::event(number)), &admin.token));
    let single =
        (0..VARIETY).map(|number| get(&format!("/events/requests/{}", store.request(number)), &admin.token));
    Ok([
        ("a user's own requests", prepared(own.collect(), "\"PENDING\"")),
        ("an event's requests, one page", prepared(of_event.collect(), "\"nextCursor\":\"60")),
        ("one request with its decision", prepared(single.collect(), "\"decision\"")),
    ])
}
