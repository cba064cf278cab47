use axum::{body::Body, routing::get};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::*;

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(100);
/// Far longer than anything here takes: a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

struct TestServer {
    address: SocketAddr,
    stop: CancellationToken,
}

impl TestServer {
    async fn start(settings: ServerSettings) -> Self {
        let large = || async { Body::from(vec![0; 64 * 1024 * 1024]) };
        let router = Router::new().route("/", get(|| async { "hello" })).route("/large", get(large));
        let bound = BoundListener::bind("127.0.0.1", 0, router).await.unwrap();
        let (address, stop) = (bound.address().unwrap(), CancellationToken::new());
        tokio::spawn(serve(vec![bound], settings, stop.clone()));
        Self { address, stop }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn generous_settings() -> ServerSettings {
    ServerSettings {
        keep_alive: LONG,
        request_head: LONG,
        response_write: LONG,
        drain: SHORT,
        max_connections: None,
    }
}

async fn expect_hello(stream: &mut TcpStream) {
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.unwrap().unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&answer));
    }
}

async fn expect_end(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn an_idle_connection_is_kept_longer_than_a_head_may_take() {
    let server = TestServer::start(ServerSettings { request_head: SHORT, ..generous_settings() }).await;
    let mut stream = server.connect().await;
    expect_hello(&mut stream).await;
    sleep(SHORT * 3).await;
    expect_hello(&mut stream).await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for_on_a_new_or_on_a_kept_connection() {
    let server = TestServer::start(ServerSettings { request_head: SHORT, ..generous_settings() }).await;
    for beginning in ["", "G", "GET / HTTP/1.1\r\nhost: ", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        expect_end(&mut stream).await;
    }
    let mut stream = server.connect().await;
    expect_hello(&mut stream).await;
    stream.write_all(&REQUEST[..10]).await.unwrap();
    assert_eq!(expect_end(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let server = TestServer::start(ServerSettings { keep_alive: SHORT, ..generous_settings() }).await;
    let mut stream = server.connect().await;
    expect_hello(&mut stream).await;
    assert_eq!(expect_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_connection_of_http_2_is_closed_when_no_request_comes_whatever_else_it_says() {
    let server = TestServer::start(ServerSettings { keep_alive: SHORT, ..generous_settings() }).await;
    let io = hyper_util::rt::TokioIo::new(server.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::Builder::new(executor).handshake::<_, Body>(io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get(format!("http://{}/", server.address)).body(Body::empty()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK);
    // The sender is kept: the client itself would never close.
    let _ = timeout(PATIENCE, connection).await.expect("the connection is closed");
    assert!(sender.is_closed());
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let server = TestServer::start(ServerSettings { response_write: SHORT, ..generous_settings() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let cut_off = async {
        // Nothing is read: the cut shows in writes that fail.
        while stream.write_all(b"\r\n").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, cut_off).await.expect("the connection is cut");
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_steadily_gets_its_whole_answer() {
    let server = TestServer::start(ServerSettings { response_write: SHORT * 5, ..generous_settings() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut total = 0;
    let mut buffer = vec![0; 8 * 1024 * 1024];
    loop {
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        if read == 0 {
            break;
        }
        total += read;
        sleep(Duration::from_millis(1)).await;
    }
    assert!(total > 64 * 1024 * 1024, "{total}");
}

#[tokio::test]
async fn a_head_of_more_than_64_kib_is_refused_before_it_ends() {
    let server = TestServer::start(generous_settings()).await;
    let mut stream = server.connect().await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}", "a".repeat(70_000));
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = expect_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn silent_connections_make_room_for_those_who_have_something_to_say() {
    let server = TestServer::start(ServerSettings { max_connections: Some(4), ..generous_settings() }).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(server.connect().await);
    }
    let mut stream = server.connect().await;
    expect_hello(&mut stream).await;
    let mut oldest = silent.swap_remove(0);
    assert_eq!(expect_end(&mut oldest).await, "");
}

#[tokio::test]
async fn a_served_connection_is_kept_while_silent_ones_come_and_go() {
    let server = TestServer::start(ServerSettings { max_connections: Some(4), ..generous_settings() }).await;
    let mut stream = server.connect().await;
    expect_hello(&mut stream).await;
    for _ in 0..20 {
        server.connect().await;
        expect_hello(&mut stream).await;
    }
}
