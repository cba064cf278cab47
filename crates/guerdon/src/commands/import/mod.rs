//! Loads activities in bulk, through the API.

mod position;
mod rejections;
mod source;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use domain::Secret;
use http::{Method, StatusCode};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::{Value, json};

use self::{
    position::ImportPosition,
    rejections::RejectionFile,
    source::{ActivitySource, SourceLine},
};
use super::Outcome;
use crate::http_client::DirectClient;

/// The most activities in one batch, and the most bytes: below what a request may have.
const BATCH_LINES: usize = 1000;
const BATCH_BYTES: usize = 900 * 1024;
/// How long to wait where the service is busy or away, and how often at most.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 120;

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Report the activities of a file; repeat the command to go on where it was stopped
    Activities(ImportActivities),
}

#[derive(Debug, Args)]
pub(crate) struct ImportActivities {
    /// CSV with a header line (id,userId,type,at,value,properties), or one JSON object a line
    file: PathBuf,
    /// The public address of the gateway
    #[arg(long, default_value = "http://127.0.0.1:3333")]
    url: String,
    /// A file with an API key that has the scope activities:write
    #[arg(long, value_name = "FILE")]
    api_key_file: PathBuf,
}

impl ImportCommand {
    pub(crate) async fn run(self) -> Outcome {
        match self {
            Self::Activities(import) => import.run().await,
        }
    }
}

/// What became of the lines so far.
#[derive(Debug, Clone, Copy, Default)]
struct ImportTally {
    accepted: usize,
    duplicates: usize,
    rejected: usize,
}

/// The answer to a batch.
#[derive(Deserialize)]
struct BatchReceipt {
    accepted: usize,
    duplicates: usize,
    rejected: Vec<RejectedEntry>,
}

#[derive(Deserialize)]
struct RejectedEntry {
    index: usize,
    code: String,
    message: String,
}

impl ImportActivities {
    /// Every line is counted once in what is printed at the end. Lines that were reported in an earlier run count as
    /// duplicates, unless the position that run left says that they need not be reported again.
    async fn run(self) -> Outcome {
        let api_key = std::fs::read_to_string(&self.api_key_file)
            .map_err(|error| format!("{} cannot be read: {error}", self.api_key_file.display()))?;
        let reporter = BatchReporter {
            client: DirectClient::new(),
            url: format!("{}/activities", self.url.trim_end_matches('/')),
            api_key: Secret::new(api_key.trim().to_owned()),
        };
        let mut source = ActivitySource::open(&self.file)?;
        let mut position = ImportPosition::load(&self.file)?;
        let mut rejections = RejectionFile::new(&self.file, position.line() > 0);
        let bar = progress_bar(source.bytes());
        let mut tally = ImportTally::default();
        while let Some(batch) = source.next_batch(BATCH_LINES, BATCH_BYTES)? {
            let last = batch.last().map_or(0, |line| line.number);
            if last > position.line() {
                reporter.report(batch, &mut tally, &mut rejections).await?;
                position.save(last)?;
            }
            bar.set_position(source.bytes_read());
        }
        bar.finish_and_clear();
        position.remove()?;
        rejections.finish()?;
        let ImportTally { accepted, duplicates, rejected } = tally;
        println!("{accepted} accepted, {duplicates} duplicates, {rejected} rejected");
        if rejected > 0 {
            println!("What was rejected, and why: {}", rejections.path().display());
        }
        Ok(())
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

struct BatchReporter {
    client: DirectClient,
    url: String,
    api_key: Secret<String>,
}

impl BatchReporter {
    /// Reports a batch until it is taken, and notes what became of each line.
    async fn report(
        &self,
        batch: Vec<SourceLine>,
        tally: &mut ImportTally,
        rejections: &mut RejectionFile,
    ) -> Outcome {
        let (mut lines, mut entries) = (Vec::new(), Vec::new());
        for line in batch {
            match line.activity {
                Ok(activity) => {
                    lines.push((line.number, line.text));
                    entries.push(activity);
                }
                Err(message) => {
                    tally.rejected += 1;
                    rejections.note(line.number, "UNREADABLE", &message, &line.text)?;
                }
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        let receipt = self.send(&json!({ "activities": entries })).await?;
        tally.accepted += receipt.accepted;
        tally.duplicates += receipt.duplicates;
        for RejectedEntry { index, code, message } in receipt.rejected {
            let (number, text) = lines.get(index).ok_or("the answer names a line that was not sent")?;
            tally.rejected += 1;
            rejections.note(*number, &code, &message, text)?;
        }
        Ok(())
    }

    /// A batch can be sent as often as need be: each activity is recorded once by its id.
    async fn send(&self, batch: &Value) -> Result<BatchReceipt, Box<dyn std::error::Error + Send + Sync>> {
        let mut trouble = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            match self.client.send(Method::POST, &self.url, Some(self.api_key.expose()), batch).await {
                Ok(answer) if answer.status == StatusCode::OK => {
                    return Ok(serde_json::from_str(&answer.text)?);
                }
                Ok(answer) if is_passing(answer.status) => trouble = format!("{}", answer.status),
                Ok(answer) => {
                    return Err(format!("{} answered {}: {}", self.url, answer.status, answer.text).into());
                }
                Err(error) => trouble = error.to_string(),
            }
        }
        Err(format!("{} does not take activities: {trouble}. Repeat the command to go on", self.url).into())
    }
}

/// Whether the same request may be answered otherwise a moment later.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}
