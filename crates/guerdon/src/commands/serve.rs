use clap::Args;
use service_kit::{server, telemetry};
use tokio_util::sync::CancellationToken;

use super::Outcome;
use crate::{
    assembly::{self, Topology},
    first_admin,
    settings::Settings,
};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Which services this process runs
    #[arg(value_enum, default_value = "all")]
    topology: Topology,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    /// Serves until SIGTERM or Ctrl-C, then finishes what is in flight.
    pub(crate) async fn run(self) -> Outcome {
        telemetry::start(&self.settings.log_level)?;
        let app = assembly::assemble(self.topology, &self.settings).await?;
        let told_to_stop = server::stop_signal()?;
        if let Some(first_admin) = &app.first_admin {
            announce(first_admin.ensure().await?);
        }
        for part in &app.parts {
            tracing::info!(part = part.name, address = %part.bound.address()?, "listening");
        }
        let stop = CancellationToken::new();
        let listeners = app.parts.into_iter().map(|part| part.bound).collect();
        let serving = server::serve(listeners, server::ServerSettings::default(), stop.clone());
        let signalled = async {
            told_to_stop.await;
            tracing::info!("stopping: finishing what is in flight");
            stop.cancel();
        };
        tokio::join!(serving, signalled);
        tracing::info!("stopped");
        Ok(())
    }
}

fn announce(first_admin_password: Option<String>) {
    if let Some(password) = first_admin_password {
        eprintln!("\n  First start: the administrator is {} with the password", first_admin::EMAIL);
        eprintln!("  {password}\n  It is shown only now; keep it safe.\n");
    }
}
