use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::position::beside;

/// The lines that were not accepted, one JSON object each: `FILE.rejected.jsonl`. There is none if all were.
pub(super) struct RejectionFile {
    path: PathBuf,
    /// Whether an earlier run has begun it.
    is_begun: bool,
    open: Option<BufWriter<File>>,
}

impl RejectionFile {
    pub(super) fn new(file: &Path, is_begun: bool) -> Self {
        Self { path: beside(file, "rejected.jsonl"), is_begun, open: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn note(&mut self, line: u64, code: &str, message: &str, text: &str) -> io::Result<()> {
        if self.open.is_none() {
            let mut options = OpenOptions::new();
            let options = options.create(true).write(true).append(self.is_begun).truncate(!self.is_begun);
            self.open = Some(BufWriter::new(options.open(&self.path)?));
        }
        match &mut self.open {
            Some(open) => {
                writeln!(open, "{}", json!({"line": line, "code": code, "message": message, "text": text}))
            }
            None => Ok(()),
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}
