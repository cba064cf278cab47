//! The whole measurement.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use crate::{
    bench_error::{BenchError, BenchResult, NameWhat},
    claim_contest::measure_claims,
    contest::Schedule,
    guerdon_system::GuerdonSystem,
    login_contest::{measure_logins, reference_is_missing},
    machine::Machine,
    read_contest::measure_reads,
    report::{Comparison, Findings, write_document},
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
    /// Short turns: about a minute in all, and figures that are only roughly right
    #[arg(long)]
    quick: bool,
    /// Write BENCHMARKS.md and its pictures into this folder
    #[arg(long)]
    write: Option<PathBuf>,
}

impl RunCommand {
    pub(crate) fn run(&self) -> BenchResult<()> {
        fs::create_dir_all(&self.folder).about(self.folder.display().to_string())?;
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&self.folder)?;
        let machine = Machine::describe(folder.path());
        println!("{}\n", machine.sentence());
        // One thread: the generator must not take more than a core from what it measures.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let findings = runtime.block_on(self.measure(folder.path().to_owned(), machine.cores))?;
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
        if self.quick {
            Schedule { rounds: 3, turn: Duration::from_secs(1) }
        } else {
            Schedule { rounds: 5, turn: Duration::from_secs(3) }
        }
    }

    async fn measure(&self, folder: PathBuf, cores: usize) -> BenchResult<Findings> {
        let (parts, schedule) = (self.parts(), self.schedule());
        if parts.contains(&Part::Logins) && reference_is_missing() {
            return Err(BenchError::Unusable("libargon2 is missing: apt-get install libargon2-1".to_owned()));
        }
        let program = fs::canonicalize(&self.guerdon).about(self.guerdon.display().to_string())?;
        let system = GuerdonSystem::start(&program, &folder).await?;
        let mut findings = Findings::default();
        let mut compare = |work, beside, target, ours, theirs| {
            findings.comparisons.push(Comparison { work, beside, target, ours, theirs });
        };
        for part in parts {
            eprintln!("measuring {part:?} …");
            match part {
                Part::Reads => {
                    let all = measure_reads(&system, &folder, schedule).await?;
                    compare("GET /events/:id/rewards", "hello", 0.5, all.list, all.hello.clone());
                    compare("GET /users/me", "hello", 0.5, all.me, all.hello);
                }
                Part::Claims => {
                    let all = measure_claims(&system, &folder, schedule).await?;
                    compare("claims", "raw SQLite", 0.5, all.claims, all.rows);
                }
                Part::Logins => {
                    let all = measure_logins(&system, schedule, cores).await?;
                    compare("logins", "Argon2id in C", 1.0, all.logins, all.hashes);
                }
            }
        }
        Ok(findings)
    }
}
