use std::time::Duration;

use clap::Args;
use http::Method;
use serde_json::Value;
use tokio::time::timeout;

use super::Outcome;
use crate::{
    assembly::Topology,
    http_client::DirectClient,
    settings::{HostName, PortSettings},
};

/// How long an answer may take. A process that cannot say in this time whether it is ready is not.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// For container health checks, where no curl may be at hand.
#[derive(Debug, Args)]
pub(crate) struct HealthcheckCommand {
    /// Which process to ask
    #[arg(value_enum, default_value = "all")]
    service: Topology,
    /// Where it runs
    #[arg(long, default_value = "127.0.0.1")]
    host: HostName,
    /// Its operations port, if it is not the one that the variables say
    #[arg(long)]
    port: Option<u16>,
    #[command(flatten)]
    ports: PortSettings,
}

impl HealthcheckCommand {
    /// Prints what `/readyz` answers, and fails unless that is 200.
    pub(crate) async fn run(self) -> Outcome {
        let url = format!("http://{}:{}/readyz", self.host.url_host(), self.port()?);
        let asked = DirectClient::new();
        let answer = timeout(ANSWER_LIMIT, asked.send(Method::GET, &url, None, &Value::Null)).await;
        let answer = answer.map_err(|_| "no answer in time")?.map_err(|error| explain_error(&*error))?;
        println!("{}", answer.text);
        if answer.status.is_success() { Ok(()) } else { Err("not ready".into()) }
    }

    fn port(&self) -> Result<u16, &'static str> {
        let usual = match self.service {
            Topology::All | Topology::Gateway => self.ports.gateway_port,
            Topology::Auth => self.ports.auth_service_port,
            Topology::Event => self.ports.event_service_port,
        };
        match self.port.unwrap_or(usual) {
            0 => Err("port 0 is any free one: say with --port which it is"),
            port => Ok(port),
        }
    }
}

/// An error with its causes: the first one alone says no more than that there was one.
fn explain_error(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
