//! How fast activities are taken in, and whether counting them costs the same however many there are.

use std::path::Path;

use serde_json::{Value, json};
use test_servers::{Mongo, MongoMode, Redis};

use crate::{
    activity_reporter::{ActivityReporter, rate_fact},
    api_client::{Member, prepare_request},
    bench_error::BenchResult,
    contest::{Contestant, Schedule, hold_contest},
    filled_store::scattered_id,
    guerdon_system::{GuerdonSystem, Topology},
    load::ExpectedAnswer,
    prepared_requests::PreparedRequests,
    read_contest,
    report::{Fact, GrowthPoint, count_whole},
};

/// Histories that are compared: each ten times as long as the one before.
const HISTORIES: usize = 4;
/// Users in the small crowd.
const FEW_USERS: usize = 1000;
/// Activities of each user in a crowd, one a day.
const EACH: u64 = 20;
/// Users of a crowd who ask.
const ASKING: usize = 64;

/// What was measured.
#[derive(Default)]
pub(crate) struct ActivityFindings {
    pub(crate) growth: Vec<GrowthPoint>,
    pub(crate) facts: Vec<Fact>,
}

/// Users with histories of different lengths, the longest of so many activities.
pub(crate) async fn measure_histories(
    program: &Path,
    folder: &Path,
    many: u64,
    schedule: Schedule,
) -> BenchResult<ActivityFindings> {
    let system = GuerdonSystem::start(program, &folder.join("activities"), Topology::All, &[]).await?;
    let admin = system.admin().await?;
    let event =
        system.api.create_event(&admin.token, &json!({">=": [{"var": "activity.play.sum"}, 1]})).await?;
    let members = system.api.members("player", HISTORIES).await?;
    let sizes = [many / 1000, many / 100, many / 10, many];
    let reporter = ActivityReporter { system: &system, token: &admin.token };
    let mut in_batches = std::time::Duration::ZERO;
    for (member, size) in members.iter().zip(sizes) {
        in_batches = reporter.report_batches(&system.api.user_id(&member.token).await?, size).await?;
    }
    let singles = many / 100;
    let alone = reporter.report_singles(&system.api.user_id(&admin.token).await?, singles).await?;
    let mut looks: [PreparedRequests; HISTORIES] =
        std::array::from_fn(|index| prepare_looks(&system, &event, &members[index..=index]));
    let looks = looks.each_mut().map(|look| look as &mut dyn Contestant);
    let standings = hold_contest(looks, schedule).await?;
    let work = "eligibility, by activities of the user";
    let point = |(stored, standing)| GrowthPoint { work, stored, standing };
    Ok(ActivityFindings {
        growth: sizes.into_iter().zip(standings).map(point).collect(),
        facts: vec![
            rate_fact("activities taken in, batches of 1,000 of one user".to_owned(), many, in_batches),
            rate_fact("activities taken in, one by one".to_owned(), singles, alone),
        ],
    })
}

/// Few users and so many, with a few activities each.
pub(crate) async fn measure_crowds(
    program: &Path,
    folder: &Path,
    users: usize,
    schedule: Schedule,
) -> BenchResult<ActivityFindings> {
    let mut findings = ActivityFindings::default();
    let few = Crowd::gather(program, &folder.join("few-players"), FEW_USERS, &mut findings).await?;
    let many = Crowd::gather(program, &folder.join("many-players"), users, &mut findings).await?;
    let [mut few_looks, mut many_looks] =
        [&few, &many].map(|crowd| prepare_looks(&crowd.system, &crowd.event, &crowd.asking));
    let standings = hold_contest([&mut few_looks, &mut many_looks], schedule).await?;
    let work = "eligibility, by users with 20 activities each";
    let stored = [FEW_USERS as u64, users as u64];
    let point = |(stored, standing)| GrowthPoint { work, stored, standing };
    findings.growth = stored.into_iter().zip(standings).map(point).collect();
    Ok(findings)
}

/// A system with users who did a little each.
struct Crowd {
    system: GuerdonSystem,
    event: String,
    asking: Vec<Member>,
}

impl Crowd {
    async fn gather(
        program: &Path,
        folder: &Path,
        users: usize,
        findings: &mut ActivityFindings,
    ) -> BenchResult<Self> {
        let system = GuerdonSystem::start(program, folder, Topology::All, &[]).await?;
        let admin = system.admin().await?;
        // Who asks is refused unless each activity was counted once.
        let condition = json!({"==": [{"var": "activity.play.days"}, EACH]});
        let event = system.api.create_event(&admin.token, &condition).await?;
        let asking = system.api.members("player", ASKING).await?;
        let mut ids: Vec<_> = (ASKING..users).map(|number| scattered_id(0x0c0d, number as u64)).collect();
        for (number, member) in asking.iter().enumerate() {
            // Far apart among all.
            ids.insert(number * users / ASKING, system.api.user_id(&member.token).await?);
        }
        let reporter = ActivityReporter { system: &system, token: &admin.token };
        let most = reporter.report_days(&ids, 2..EACH).await?;
        let last = reporter.report_days(&ids, 0..2).await?;
        let (users, all) = (ids.len() as u64, ids.len() as u64 * EACH);
        let what = format!("activities taken in, batches of 1,000 users, {} in all", count_whole(users));
        findings.facts.push(rate_fact(what.clone(), all, most + last));
        findings.facts.push(rate_fact(format!("{what}: the last tenth"), users * 2, last));
        Ok(Self { system, event, asking })
    }
}

/// Taking in activities with three processes on MongoDB and Redis.
pub(crate) async fn measure_mongo_intake(
    program: &Path,
    folder: &Path,
    many: u64,
    server: &str,
) -> BenchResult<Vec<Fact>> {
    let (mongo, redis) = (Mongo::start(MongoMode::Standalone), Redis::start());
    let stores = [
        ("MONGODB_URI", mongo.uri().to_owned()),
        ("REDIS_HOST", "127.0.0.1".to_owned()),
        ("REDIS_PORT", redis.port().to_string()),
    ];
    let folder = folder.join("split-activities");
    std::fs::create_dir_all(&folder)?;
    let system = GuerdonSystem::start(program, &folder, Topology::Split, &stores).await?;
    let admin = system.admin().await?;
    let reporter = ActivityReporter { system: &system, token: &admin.token };
    let (batched, singles) = (many / 50, many / 1000);
    let players = system.api.members("player", 2).await?;
    let in_batches = reporter.report_batches(&system.api.user_id(&players[0].token).await?, batched).await?;
    let alone = reporter.report_singles(&system.api.user_id(&players[1].token).await?, singles).await?;
    Ok(vec![
        rate_fact(
            format!("activities taken in on {server}, batches of 1,000 of one user"),
            batched,
            in_batches,
        ),
        rate_fact(format!("activities taken in on {server}, one by one"), singles, alone),
    ])
}

/// Members, in turn, ask whether they are eligible, and are.
fn prepare_looks(system: &GuerdonSystem, event: &str, members: &[Member]) -> PreparedRequests {
    let (address, path) = (system.api.address, format!("/events/{event}/eligibility"));
    let look = |member: &Member| prepare_request(address, "GET", &path, Some(&member.token), &Value::Null);
    PreparedRequests {
        target: address,
        pids: system.pids(),
        requests: members.iter().map(look).collect(),
        expected: ExpectedAnswer::new(200, "\"eligible\":true"),
        connections: read_contest::CONNECTIONS,
        next: 0.into(),
    }
}
