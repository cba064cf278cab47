//! The secret that signs tokens: given, or generated once and kept in the data folder.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{settings::StoreSettings, store_url::UnknownStore};

/// RFC 7518, 3.2: an HS256 key has at least the 256 bits of the hash.
const MIN_BYTES: usize = 32;
const FILE: &str = "jwt-secret";

/// Why there is no usable secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("JWT_SECRET has {0} bytes; it needs at least 32 (try: openssl rand -hex 32)")]
    TooShort(usize),
    #[error(
        "JWT_SECRET is required since {0} names an external store: at least 32 bytes (try: openssl rand -hex 32)"
    )]
    Missing(&'static str),
    #[error(transparent)]
    Store(#[from] UnknownStore),
    #[error("{path} cannot be used: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{0} does not hold a secret of at least 32 bytes; delete it to have a new one generated")]
    Damaged(PathBuf),
}

/// The given secret, or the one in the data folder, which is generated (mode 0600) if it is not there yet.
///
/// With an external store it must be given: several processes may share that store, and each would make up its own.
pub(crate) fn load(settings: &StoreSettings) -> Result<Vec<u8>, SecretError> {
    if let Some(given) = &settings.jwt_secret {
        let bytes = given.0.as_bytes();
        return if bytes.len() < MIN_BYTES {
            Err(SecretError::TooShort(bytes.len()))
        } else {
            Ok(bytes.to_vec())
        };
    }
    if let Some(variable) = settings.first_external()? {
        return Err(SecretError::Missing(variable));
    }
    let path = settings.data_dir.join(FILE);
    let failed = |source| SecretError::File { path: path.clone(), source };
    create_private_dir(&settings.data_dir).map_err(failed)?;
    if !path.exists() {
        generate(&settings.data_dir, &path).map_err(failed)?;
    }
    let secret = fs::read(&path).map_err(failed)?;
    if secret.len() < MIN_BYTES { Err(SecretError::Damaged(path)) } else { Ok(secret) }
}

/// Creates the data folder, readable by its owner only.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes the whole secret aside and links it into place: of several processes starting together, one secret wins and
/// none ever reads half of it.
fn generate(folder: &Path, path: &Path) -> io::Result<()> {
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let aside = folder.join(format!(".{FILE}-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::Secret;

    fn settings(data_dir: PathBuf, jwt_secret: Option<&str>) -> StoreSettings {
        let jwt_secret = jwt_secret.map(|secret| Secret(secret.to_owned()));
        StoreSettings {
            data_dir,
            user_db_url: None,
            event_db_url: None,
            token_db_url: None,
            mongodb_uri: None,
            redis_host: None,
            redis_port: 6379,
            jwt_secret,
        }
    }

    #[test]
    fn a_secret_is_generated_once_privately_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path().join("data"), None);
        let first = load(&settings).unwrap();
        assert_eq!(load(&settings).unwrap(), first);
        assert_eq!(first.len(), 64);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&settings.data_dir), 0o700);
        assert_eq!(mode(&settings.data_dir.join(FILE)), 0o600);
        assert_eq!(fs::read_dir(&settings.data_dir).unwrap().count(), 1);
    }

    #[test]
    fn a_short_secret_is_refused_without_repeating_it() {
        let settings = settings("unused".into(), Some("too short"));
        let error = load(&settings).unwrap_err().to_string();
        assert!(error.contains("9 bytes") && !error.contains("too short"), "{error}");
    }

    #[test]
    fn with_an_external_store_the_secret_must_be_given() {
        let stores = settings("unused".into(), None);
        let stores = StoreSettings { redis_host: Some("redis".into()), ..stores };
        let error = load(&stores).unwrap_err().to_string();
        assert!(error.contains("JWT_SECRET") && error.contains("REDIS_HOST"), "{error}");
        assert!(!Path::new("unused").exists());
        let given = settings("unused".into(), Some(&"x".repeat(32)));
        assert_eq!(load(&StoreSettings { redis_host: Some("redis".into()), ..given }).unwrap().len(), 32);
    }
}
