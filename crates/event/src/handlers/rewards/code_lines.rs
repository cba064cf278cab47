//! Coupon codes from lines of comma-separated values: the first column of each line.
//!
//! A code has no line break in it, so each line is read by itself: a quotation mark that is never closed spoils its own line and
//! no other.

use bytes::Bytes;
use csv_core::{ReadFieldResult, Reader};

use crate::app::code_pools::GivenCode;

/// What a spreadsheet may put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The name of the column, in the first line or not at all.
const HEADER: &[u8] = b"code";

/// The codes of a text, one after another, as they are asked for. Blank lines and a header are passed over.
pub(super) struct CodeLines {
    text: Bytes,
    at: usize,
    line: u64,
    reader: Reader,
    field: Vec<u8>,
    is_first: bool,
}

impl CodeLines {
    pub(super) fn new(text: Bytes) -> Self {
        let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { text, at, line: 0, reader: Reader::new(), field: Vec::new(), is_first: true }
    }

    /// Lines end as anywhere: with LF, CRLF or CR.
    fn next_line(&mut self) -> Option<Bytes> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let end = if rest[length..].starts_with(b"\r\n") { 2 } else { 1 };
        let line = self.text.slice(self.at..self.at + length);
        self.at += length + end;
        self.line += 1;
        Some(line)
    }

    /// The first column, or what is wrong with it.
    fn read_code(&mut self, line: &[u8]) -> Result<String, &'static str> {
        self.field.resize(line.len() + 1, 0);
        self.reader.reset();
        let (mut result, _, mut length) = self.reader.read_field(line, &mut self.field);
        if result == ReadFieldResult::InputEmpty {
            let (ended, _, more) = self.reader.read_field(b"\n", &mut self.field[length..]);
            (result, length) = (ended, length + more);
        }
        if !matches!(result, ReadFieldResult::Field { .. }) {
            return Err("has a quotation mark that is never closed");
        }
        let code = std::str::from_utf8(&self.field[..length]).map_err(|_| "is not UTF-8")?;
        Ok(code.to_owned())
    }
}

impl Iterator for CodeLines {
    type Item = GivenCode;

    fn next(&mut self) -> Option<GivenCode> {
        loop {
            let line = self.next_line()?;
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let code = self.read_code(line);
            let is_header =
                code.as_ref().is_ok_and(|code| code.trim().as_bytes().eq_ignore_ascii_case(HEADER));
            if std::mem::take(&mut self.is_first) && is_header {
                continue;
            }
            let code = match code {
                Ok(code) => code.parse().map_err(|error: domain::InvalidText| error.to_string()),
                Err(message) => Err(message.to_owned()),
            };
            return Some(GivenCode { line: self.line, code });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each code with its line, or the line and a part of what is wrong.
    fn read(text: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let given = CodeLines::new(Bytes::copy_from_slice(text));
        given.map(|given| (given.line, given.code.map(domain::TextLine::into_string))).collect()
    }

    fn codes(text: impl AsRef<[u8]>) -> Vec<String> {
        read(text.as_ref())
            .into_iter()
            .map(|(_, code)| code.unwrap_or_else(|error| format!("! {error}")))
            .collect()
    }

    #[test]
    fn a_file_is_read_however_a_spreadsheet_writes_it() {
        for text in [
            "A1\nB2\nC3",
            "A1\nB2\nC3\n",
            "A1\r\nB2\r\nC3\r\n",
            "A1\rB2\rC3\r",
            "\u{feff}A1\nB2\nC3",
            "code\nA1\nB2\nC3",
            "\u{feff}\"Code\",note\r\nA1,x\r\nB2,\"y,\"\r\nC3,\r\n",
            "\n\n  \t\nCODE\n  A1  \n\n\tB2\t\n \nC3\n\n",
            "\"A1\"\n \"B2\" \n\" C3 \"",
            "A1,\"never closed\nB2\nC3",
        ] {
            assert_eq!(codes(text), ["A1", "B2", "C3"], "{text:?}");
        }
    }

    #[test]
    fn quotes_keep_what_is_in_them() {
        assert_eq!(
            codes("\"A,1\",x\n\"say \"\"hi\"\"\"\n한글-코드\ncode"),
            ["A,1", "say \"hi\"", "한글-코드", "code"]
        );
    }

    #[test]
    fn what_is_no_code_spoils_its_own_line_only() {
        let long = "x".repeat(201);
        let text = format!("A1\n\"open\nB2\n{long}\n,x\n\"\"\nC\x073\n{}\n", "y".repeat(200));
        let found = read(text.as_bytes());
        let lines: Vec<_> = found.iter().filter(|(_, code)| code.is_err()).map(|(line, _)| *line).collect();
        assert_eq!((found.len(), lines), (8, vec![2, 4, 5, 6, 7]));
        let found = read(b"A1\n\xff\xfe\nB2\n\n\xc3");
        let lines: Vec<_> = found.iter().map(|(line, code)| (*line, code.is_ok())).collect();
        assert_eq!(lines, [(1, true), (2, false), (3, true), (5, false)]);
        assert!(read(b"").is_empty() && read(b"\n\r\n  ").is_empty() && read(b"code\n").is_empty());
    }
}
