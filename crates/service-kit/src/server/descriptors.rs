//! How many connections the limit of open files allows.

/// What the stores' connections, files and the listeners need besides: a quarter of all, within these bounds.
const RESERVE_MIN: u64 = 32;
const RESERVE_MAX: u64 = 1024;
/// More connections than any one process can serve; keeps arithmetic and tables in bounds where there is no
/// limit.
const CONNECTIONS_MAX: u64 = 1 << 20;

/// Raises the soft limit of open files to the hard one, and tells how many connections fit below it with a
/// reserve.
pub(super) fn connection_capacity() -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be raised");
        rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(1024, |(soft, _)| soft)
    });
    capacity_below(limit)
}

fn capacity_below(limit: u64) -> usize {
    let reserve = (limit / 4).clamp(RESERVE_MIN, RESERVE_MAX);
    usize::try_from(limit.saturating_sub(reserve).clamp(1, CONNECTIONS_MAX)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_of_descriptors_is_left_for_stores_and_files() {
        assert_eq!(capacity_below(1024), 768);
        assert_eq!(capacity_below(20_000), 18_976);
        assert_eq!(capacity_below(u64::MAX), 1 << 20);
        assert_eq!(capacity_below(16), 1);
    }
}
