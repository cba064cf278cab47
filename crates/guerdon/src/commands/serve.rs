use clap::Args;
use service_kit::{server, telemetry, traces::TraceExport};
use tokio_util::sync::CancellationToken;

use super::Outcome;
use crate::{
    assembly::{self, Topology},
    first_admin,
    settings::Settings,
};

#[derive(Debug, Args)]
pub(crate) struct ServeCommand {
    /// Which services this process runs
    #[arg(value_enum, default_value = "all")]
    topology: Topology,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

impl ServeCommand {
    /// Serves until SIGTERM or Ctrl-C, then finishes what is in flight.
    pub(crate) async fn run(self) -> Outcome {
        let traces = match self.settings.collector.traces_of(self.topology.trace_name()) {
            Some(settings) => TraceExport::start(&settings)?,
            None => TraceExport::off(),
        };
        telemetry::start(self.settings.log_level.as_str(), &traces)?;
        let assembly = assembly::assemble_services(self.topology, &self.settings).await?;
        let told_to_stop = server::stop_signal()?;
        if let Some(first_admin) = &assembly.first_admin {
            announce_first_admin(first_admin.ensure().await?);
        }
        for listener in &assembly.listeners {
            tracing::info!(part = listener.name, address = %listener.bound.address()?, "listening");
        }
        let stop = CancellationToken::new();
        let serving = assembly.run(stop.clone(), traces);
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

fn announce_first_admin(first_admin_password: Option<String>) {
    if let Some(password) = first_admin_password {
        eprintln!("\n  First start: the administrator is {} with the password", first_admin::EMAIL);
        eprintln!("  {password}\n  It is shown only now; keep it safe.\n");
    }
}
