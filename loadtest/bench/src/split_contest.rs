//! Three processes on MongoDB and Redis, as the specification has them.

use std::path::Path;

use test_servers::{Mongo, MongoMode, Redis};

use crate::{
    bench_error::BenchResult,
    claim_contest::Claiming,
    contest::{Schedule, Standing, hold_contest},
    guerdon_system::{GuerdonSystem, Topology},
    read_contest::prepare_list,
    report::SplitRow,
};

/// Claims under way at once.
const CLAIMS_AT_ONCE: usize = 256;
/// What the `NestJS` implementation of the same specification did a second on the same kind of stores and machine.
const NEST_LISTS: f64 = 181.0;
const NEST_CLAIMS: f64 = 131.0;

/// Lists and claims take turns.
pub(crate) async fn measure_split(
    program: &Path,
    folder: &Path,
    schedule: Schedule,
) -> BenchResult<Vec<SplitRow>> {
    let (mongo, redis) = (Mongo::start(MongoMode::Standalone), Redis::start());
    let stores = [
        ("MONGODB_URI", mongo.uri().to_owned()),
        ("REDIS_HOST", "127.0.0.1".to_owned()),
        ("REDIS_PORT", redis.port().to_string()),
    ];
    let folder = folder.join("split");
    std::fs::create_dir_all(&folder)?;
    let system = GuerdonSystem::start(program, &folder, Topology::Split, &stores).await?;
    let claimants = system.api.members("claimant", schedule.claimants).await?;
    let admin = system.admin().await?;
    let mut list = prepare_list(system.api, system.pids(), &admin, &claimants).await?;
    let mut claims = Claiming::prepare_as(&system, admin, &claimants, CLAIMS_AT_ONCE);
    let [list, claims] = hold_contest([&mut list, &mut claims], schedule).await?;
    let row = |work, standing: Standing, reference_rate, target| SplitRow {
        work,
        standing,
        reference_rate,
        target,
    };
    Ok(vec![
        row("split: GET /events/:id/rewards", list, NEST_LISTS, 50.0),
        row("split: claims", claims, NEST_CLAIMS, 20.0),
    ])
}
