use std::{
    fmt,
    fs::OpenOptions,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a server may take to listen, also on a busy machine.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(30);

const SHARED_MEMORY: &str = "/dev/shm";
/// What several servers at a time need, in megabytes.
const ROOM: u64 = 2048;

/// How a server is started, given its port and its folder.
type Start = Box<dyn Fn(u16, &Path) -> Command + Send + Sync>;

/// One server process with its port and its folder. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    start: Start,
}

impl Server {
    /// Starts it and waits until it accepts connections.
    pub(crate) fn start(
        folder: TempDir,
        start: impl Fn(u16, &Path) -> Command + Send + Sync + 'static,
    ) -> Self {
        let port = free_port();
        let start: Start = Box::new(start);
        let child = spawn(start(port, folder.path()), folder.path());
        let mut server = Self { child, port, folder, start };
        server.wait_until_it_listens();
        server
    }

    /// `kill -9`: no chance to finish anything. Its data stays.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server is ours to kill");
        self.child.wait().expect("a killed server ends");
    }

    /// Starts it again after [`Server::kill`], on the same port and data. It gives up at once as long as a process that
    /// the killed one left behind has the data open, so it is started until it stays.
    pub(crate) fn restart(&mut self) {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            self.child = spawn((self.start)(self.port, self.folder.path()), self.folder.path());
            if self.listens() {
                return;
            }
            assert!(Instant::now() < deadline, "a server did not start again:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal: `STOP` leaves it accepting connections without ever answering, until `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        self.signal_to(name, &[]);
    }

    /// The same, to these processes of its own as well.
    pub(crate) fn signal_to(&self, name: &str, others: &[u32]) {
        let pids = std::iter::once(self.child.id()).chain(others.iter().copied());
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).args(pids.map(|pid| pid.to_string()));
        assert!(kill.status().expect("kill runs").success());
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
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("port", &self.port).finish_non_exhaustive()
    }
}

fn spawn(mut command: Command, folder: &Path) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a log file");
    let errors = log.try_clone().expect("a second handle");
    command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("the server's program runs")
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// In memory where there is room: what a server has written outlives its `kill -9` there as well, and writing it
/// through to a disk is what most of a test's time would go into.
pub(crate) fn folder() -> TempDir {
    static MEMORY: OnceLock<bool> = OnceLock::new();
    let mut folder = tempfile::Builder::new();
    folder.prefix("guerdon-test-");
    let memory = *MEMORY.get_or_init(has_room);
    let made = if memory { folder.tempdir_in(SHARED_MEMORY) } else { folder.tempdir() };
    made.expect("a throw-away folder")
}

/// Containers often have very little.
fn has_room() -> bool {
    let answer = Command::new("df").args(["--output=avail", "--block-size=1M", SHARED_MEMORY]).output();
    let megabytes = answer.ok().and_then(|answer| {
        let text = String::from_utf8(answer.stdout).ok()?;
        text.lines().nth(1)?.trim().parse::<u64>().ok()
    });
    megabytes.is_some_and(|megabytes| megabytes >= ROOM)
}
