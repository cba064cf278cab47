//! Figures that stand by themselves: memory, and how soon it is ready.

use std::time::Duration;

use crate::{
    api_client::PASSWORD,
    bench_error::BenchResult,
    contest::median,
    guerdon_system::GuerdonSystem,
    raw_sqlite::count_claims,
    read_contest::prepare_me,
    report::{Fact, count_whole},
};

/// Connections that are open and silent.
const CONNECTIONS: usize = 1000;
/// How often it is started.
const STARTS: usize = 11;
/// Until what a start has left to do is done.
const SETTLING: Duration = Duration::from_secs(2);
const MEBIBYTE: u64 = 1024 * 1024;

/// Memory after the load that the system has had, then of a fresh process, then with many connections.
pub(crate) async fn measure_memory(system: &mut GuerdonSystem) -> BenchResult<Vec<Fact>> {
    let reader = system.api.members("silent", 1).await?.remove(0);
    let loaded = memory_fact("memory: the most during all the load above", system.peak_bytes()?, None);
    system.pause()?;
    system.resume().await?;
    tokio::time::sleep(SETTLING).await;
    let idle = memory_fact("memory: idle, just started on these data", system.resident_bytes()?, Some(64));
    let reader = system.api.log_in(&reader.email, PASSWORD).await?;
    let requests = prepare_me(system.api, system.pids(), &[reader]);
    let held = requests.hold(CONNECTIONS).await?;
    let what = format!("memory: with {} connections, each used once", count_whole(held.len() as u64));
    let connected = memory_fact(&what, system.resident_bytes()?, Some(200));
    Ok(vec![idle, connected, loaded])
}

#[allow(clippy::cast_precision_loss, reason = "memory is far below 2^52")]
fn memory_fact(what: &str, bytes: u64, limit: Option<u64>) -> Fact {
    Fact {
        what: what.to_owned(),
        measured: format!("{:.0} MiB", bytes as f64 / MEBIBYTE as f64),
        target: limit.map_or(String::new(), |limit| format!("at most {limit} MiB")),
        reached: limit.map(|limit| bytes <= limit * MEBIBYTE),
    }
}

/// From starting the program until `/readyz` is 200, with the data there are.
pub(crate) async fn measure_start(system: &mut GuerdonSystem) -> BenchResult<Fact> {
    const LIMIT: f64 = 150.0;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        system.pause()?;
        times.push(system.resume().await?.as_secs_f64() * 1000.0);
    }
    let stored = count_claims(&system.database("event.db"))?;
    let (middle, most) = (median(times.iter().copied()), times.iter().copied().fold(0.0, f64::max));
    Ok(Fact {
        what: format!("start to ready, with {} requests stored", count_whole(stored)),
        measured: format!("{middle:.0} ms (the slowest of {STARTS}: {most:.0})"),
        target: format!("at most {LIMIT:.0} ms"),
        reached: Some(middle <= LIMIT),
    })
}
