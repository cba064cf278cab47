use std::{
    fmt,
    fs::OpenOptions,
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    folder::{LOG, PID_FILE},
    port_lease::PortLease,
    signals::{continue_processes, stop_processes},
};

/// How long a server may take to listen, also on a busy machine.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(30);

/// How a server is started, given its port and its folder.
type StartCommand = Box<dyn Fn(u16, &Path) -> Command + Send + Sync>;

/// One server process with its port and its folder. Killed when dropped.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) port: u16,
    /// Held while the server is down, too, so that it finds its port free when it is started again.
    _lease: PortLease,
    folder: TempDir,
    start: StartCommand,
}

impl ServerProcess {
    /// Starts it and waits until it accepts connections.
    pub(crate) fn start(
        folder: TempDir,
        start: impl Fn(u16, &Path) -> Command + Send + Sync + 'static,
    ) -> Self {
        let lease = PortLease::take();
        let port = lease.port();
        let start: StartCommand = Box::new(start);
        let child = spawn_server(start(port, folder.path()), folder.path());
        let mut server = Self { child, port, _lease: lease, folder, start };
        server.wait_until_it_listens();
        server
    }

    /// `kill -9`: no chance to finish anything. Its data stays.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server is ours to kill");
        self.child.wait().expect("a killed server ends");
    }

    /// Starts it again after [`ServerProcess::kill`], on the same port and data. It gives up at once as long as a process that
    /// the killed one left behind has the data open, so it is started until it stays.
    pub(crate) fn restart(&mut self) {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            self.child = spawn_server((self.start)(self.port, self.folder.path()), self.folder.path());
            if self.listens() {
                return;
            }
            assert!(Instant::now() < deadline, "a server did not start again:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Leaves it accepting connections without ever answering, until [`ServerProcess::thaw`].
    pub(crate) fn freeze(&self) {
        stop_processes(&[self.child.id()]);
    }

    /// Ends [`ServerProcess::freeze`].
    pub(crate) fn thaw(&self) {
        continue_processes(&[self.child.id()]);
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// The processes it has started; none once it has ended.
    pub(crate) fn children(&self) -> Vec<u32> {
        let pid = self.child.id();
        let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }

    fn wait_until_it_listens(&mut self) {
        assert!(self.listens(), "a server did not start:\n{}", self.log());
    }

    /// Waits until it accepts connections; false if it has ended instead.
    fn listens(&mut self) -> bool {
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if !self.is_running() || Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Debug for ServerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerProcess").field("port", &self.port).finish_non_exhaustive()
    }
}

fn spawn_server(mut command: Command, folder: &Path) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(folder.join(LOG)).expect("a log file");
    let errors = log.try_clone().expect("a second handle");
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let child = command.spawn().expect("the server's program runs");
    std::fs::write(folder.join(PID_FILE), child.id().to_string()).expect("the folder is ours");
    child
}
