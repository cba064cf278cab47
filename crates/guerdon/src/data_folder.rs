//! The folder of the embedded stores: made for its owner alone, and refused where others can change it.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Why a folder, or a file in it, is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataFolderError {
    #[error("{path} cannot be used: {source}")]
    Unusable { path: PathBuf, source: io::Error },
    #[error("{path} can be changed by others: chmod o-w {path}")]
    Changeable { path: PathBuf },
    #[error("{path} can be read by others: chmod 600 {path}")]
    Readable { path: PathBuf },
}

impl DataFolderError {
    pub(crate) fn unusable(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Unusable { path: path.to_owned(), source }
    }
}

/// Creates the folder with mode 0700 if it is not there; refuses one that others can write to. The group is let in:
/// orchestrators that mount volumes for a group set those bits themselves.
pub(crate) fn open_data_folder(path: &Path) -> Result<(), DataFolderError> {
    let unusable = DataFolderError::unusable(path);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(&unusable)?;
    if others_may(path, 0o002).map_err(&unusable)? {
        return Err(DataFolderError::Changeable { path: path.to_owned() });
    }
    Ok(())
}

/// Refuses a file that others can read or change.
pub(crate) fn refuse_open_file(path: &Path) -> Result<(), DataFolderError> {
    if others_may(path, 0o007).map_err(DataFolderError::unusable(path))? {
        return Err(DataFolderError::Readable { path: path.to_owned() });
    }
    Ok(())
}

fn others_may(path: &Path, bits: u32) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & bits != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_can_write_to_is_refused_and_one_of_a_group_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let set_mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o700, 0o755, 0o2770] {
            set_mode(mode);
            open_data_folder(folder.path()).unwrap();
        }
        set_mode(0o777);
        let error = open_data_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("can be changed by others: chmod o-w"), "{error}");
    }
}
