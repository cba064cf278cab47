use std::time::Duration;

use clap::Args;

use super::Outcome;
use crate::assembly::Topology;

/// For container health checks, where no curl may be at hand.
#[derive(Debug, Args)]
pub(crate) struct Healthcheck {
    /// Which process to ask
    #[arg(value_enum, default_value = "all")]
    service: Topology,
    /// Where it runs
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Its operations port, if it is not the usual one
    #[arg(long)]
    port: Option<u16>,
}

impl Healthcheck {
    pub(crate) async fn run(self) -> Outcome {
        let port = self.port.unwrap_or_else(|| self.usual_port());
        let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).build()?;
        let answer = client.get(format!("http://{}:{port}/readyz", self.host)).send().await?;
        let ready = answer.status().is_success();
        let body = answer.text().await?;
        println!("{body}");
        if ready { Ok(()) } else { Err("not ready".into()) }
    }

    fn usual_port(&self) -> u16 {
        let (variable, usual) = match self.service {
            Topology::All | Topology::Gateway => ("GATEWAY_PORT", 3000),
            Topology::Auth => ("AUTH_SERVICE_PORT", 3001),
            Topology::Event => ("EVENT_SERVICE_PORT", 3002),
        };
        std::env::var(variable).ok().and_then(|port| port.parse().ok()).unwrap_or(usual)
    }
}
