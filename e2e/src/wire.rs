use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::api::Answer;

/// How long an answer may take: longer than any time limit of the system.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A connection spoken to byte by byte, for requests that no client would send.
#[derive(Debug)]
pub struct Wire(TcpStream);

impl Wire {
    /// Connects to `host:port`.
    pub async fn connect(address: &str) -> Self {
        Self(TcpStream::connect(address).await.expect("the system listens"))
    }

    /// Sends the head of a request that closes the connection, with these header lines.
    pub async fn head(&mut self, request_line: &str, headers: &[String]) {
        let mut head = format!("{request_line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        self.send(&format!("{head}\r\n")).await;
    }

    /// Sends some bytes.
    pub async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("the system reads");
    }

    /// The whole answer, once the system has closed the connection.
    pub async fn answer(mut self) -> Answer {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(ANSWER_LIMIT, self.0.read_to_end(&mut bytes)).await;
        read.expect("an answer in time").expect("an answer");
        let text = String::from_utf8(bytes).expect("the answer is UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let mut lines = head.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
        let headers: HeaderMap = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| {
                let name: HeaderName = name.parse().expect("a header name");
                (name, value.parse::<HeaderValue>().expect("a header value"))
            })
            .collect();
        let json = serde_json::from_str(body).unwrap_or_default();
        Answer { status, headers, body: json, text: body.to_owned() }
    }
}
