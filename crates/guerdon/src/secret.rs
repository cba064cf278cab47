//! The secrets that sign tokens: given, or generated once and kept in the data folder.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use domain::{RandomSource, Secret};
use tempfile::NamedTempFile;

use crate::{
    data_folder::{DataFolderError, open_data_folder, refuse_open_file},
    settings::{SecretSettings, StoreSettings},
    store_url::UnknownStore,
};

/// RFC 7518, 3.2: an HS256 key has at least the 256 bits of the hash.
const MIN_BYTES: usize = 32;
const SECRET_FILE: &str = "jwt-secret";

/// What signs tokens, and what signed them before.
pub(crate) struct SigningSecrets {
    /// Signs and verifies.
    pub(crate) current: Vec<u8>,
    /// Verifies only.
    pub(crate) previous: Option<Vec<u8>>,
}

/// Why there is no usable secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("{variable} has {bytes} bytes; it needs at least 32 (try: openssl rand -hex 32)")]
    TooShort { variable: &'static str, bytes: usize },
    #[error(
        "JWT_SECRET is required since {0} names an external store: at least 32 bytes (try: openssl rand -hex 32)"
    )]
    Missing(&'static str),
    #[error(transparent)]
    Store(#[from] UnknownStore),
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    #[error("{0} does not hold a secret of at least 32 bytes; delete it to have a new one generated")]
    Damaged(PathBuf),
}

/// The given secret, or the one in the data folder, which is generated (mode 0600) if it is not there yet.
///
/// With an external store it must be given: several processes may share that store, and each would make up its own.
pub(crate) fn load_secrets(
    stores: &StoreSettings,
    secrets: &SecretSettings,
) -> Result<SigningSecrets, SecretError> {
    let given = |variable, secret: &Option<Secret<String>>| {
        secret.as_ref().map(|secret| long_enough(variable, secret)).transpose()
    };
    let previous = given("JWT_SECRET_PREVIOUS", &secrets.jwt_secret_previous)?;
    let current = match given("JWT_SECRET", &secrets.jwt_secret)? {
        Some(given) => given,
        None => match stores.first_external()? {
            Some(variable) => return Err(SecretError::Missing(variable)),
            None => load_embedded(&stores.data_dir)?,
        },
    };
    Ok(SigningSecrets { current, previous })
}

/// White space around a secret is left by those who copy it, and does not count.
fn long_enough(variable: &'static str, secret: &Secret<String>) -> Result<Vec<u8>, SecretError> {
    let bytes = secret.expose().trim().as_bytes();
    if bytes.len() < MIN_BYTES {
        return Err(SecretError::TooShort { variable, bytes: bytes.len() });
    }
    Ok(bytes.to_vec())
}

fn load_embedded(folder: &Path) -> Result<Vec<u8>, SecretError> {
    open_data_folder(folder)?;
    let path = folder.join(SECRET_FILE);
    let unusable = DataFolderError::unusable(&path);
    if !path.exists() {
        generate_secret(folder, &path).map_err(&unusable)?;
    }
    refuse_open_file(&path)?;
    let secret = fs::read(&path).map_err(&unusable)?;
    let secret = secret.trim_ascii();
    if secret.len() < MIN_BYTES { Err(SecretError::Damaged(path.clone())) } else { Ok(secret.to_vec()) }
}

/// Writes the whole secret aside and moves it into place: of several processes starting together, one secret wins and
/// none ever reads half of it.
fn generate_secret(folder: &Path, path: &Path) -> io::Result<()> {
    let mut aside = NamedTempFile::new_in(folder)?;
    aside.write_all(hex::encode(RandomSource::new().bytes::<32>()).as_bytes())?;
    aside.as_file().sync_all()?;
    match aside.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, sync::Barrier};

    use super::*;
    use crate::store_url::tests::embedded_stores;

    fn stores_in(data_dir: PathBuf) -> StoreSettings {
        StoreSettings { data_dir, ..embedded_stores() }
    }

    #[allow(clippy::similar_names, reason = "they are the two secrets")]
    fn given_secrets(current: Option<&str>, previous: Option<&str>) -> SecretSettings {
        let secret = |text: &str| Secret::new(text.to_owned());
        SecretSettings { jwt_secret: current.map(secret), jwt_secret_previous: previous.map(secret) }
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_secret_is_generated_once_privately_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let stores = stores_in(folder.path().join("data"));
        let load = || load_secrets(&stores, &given_secrets(None, None)).unwrap().current;
        let first = load();
        assert_eq!(load(), first);
        assert_eq!(first.len(), 64);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&stores.data_dir), 0o700);
        assert_eq!(mode(&stores.data_dir.join(SECRET_FILE)), 0o600);
        assert_eq!(fs::read_dir(&stores.data_dir).unwrap().count(), 1);
    }

    #[test]
    fn of_several_processes_that_generate_one_wins_and_nothing_is_left_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let stores = stores_in(folder.path().join("data"));
        let together = Barrier::new(8);
        let loaded: Vec<_> = std::thread::scope(|scope| {
            let load = || {
                together.wait();
                load_secrets(&stores, &given_secrets(None, None)).unwrap().current
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(loaded.iter().all(|secret| *secret == loaded[0]));
        assert_eq!(fs::read_dir(&stores.data_dir).unwrap().count(), 1);
    }

    #[test]
    fn a_short_secret_is_refused_by_name_without_repeating_it() {
        let long = "x".repeat(32);
        let padded = format!("too short{}", " ".repeat(40));
        for (current, previous, variable) in [
            ("too short", None, "JWT_SECRET has 9 bytes"),
            (padded.as_str(), None, "JWT_SECRET has 9 bytes"),
            (long.as_str(), Some("too short"), "JWT_SECRET_PREVIOUS has 9 bytes"),
        ] {
            let refused = load_secrets(&stores_in("unused".into()), &given_secrets(Some(current), previous));
            let error = refused.map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(variable) && !error.contains("too short"), "{error}");
        }
    }

    #[test]
    fn white_space_around_a_secret_does_not_count() {
        let (current, previous) = ("c".repeat(32), "p".repeat(40));
        let padded = given_secrets(Some(&format!(" {current}\n")), Some(&format!("\t{previous} \r\n")));
        let loaded = load_secrets(&stores_in("unused".into()), &padded).unwrap();
        assert_eq!(loaded.current, current.as_bytes());
        assert_eq!(loaded.previous.unwrap(), previous.as_bytes());
    }

    #[test]
    fn with_an_external_store_the_secret_must_be_given() {
        let external =
            StoreSettings { redis_host: Some("redis".parse().unwrap()), ..stores_in("unused".into()) };
        let refused = load_secrets(&external, &given_secrets(None, None));
        let error = refused.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("JWT_SECRET") && error.contains("REDIS_HOST"), "{error}");
        assert!(!Path::new("unused").exists());
        let given = given_secrets(Some(&"x".repeat(32)), None);
        assert_eq!(load_secrets(&external, &given).unwrap().current.len(), 32);
    }

    #[test]
    fn a_secret_file_or_folder_that_others_can_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let stores = stores_in(folder.path().join("data"));
        let load = || {
            load_secrets(&stores, &given_secrets(None, None)).map(|_| ()).map_err(|error| error.to_string())
        };
        load().unwrap();
        let file = stores.data_dir.join(SECRET_FILE);
        set_mode(&file, 0o644);
        assert!(load().unwrap_err().contains("jwt-secret can be read by others: chmod 600 "));
        set_mode(&file, 0o660);
        load().unwrap();
        set_mode(&stores.data_dir, 0o777);
        assert!(load().unwrap_err().contains("data can be changed by others: chmod o-w "));
    }
}
