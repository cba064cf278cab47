//! Reads a file of activities as it comes, in bounded memory.

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use csv::{ReaderBuilder, StringRecord, Trim};
use serde_json::{Map, Number, Value};

type SourceError = Box<dyn Error + Send + Sync>;

/// The longest line of JSON that is read.
const MOST_LINE_BYTES: usize = 64 * 1024;

/// A line of the file.
#[derive(Debug, PartialEq)]
pub(super) struct SourceLine {
    /// From 1. Of a CSV it is the row: the header is the first, blank lines do not count, and a field may hold line breaks.
    pub(super) number: u64,
    /// As it stands there.
    pub(super) text: String,
    /// The activity, or why there is none.
    pub(super) activity: Result<Value, String>,
}

/// A file that is being read.
pub(super) struct ActivitySource {
    format: SourceFormat,
    bytes: u64,
    /// A line that did not fit into the last batch.
    left: Option<SourceLine>,
}

enum SourceFormat {
    Csv { reader: csv::Reader<File>, header: Vec<String>, row: u64 },
    JsonLines { reader: BufReader<File>, number: u64, bytes_read: u64 },
}

impl ActivitySource {
    /// Opens a file; its ending tells its format.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let file = File::open(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let bytes = file.metadata()?.len();
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => {
                let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(file);
                let header: Vec<_> = reader
                    .headers()?
                    .iter()
                    .map(|name| name.trim_start_matches('\u{feff}').to_owned())
                    .collect();
                check_header(&header)?;
                SourceFormat::Csv { reader, header, row: 1 }
            }
            Some("jsonl" | "ndjson") => {
                SourceFormat::JsonLines { reader: BufReader::new(file), number: 0, bytes_read: 0 }
            }
            _ => return Err(format!("{} must end in .csv or .jsonl", path.display()).into()),
        };
        Ok(Self { format, bytes, left: None })
    }

    /// The length of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How much of it has been read.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.format {
            SourceFormat::Csv { reader, .. } => reader.position().byte(),
            SourceFormat::JsonLines { bytes_read, .. } => *bytes_read,
        }
    }

    /// The next lines, at least one and as many as fit; none at the end of the file.
    pub(super) fn next_batch(
        &mut self,
        most_lines: usize,
        most_bytes: usize,
    ) -> Result<Option<Vec<SourceLine>>, SourceError> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < most_lines {
            let next = match self.left.take() {
                Some(left) => Some(left),
                None => self.format.next_line()?,
            };
            let Some(line) = next else { break };
            bytes += line.activity.as_ref().map_or(0, |activity| activity.to_string().len() + 1);
            if bytes > most_bytes && !batch.is_empty() {
                self.left = Some(line);
                break;
            }
            batch.push(line);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}

const COLUMNS: [&str; 6] = ["id", "userId", "type", "at", "value", "properties"];

fn check_header(header: &[String]) -> Result<(), SourceError> {
    if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(format!("the header has {unknown:?}; known: {}", COLUMNS.join(", ")).into());
    }
    let needed = COLUMNS.iter().take(3).find(|name| !header.iter().any(|given| given == *name));
    match needed {
        Some(lacking) => Err(format!("the header lacks {lacking:?}").into()),
        None => Ok(()),
    }
}

impl SourceFormat {
    fn next_line(&mut self) -> Result<Option<SourceLine>, SourceError> {
        match self {
            Self::Csv { reader, header, row } => {
                let mut record = StringRecord::new();
                *row += 1;
                let number = *row;
                match reader.read_record(&mut record) {
                    Ok(false) => Ok(None),
                    Ok(true) => {
                        let text = record.iter().collect::<Vec<_>>().join(",");
                        Ok(Some(SourceLine { number, text, activity: read_record(header, &record) }))
                    }
                    Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                        let message = "is not UTF-8".to_owned();
                        Ok(Some(SourceLine { number, text: String::new(), activity: Err(message) }))
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Self::JsonLines { reader, number, bytes_read } => loop {
                let mut line = Vec::new();
                let read = reader.read_until(b'\n', &mut line)?;
                if read == 0 {
                    return Ok(None);
                }
                *number += 1;
                *bytes_read += u64::try_from(read).unwrap_or(u64::MAX);
                let text = String::from_utf8_lossy(&line).trim().to_owned();
                if !text.is_empty() {
                    return Ok(Some(SourceLine { number: *number, activity: read_json_line(&text), text }));
                }
            },
        }
    }
}

fn read_json_line(text: &str) -> Result<Value, String> {
    if text.len() > MOST_LINE_BYTES {
        return Err(format!("has more than {MOST_LINE_BYTES} bytes"));
    }
    serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))
}

