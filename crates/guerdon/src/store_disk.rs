//! How much room the files of embedded stores take, and how much is left where they are.

use std::{fs, io, path::Path, time::Duration};

use metrics::Gauge;
use service_kit::{
    metrics::{STORE_DISK_AVAILABLE, STORE_DISK_SIZE, STORE_FILE_SIZE},
    worker::{StepReport, Worker},
};
use tokio::task::{JoinError, spawn_blocking};

use crate::store_url::EmbeddedFile;

/// Looks after the disk of every embedded store.
pub(crate) struct StoreDiskProbe(Vec<WatchedFile>);

#[derive(Clone)]
struct WatchedFile {
    file: EmbeddedFile,
    available: Gauge,
    disk_size: Gauge,
    file_size: Gauge,
}

/// What a look at the disk tells, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DiskRoom {
    available: u64,
    size: u64,
}

/// Why a look at the disks told nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreDiskError {
    #[error("{store} is where nothing can be read: {source}")]
    Unreadable { store: &'static str, source: io::Error },
    #[error(transparent)]
    Ended(#[from] JoinError),
}

impl StoreDiskProbe {
    /// Of these files.
    pub(crate) fn new(files: Vec<EmbeddedFile>) -> Self {
        let watch = |file: EmbeddedFile| WatchedFile {
            available: metrics::gauge!(STORE_DISK_AVAILABLE, "store" => file.store),
            disk_size: metrics::gauge!(STORE_DISK_SIZE, "store" => file.store),
            file_size: metrics::gauge!(STORE_FILE_SIZE, "store" => file.store),
            file,
        };
        Self(files.into_iter().map(watch).collect())
    }
}

impl Worker for StoreDiskProbe {
    type Error = StoreDiskError;

    fn name(&self) -> &'static str {
        "store_disk_probe"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(15)
    }

    /// On a thread of its own: a disk that does not answer must hold up nothing else.
    async fn step(&self) -> Result<StepReport, StoreDiskError> {
        let watched = self.0.clone();
        // All are looked at, whatever is wrong with one of them.
        let looks = spawn_blocking(move || watched.iter().map(WatchedFile::look).collect::<Vec<_>>());
        looks.await?.into_iter().collect::<Result<(), _>>()?;
        Ok(StepReport::finished(0))
    }
}

impl WatchedFile {
    fn look(&self) -> Result<(), StoreDiskError> {
        let EmbeddedFile { store, path } = &self.file;
        let unreadable = |source| StoreDiskError::Unreadable { store, source };
        let room = disk_room(path).map_err(unreadable)?;
        self.available.set(bytes_as_gauge(room.available));
        self.disk_size.set(bytes_as_gauge(room.size));
        self.file_size.set(bytes_as_gauge(store_size(path).map_err(unreadable)?));
        Ok(())
    }
}

/// Of the file system that a file is on: all of it, and what this process may still write.
fn disk_room(path: &Path) -> io::Result<DiskRoom> {
    let found = rustix::fs::statvfs(path)?;
    Ok(DiskRoom { available: found.f_bavail * found.f_frsize, size: found.f_blocks * found.f_frsize })
}

/// The file, and the write-ahead log beside it if there is one.
fn store_size(path: &Path) -> io::Result<u64> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = fs::metadata(log).map_or(0, |log| log.len());
    Ok(fs::metadata(path)?.len() + log)
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 8 PiB, and near enough above")]
fn bytes_as_gauge(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_as_large_as_its_file_and_its_log_and_fits_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.db");
        disk_room(&path).unwrap_err();
        fs::write(&path, [0; 5000]).unwrap();
        assert_eq!(store_size(&path).unwrap(), 5000);
        fs::write(folder.path().join("event.db-wal"), [0; 300]).unwrap();
        assert_eq!(store_size(&path).unwrap(), 5300);
        let room = disk_room(&path).unwrap();
        assert!(5300 < room.available && room.available <= room.size, "{room:?}");
    }
}
