use clap::Args;
use service_kit::{server, telemetry};
use tokio_util::sync::CancellationToken;

use super::Outcome;
use crate::{
    assembly::{self, Topology},
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
        if let Some(password) = &app.first_admin_password {
            eprintln!("\n  First start: the administrator is {} with the password", assembly::FIRST_ADMIN);
            eprintln!("  {password}\n  It is shown only now; keep it safe.\n");
        }
        for part in &app.parts {
            tracing::info!(part = part.name, address = %part.bound.address()?, "listening");
        }
        let stop = CancellationToken::new();
        let serving = server::serve(app.parts.into_iter().map(|part| part.bound).collect(), stop.clone());
        let signalled = async {
            server::stop_signal().await?;
            tracing::info!("stopping: finishing what is in flight");
            stop.cancel();
            Ok::<_, std::io::Error>(())
        };
        let ((), signalled) = tokio::join!(serving, signalled);
        signalled?;
        tracing::info!("stopped");
        Ok(())
    }
}
