//! The whole measurement.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};

use crate::{
    activity_contest::{ActivityFindings, measure_crowds, measure_histories, measure_mongo_intake},
    bench_error::{BenchError, BenchResult, NameWhat},
    claim_contest::{ClaimStandings, measure_claims},
    condition_facts::measure_conditions,
    contest::{Schedule, Standing},
    growth_contest::measure_growth,
    guerdon_system::{GuerdonSystem, Topology},
    login_contest::{LoginStandings, measure_logins, reference_is_missing},
    machine::Machine,
    read_contest::{ReadStandings, measure_reads},
    report::{Comparison, Findings, write_document},
    split_contest::measure_split,
    standing_facts::{measure_memory, measure_start},
};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Part {
    /// Reads beside a bare "hello"
    Reads,
    /// Claims beside raw SQLite
    Claims,
    /// Logins beside Argon2id in C
    Logins,
    /// Memory idle and with many connections
    Memory,
    /// How soon it is ready on existing data
    Start,
    /// Work with few and with many requests stored
    Growth,
    /// Taking in activities, and counting those of users with short and long histories
    Activities,
    /// The same with few and with many users
    Crowd,
    /// Evaluating conditions
    Conditions,
    /// Three processes on MongoDB and Redis
    Split,
}

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct RunCommand {
    /// The program to measure
    #[arg(long, default_value = "target/dist/guerdon")]
    guerdon: PathBuf,
    /// Where databases are put meanwhile: a disk like that of production, not memory
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// Only these, with commas between them
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Short turns: about two minutes in all, and figures that are only roughly right
    #[arg(long)]
    quick: bool,
    /// Only try out whether everything can be measured: the figures mean nothing
    #[arg(long, conflicts_with = "quick")]
    trial: bool,
    /// MongoDB's own server, if that is what scripts/test-servers has found
    #[arg(long, env = "GUERDON_TEST_MONGOD", hide = true)]
    mongod: Option<PathBuf>,
    /// Grow to 10 million stored requests instead of one: some minutes and ten gigabytes more
    #[arg(long)]
    ten_million: bool,
    /// Users in the large crowd [default: 50000]; a million of them are half an hour and ten gigabytes more
    #[arg(long)]
    users: Option<usize>,
    /// Write BENCHMARKS.md and its pictures into this folder
    #[arg(long)]
    write: Option<PathBuf>,
}

/// For a thousand connections and some databases.
const OPEN_FILES: u64 = 4096;

impl RunCommand {
    pub(crate) fn run(&self) -> BenchResult<()> {
        fs::create_dir_all(&self.folder).about(self.folder.display().to_string())?;
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&self.folder)?;
        let machine = Machine::describe(folder.path());
        println!("{}\n", machine.sentence());
        rlimit::increase_nofile_limit(OPEN_FILES)?;
        // One thread: the generator must not take more than a core from what it measures.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let findings = runtime.block_on(self.measure(folder.path(), machine.cores))?;
        println!("{}", findings.tables());
        if let Some(docs) = &self.write {
            write_document(docs, &machine, &findings)?;
        }
        match findings.complaints() {
            complaints if complaints.is_empty() => Ok(()),
            complaints => Err(BenchError::Unusable(complaints.join("\n"))),
        }
    }

    fn parts(&self) -> BTreeSet<Part> {
        let parts = if self.only.is_empty() { Part::value_variants() } else { &self.only };
        parts.iter().copied().collect()
    }

    fn schedule(&self) -> Schedule {
        let (rounds, turn) = match (self.trial, self.quick) {
            (true, _) => (1, Duration::from_millis(300)),
            (false, true) => (3, Duration::from_secs(1)),
            (false, false) => (5, Duration::from_secs(3)),
        };
        let claimants = if self.trial { 16 } else { 128 };
        Schedule { rounds, turn, claimants, at_half: true }
    }

    fn many(&self) -> u64 {
        match self {
            Self { ten_million: true, .. } => 10_000_000,
            Self { trial: true, .. } => 20_000,
            Self { quick: true, .. } => 100_000,
            _ => 1_000_000,
        }
    }

    /// Users in the large crowd: each has 20 activities.
    fn users(&self) -> usize {
        match self {
            Self { users: Some(users), .. } => *users,
            Self { trial: true, .. } => 2000,
            Self { quick: true, .. } => 10_000,
            _ => 50_000,
        }
    }

    async fn measure(&self, folder: &Path, cores: usize) -> BenchResult<Findings> {
        let (parts, schedule) = (self.parts(), self.schedule());
        if parts.contains(&Part::Logins) && reference_is_missing() {
            return Err(BenchError::Unusable("libargon2 is missing: apt-get install libargon2-1".to_owned()));
        }
        let program = fs::canonicalize(&self.guerdon).about(self.guerdon.display().to_string())?;
        let mut system = GuerdonSystem::start(&program, folder, Topology::All, &[]).await?;
        let mongo = if self.mongod.is_some() { "MongoDB" } else { "SecantusDB" };
        let brief = Schedule { rounds: schedule.rounds.min(3), at_half: false, ..schedule };
        let mut findings = Findings { mongo, ..Findings::default() };
        for part in parts {
            eprintln!("measuring {part:?} …");
            match part {
                Part::Reads => findings.add_reads(measure_reads(&system, folder, schedule).await?),
                Part::Claims => findings.add_claims(measure_claims(&system, folder, schedule).await?),
                Part::Logins => findings.add_logins(measure_logins(&system, schedule, cores).await?),
                Part::Memory => findings.facts.extend(measure_memory(&mut system).await?),
                Part::Start => findings.facts.push(measure_start(&mut system).await?),
                Part::Growth => {
                    findings.growth.extend(measure_growth(&program, folder, self.many(), brief).await?);
                }
                Part::Activities => {
                    findings.add_activities(measure_histories(&program, folder, self.many(), brief).await?);
                    let intake = measure_mongo_intake(&program, folder, self.many(), mongo).await?;
                    findings.facts.extend(intake);
                }
                Part::Crowd => {
                    findings.add_activities(measure_crowds(&program, folder, self.users(), brief).await?);
                }
                Part::Conditions => findings.facts.extend(measure_conditions(schedule.turn)?),
                Part::Split => findings.split = measure_split(&program, folder, schedule).await?,
            }
        }
        Ok(findings)
    }
}

impl Findings {
    fn compare(&mut self, works: [&'static str; 2], target: f64, ours: Standing, theirs: Standing) {
        let [work, beside] = works;
        self.comparisons.push(Comparison { work, beside, target, ours, theirs });
    }

    fn add_reads(&mut self, all: ReadStandings) {
        self.compare(["GET /events/:id/rewards", "hello"], 0.5, all.list, all.hello.clone());
        self.compare(["GET /users/me", "hello"], 0.5, all.me, all.hello);
    }

    fn add_claims(&mut self, all: ClaimStandings) {
        self.compare(["claims", "raw SQLite"], 0.5, all.claims, all.rows);
    }

    fn add_activities(&mut self, found: ActivityFindings) {
        self.growth.extend(found.growth);
        self.facts.extend(found.facts);
    }

    fn add_logins(&mut self, all: LoginStandings) {
        self.compare(["logins", "Argon2id in C"], 1.0, all.logins, all.hashes);
    }
}
