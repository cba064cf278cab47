use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// How far a file has been reported, beside it: `FILE.position`. It is only worth time: what is reported twice counts once.
pub(super) struct ImportPosition {
    path: PathBuf,
    bytes: u64,
    line: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedPosition {
    /// The length of the file it is about: of another one, nothing is known.
    bytes: u64,
    line: u64,
}

impl ImportPosition {
    pub(super) fn load(file: &Path) -> io::Result<Self> {
        let path = beside(file, "position");
        let bytes = fs::metadata(file)?.len();
        let saved = fs::read(&path).ok().and_then(|json| serde_json::from_slice::<SavedPosition>(&json).ok());
        let line = saved.filter(|saved| saved.bytes == bytes).map_or(0, |saved| saved.line);
        Ok(Self { path, bytes, line })
    }

    /// The last line that need not be reported again; 0 if there is none.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn save(&mut self, line: u64) -> io::Result<()> {
        self.line = line;
        let json = serde_json::to_vec(&SavedPosition { bytes: self.bytes, line })?;
        fs::write(&self.path, json)
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The name of a file with something added.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}
