use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    folder::throw_away_folder,
    programs::{look_up_program, required_program},
    server::ServerProcess,
};

/// What the server says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MongoMode {
    /// A replica set of one, where the program can be one without being told by a client.
    ReplicaSet,
    /// A server of its own, as in the specification's compose file.
    Standalone,
}

/// A server that speaks MongoDB's protocol: the one `MONGODB_URI` names, or one of our own.
#[derive(Debug)]
pub struct Mongo {
    uri: String,
    own: Option<ServerProcess>,
}

impl Mongo {
    /// A server of our own, which can be killed; with MongoDB's own program or `SecantusDB`.
    pub fn start(mode: MongoMode) -> Self {
        Self::start_with(mode, false)
    }

    /// A server that asks for credentials, of which none are right.
    pub fn start_locked() -> Self {
        Self::start_with(MongoMode::Standalone, true)
    }

    fn start_with(mode: MongoMode, auth: bool) -> Self {
        let server = match look_up_program("GUERDON_TEST_MONGOD") {
            Some(mongod) => start_mongod(mongod, auth),
            None => start_secantus(mode, auth),
        };
        Self { uri: format!("mongodb://127.0.0.1:{}", server.port), own: Some(server) }
    }

    /// The shared server if there is one, else one of our own.
    pub fn shared_or_start(mode: MongoMode) -> Self {
        match look_up_program("GUERDON_TEST_MONGODB_URI") {
            Some(uri) => Self { uri, own: None },
            None => Self::start(mode),
        }
    }

    /// Without a database.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// With the name of a database nobody else uses.
    pub fn fresh_database(&self) -> (String, String) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        (self.uri.clone(), format!("guerdon-test-{}-{count}", std::process::id()))
    }

    /// The same as one URL. A user named in the URI stays the one it was.
    pub fn fresh_url(&self) -> String {
        let (uri, database) = self.fresh_database();
        let (scheme, rest) = uri.split_once("://").expect("a URI has a scheme");
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, own) = rest.split_once('/').unwrap_or((rest, ""));
        let source = if own.is_empty() { "admin" } else { own };
        let said = query.is_empty() || query.contains("authSource=") || !hosts.contains('@');
        let source = if said { String::new() } else { format!("&authSource={source}") };
        format!("{scheme}://{hosts}/{database}?{query}{source}")
    }

    /// `kill -9`; its data stays.
    pub fn kill(&mut self) {
        self.own().kill();
    }

    /// After [`Mongo::kill`], on the same port and data.
    pub fn restart(&mut self) {
        self.own().restart();
    }

    /// Leaves it accepting connections without ever answering.
    pub fn freeze(&mut self) {
        self.own().freeze();
    }

    /// Ends [`Mongo::freeze`].
    pub fn thaw(&mut self) {
        self.own().thaw();
    }

    fn own(&mut self) -> &mut ServerProcess {
        self.own.as_mut().expect("only a server of our own can be killed: use Mongo::start")
    }
}

/// A replica set would have to be initiated by a client first, so this is standalone in both modes.
fn start_mongod(program: String, auth: bool) -> ServerProcess {
    ServerProcess::start(throw_away_folder(), move |port, folder| {
        let mut command = Command::new(&program);
        command.args(["--bind_ip", "127.0.0.1", "--quiet", "--port", &port.to_string(), "--dbpath"]);
        command.arg(folder);
        if auth {
            command.arg("--auth");
        }
        command
    })
}

fn start_secantus(mode: MongoMode, auth: bool) -> ServerProcess {
    let program = required_program("GUERDON_TEST_SECANTUSD");
    ServerProcess::start(throw_away_folder(), move |port, folder| {
        let mut command = Command::new(&program);
        command.args([
            "--host",
            "127.0.0.1",
            "--sync-on-commit",
            "--port",
            &port.to_string(),
            "--storage-path",
        ]);
        command.arg(folder.join("data")).current_dir(folder);
        if mode == MongoMode::Standalone {
            command.arg("--standalone");
        }
        if auth {
            command.arg("--auth");
        }
        command
    })
}
