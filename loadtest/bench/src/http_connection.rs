//! A keep-alive connection that does as little as can be done, so that what is measured is the server.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Headers that an answer may have.
const HEADERS_MAX: usize = 64;
/// An answer to a measured request fits into it at once; longer ones make it grow.
const BUFFER_BYTES: usize = 16 * 1024;

/// One connection. Requests are not pipelined: each waits for the answer before it.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A whole answer, as it lies in the connection's buffer.
#[derive(Debug)]
pub(crate) struct HttpAnswer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

struct AnswerHead {
    status: u16,
    length: usize,
    body_length: usize,
}

impl HttpConnection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<HttpAnswer<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            filled += self.read_more(filled).await?;
            if let Some(head) = read_head(&self.buffer[..filled])? {
                break head;
            }
        };
        let end = head.length + head.body_length;
        while filled < end {
            filled += self.read_more(filled).await?;
        }
        Ok(HttpAnswer { status: head.status, body: &self.buffer[head.length..end] })
    }

    async fn read_more(&mut self, filled: usize) -> io::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[filled..]).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            read => Ok(read),
        }
    }
}

/// None as long as a part of it is missing. Answers of unknown length are refused: no measured route gives one.
fn read_head(bytes: &[u8]) -> io::Result<Option<AnswerHead>> {
    let invalid = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message);
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let parsed = answer.parse(bytes).map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let status = answer.code.ok_or_else(|| invalid("an answer without a status"))?;
    let mut body_length = (status == 204).then_some(0);
    for header in answer.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-length")) {
        body_length = std::str::from_utf8(header.value).ok().and_then(|text| text.parse().ok());
    }
    let body_length = body_length.ok_or_else(|| invalid("an answer without Content-Length"))?;
    Ok(Some(AnswerHead { status, length, body_length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let bytes = b"HTTP/1.1 201 Created\r\ncontent-length: 12\r\nx: y\r\n\r\nhello, world";
        assert!(read_head(&bytes[..30]).unwrap().is_none());
        let head = read_head(bytes).unwrap().unwrap();
        assert_eq!((head.status, head.body_length, bytes.len() - head.length), (201, 12, 12));
    }

    #[test]
    fn an_answer_of_unknown_length_is_refused() {
        assert!(read_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert_eq!(read_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().body_length, 0);
    }
}
