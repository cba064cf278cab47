//! Reads both sides in the order of their ids, side by side.

use std::{cmp::Ordering, fmt};

use event_store::RecordKey;
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use store_kit::error::StoreError;

use super::{
    collection::{Collection, CollectionReader},
    copy::bar,
};

/// Why a collection was not copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    #[error("{0} could not be copied: {1}. Repeat the command to go on")]
    Store(&'static str, StoreError),
    #[error("{0} could not be hashed: {1}")]
    Hash(&'static str, serde_json::Error),
    #[error(
        "{name}: the target holds {id}, which the source does not. Choose a target that is empty or holds nothing but an \
         earlier copy; nothing was written"
    )]
    Foreign { name: &'static str, id: RecordKey },
    #[error(
        "{name}: {id} is not the same at both sides: one of them was changed after an earlier copy. Copy to an empty \
         target; nothing was written"
    )]
    Unlike { name: &'static str, id: RecordKey },
    #[error(
        "{name} differ after copying: {from} at the source, {to} at the target. Something writes to one of them: stop the \
         services, then repeat the command"
    )]
    Changed { name: &'static str, from: Summary, to: Summary },
}

/// What a collection holds: how many, and a hash over all of them in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) count: u64,
    hash: String,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SHA-256 {:.16})", self.count, self.hash)
    }
}

/// How the two sides of a collection are alike.
pub(super) struct Comparison {
    name: &'static str,
    pub(super) source: Summary,
    pub(super) target: Summary,
    /// How many the target lacks.
    pub(super) missing: u64,
    /// How many come before the first that the target lacks, and the last of them: where copying begins.
    pub(super) begun: (u64, Option<RecordKey>),
    foreign: Option<RecordKey>,
    unlike: Option<RecordKey>,
}

impl Comparison {
    pub(super) fn is_empty(&self) -> bool {
        self.source.count == 0
    }

    pub(super) fn must_be_part_of_the_source(&self) -> Result<(), CopyError> {
        let name = self.name;
        match (self.foreign, self.unlike) {
            (Some(id), _) => Err(CopyError::Foreign { name, id }),
            (None, Some(id)) => Err(CopyError::Unlike { name, id }),
            (None, None) => Ok(()),
        }
    }

    pub(super) fn must_be_equal(&self) -> Result<(), CopyError> {
        let (from, to) = (self.source.clone(), self.target.clone());
        if from == to { Ok(()) } else { Err(CopyError::Changed { name: self.name, from, to }) }
    }
}

/// Reads both sides from beginning to end. `expected` is how many records that may be, for the bar.
pub(super) async fn compare(
    from: &Collection,
    to: &Collection,
    expected: Option<u64>,
) -> Result<Comparison, CopyError> {
    let name = from.name();
    let progress = bar("comparing", name, expected);
    let (mut source, mut target) = (CollectionWalk::new(from), CollectionWalk::new(to));
    let (mut missing, mut begun) = (0, (0, None));
    let (mut foreign, mut unlike) = (None, None);
    loop {
        tokio::try_join!(source.read_on(&progress), target.read_on(&progress))?;
        let order = match (&source.next, &target.next) {
            (None, None) => break,
            (Some(ours), Some(theirs)) => ours.key.cmp(&theirs.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        if order == Ordering::Less {
            source.take();
            missing += 1;
            continue;
        }
        let theirs = target.take();
        if order == Ordering::Greater {
            foreign = foreign.or(theirs.map(|record| record.key));
            continue;
        }
        let ours = source.take();
        let id = ours.as_ref().map(|record| record.key);
        if ours != theirs {
            unlike = unlike.or(id);
        }
        if missing == 0 {
            begun = (begun.0 + 1, id);
        }
    }
    progress.finish_and_clear();
    Ok(Comparison {
        name,
        source: source.summary(),
        target: target.summary(),
        missing,
        begun,
        foreign,
        unlike,
    })
}

/// A record as it is hashed.
#[derive(PartialEq, Eq)]
struct HashedRecord {
    key: RecordKey,
    json: Vec<u8>,
}

/// Reads a collection from beginning to end, hashing what it passes.
struct CollectionWalk<'a> {
    name: &'static str,
    reader: CollectionReader<'a>,
    next: Option<HashedRecord>,
    ended: bool,
    count: u64,
    hash: Sha256,
}

impl<'a> CollectionWalk<'a> {
    fn new(collection: &'a Collection) -> Self {
        Self {
            name: collection.name(),
            reader: collection.read(None),
            next: None,
            ended: false,
            count: 0,
            hash: Sha256::new(),
        }
    }

    /// Makes sure that there is a next one, unless this was the last.
    async fn read_on(&mut self, progress: &ProgressBar) -> Result<(), CopyError> {
        if self.ended || self.next.is_some() {
            return Ok(());
        }
        let record = self.reader.next().await.map_err(|error| CopyError::Store(self.name, error))?;
        let Some(record) = record else {
            self.ended = true;
            return Ok(());
        };
        let json = serde_json::to_vec(&record).map_err(|error| CopyError::Hash(self.name, error))?;
        self.next = Some(HashedRecord { key: record.key(), json });
        progress.inc(1);
        Ok(())
    }

    fn take(&mut self) -> Option<HashedRecord> {
        let line = self.next.take()?;
        self.count += 1;
        self.hash.update(&line.json);
        self.hash.update(b"\n");
        Some(line)
    }

    fn summary(self) -> Summary {
        Summary { count: self.count, hash: hex::encode(self.hash.finalize()) }
    }
}