/// Empty fields are left out. What is no number where one belongs is passed on as text: the service says what is wrong with it.
fn read_record(header: &[String], record: &StringRecord) -> Result<Value, String> {
    if record.len() != header.len() {
        return Err(format!("has {} fields instead of {}", record.len(), header.len()));
    }
    let mut activity = Map::new();
    for (name, field) in header.iter().zip(record).filter(|(_, field)| !field.is_empty()) {
        let value = match name.as_str() {
            "value" => field.parse::<Number>().map_or_else(|_| Value::from(field), Value::Number),
            "properties" => {
                serde_json::from_str(field).map_err(|error| format!("properties is not JSON: {error}"))?
            }
            _ => Value::from(field),
        };
        activity.insert(name.clone(), value);
    }
    Ok(activity.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines_of(name: &str, content: &[u8], most_lines: usize) -> Vec<Vec<SourceLine>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut source = ActivitySource::open(&path).unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = source.next_batch(most_lines, 1000).unwrap() {
            batches.push(batch);
        }
        batches
    }

    #[test]
    fn a_csv_is_read_with_its_mark_line_ends_quotes_and_empty_fields() {
        let content = "\u{feff}id,userId,type,at,value,properties\r\n\
            a,1,login,2026-05-01T00:00:00Z,,\r\n\r\n\
            \"b,1\" , 2,buy,,0.1,\"{\"\"item\"\": \"\"sword\"\"}\"\r\n\
            c,3\r\n";
        let batches = lines_of("a.csv", content.as_bytes(), 2);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        let expected = json!({"id": "a", "userId": "1", "type": "login", "at": "2026-05-01T00:00:00Z"});
        assert_eq!(batches[0][0].activity, Ok(expected));
        let expected =
            json!({"id": "b,1", "userId": "2", "type": "buy", "value": 0.1, "properties": {"item": "sword"}});
        assert_eq!(batches[0][1].activity, Ok(expected));
        assert_eq!(batches[1][0].activity, Err("has 2 fields instead of 6".to_owned()));
    }

    #[test]
    fn lines_of_json_are_read_one_by_one_and_blank_ones_left_out() {
        let batches = lines_of("a.jsonl", b"{\"id\": \"a\"}\n\n  \nnonsense\n{\"id\": \"b\"}", 10);
        let numbers: Vec<_> = batches[0].iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 4, 5]);
        assert!(batches[0][1].activity.is_err());
        assert_eq!(batches[0][2].activity, Ok(json!({"id": "b"})));
    }

    #[test]
    fn a_batch_ends_before_it_grows_too_long() {
        let line = |number: u32| format!("{{\"id\": \"{number:0>100}\"}}");
        let content = (0..30).map(line).collect::<Vec<_>>().join("\n");
        let batches = lines_of("a.jsonl", content.as_bytes(), 1000);
        assert!(batches.len() > 3);
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 30);
    }

    #[test]
    fn a_header_that_lacks_something_or_has_more_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (content, told) in [("id,userId\n", "lacks \"type\""), ("id,userId,type,when\n", "has \"when\"")]
        {
            let path = folder.path().join("a.csv");
            std::fs::write(&path, content).unwrap();
            let error = ActivitySource::open(&path).err().unwrap().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(ActivitySource::open(&folder.path().join("a.txt")).is_err());
    }
}
