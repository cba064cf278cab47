//! A server in a process of its own, killed when its handle goes.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    bench_error::{BenchError, BenchResult, NameWhat},
    http_connection::HttpConnection,
};

/// How long a server may take to answer for the first time, also on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How often it is asked.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// A running server.
#[derive(Debug)]
pub(crate) struct ChildServer {
    child: Child,
}

impl ChildServer {
    /// Starts a program with these variables and no others. What it prints goes into two files of the folder.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        variables: &[(String, String)],
        folder: &Path,
        name: &str,
    ) -> BenchResult<Self> {
        let file = |kind: &str| {
            let path = folder.join(format!("{name}.{kind}"));
            File::create(&path).about(path.display().to_string())
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(file("out")?).stderr(file("err")?);
        let child = command.spawn().about(program.display().to_string())?;
        Ok(Self { child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until GET of this path is answered 200.
    pub(crate) async fn until_ready(&mut self, port: u16, path: &str) -> BenchResult<()> {
        let address = loopback(port);
        let started = Instant::now();
        while !answers_ok(address, path).await {
            if let Some(status) = self.child.try_wait()? {
                return Err(BenchError::Unusable(format!("a server ended by itself: {status}")));
            }
            if started.elapsed() > START_LIMIT {
                return Err(BenchError::Unusable(format!("nothing became ready on {address}{path}")));
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        Ok(())
    }

    /// Asks it to end in order, and waits until it has.
    pub(crate) fn stop(mut self) -> BenchResult<()> {
        test_servers::send_signal("TERM", &[self.child.id()]);
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The loopback address with this port.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

async fn answers_ok(address: SocketAddr, path: &str) -> bool {
    let Ok(mut connection) = HttpConnection::open(address).await else { return false };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    connection.exchange(request.as_bytes()).await.is_ok_and(|answer| answer.status == 200)
}
