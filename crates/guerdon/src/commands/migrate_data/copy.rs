use futures::{TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    collection::{Collection, CopiedRecord},
    compare::{Comparison, CopyError, compare},
};

/// Records in one step.
const STEP: usize = 1000;
/// Steps on their way to the target, which works on one while the next is prepared. Being cut off may leave gaps between
/// them; the next comparison finds the first, and copying begins there.
const AT_ONCE: usize = 3;

/// Copies what the target lacks, compares the two sides again, and returns how many were missing.
pub(super) async fn copy(from: &Collection, to: &Collection, found: Comparison) -> Result<u64, CopyError> {
    let name = from.name();
    if found.missing == 0 {
        println!("{name}: {}, all there before", found.source);
        return Ok(0);
    }
    copy_missing(from, to, &found).await?;
    let after = compare(from, to, Some(2 * found.source.count)).await?;
    after.must_be_equal()?;
    println!("{name}: {}, {} copied", after.source, found.missing);
    Ok(found.missing)
}

async fn copy_missing(from: &Collection, to: &Collection, found: &Comparison) -> Result<(), CopyError> {
    let failed = |error| CopyError::Store(from.name(), error);
    let progress = bar("copying", from.name(), Some(found.source.count));
    let (begun, after) = found.begun;
    progress.set_position(begun);
    // A bar that is taken up again would take those of before for the work of a moment.
    progress.reset_eta();
    let chunks = stream::try_unfold(from.read(after), |mut source| async move {
        let records = source.next_chunk(STEP).await?;
        Ok((!records.is_empty()).then_some((records, source)))
    });
    let import = async |records: Vec<CopiedRecord>| {
        to.import(&records).await?;
        progress.inc(records.len() as u64);
        Ok(())
    };
    chunks.try_for_each_concurrent(AT_ONCE, import).await.map_err(failed)?;
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
