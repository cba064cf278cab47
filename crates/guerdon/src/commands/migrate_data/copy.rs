use indicatif::{ProgressBar, ProgressStyle};

use super::{
    collection::Collection,
    compare::{Comparison, CopyError, compare},
};

/// Records in one step: what a kill can cost is one of these.
const STEP: usize = 1000;

/// Copies what the target lacks, compares the two sides again, and returns how many were missing.
pub(super) async fn copy(from: &Collection, to: &Collection, found: Comparison) -> Result<u64, CopyError> {
    let name = from.name();
    if found.missing == 0 {
        println!("{name}: {}, all there before", found.source);
        return Ok(0);
    }
    copy_missing(from, to, &found).await?;
    let after = compare(from, to).await?;
    after.must_be_equal()?;
    println!("{name}: {}, {} copied", after.source, found.missing);
    Ok(found.missing)
}

async fn copy_missing(from: &Collection, to: &Collection, found: &Comparison) -> Result<(), CopyError> {
    let failed = |error| CopyError::Store(from.name(), error);
    let progress = bar("copying", from.name(), Some(found.source.count));
    let (begun, mut after) = found.begun;
    progress.set_position(begun);
    // A bar that is taken up again would take those of before for the work of a moment.
    progress.reset_eta();
    let mut next = from.export(after, STEP).await.map_err(failed)?;
    while let Some(last) = next.last() {
        after = Some(last.id());
        let records = next.len() as u64;
        let (exported, imported) = tokio::join!(from.export(after, STEP), to.import(next));
        imported.map_err(failed)?;
        next = exported.map_err(failed)?;
        progress.inc(records);
    }
    progress.finish_and_clear();
    Ok(())
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar(verb: &str, name: &str, count: Option<u64>) -> ProgressBar {
    let template = match count {
        Some(_) => "{msg:26} {wide_bar} {pos}/{len} {eta}",
        None => "{msg:26} {spinner} {pos}",
    };
    let bar = count.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let bar = bar.with_message(format!("{verb} {name}"));
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
