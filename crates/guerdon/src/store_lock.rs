//! One process at a time serves an embedded store.
//!
//! The lock is one on a file beside the store's, `event.db.lock`. The operating system gives it up when the process ends,
//! however it ends, so a file that is left behind locks nothing.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use domain::Clock;

/// Held for as long as this lives.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

/// Why a store cannot be had for oneself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreLockError {
    #[error("{path} is in use by {holder}: stop that first")]
    Held { path: PathBuf, holder: String },
    #[error("{path} cannot be locked: {source}")]
    Unusable { path: PathBuf, source: io::Error },
}

impl StoreLock {
    /// Locks the store in this file for `purpose`, such as `serve all`, or says who has it.
    pub(crate) fn acquire(store: &Path, purpose: &str, clock: &dyn Clock) -> Result<Self, StoreLockError> {
        let path = lock_path(store);
        let unusable = |source| StoreLockError::Unusable { path: path.clone(), source };
        // Not truncated: it may say who holds it.
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).ok().filter(|holder| !holder.is_empty());
                let holder = holder.unwrap_or_else(|| "another process".to_owned());
                return Err(StoreLockError::Held { path: store.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let holder = format!("process {} (guerdon {purpose}, since {})", std::process::id(), clock.now());
        file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).map_err(unusable)?;
        Ok(Self { _file: file })
    }
}

fn lock_path(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

#[cfg(test)]
mod tests {
    use domain::ManualClock;

    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("event.db");
        let clock = ManualClock::new("2026-11-25T08:00:00Z".parse().unwrap());
        let first = StoreLock::acquire(&store, "serve all", &clock).unwrap();
        let refused = StoreLock::acquire(&store, "serve event", &clock).unwrap_err().to_string();
        let holder =
            format!("process {} (guerdon serve all, since 2026-11-25T08:00:00.000Z)", std::process::id());
        assert!(refused.contains("event.db is in use by") && refused.contains(&holder), "{refused}");
        StoreLock::acquire(&folder.path().join("user.db"), "serve auth", &clock).unwrap();
        drop(first);
        StoreLock::acquire(&store, "serve event", &clock).unwrap();
    }
}
