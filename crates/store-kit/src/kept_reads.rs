//! Reads that are answered from memory for as long as nothing in their store has changed.

use std::{fmt, hash::Hash, sync::Arc};

use moka::sync::Cache;

use crate::changes::{ChangeMark, ChangeWatch};

/// What was read, and is answered again while the store shows the mark that it had before the read began.
///
/// Nothing is ever older than its question: the store is asked for its mark after the question came, and a
/// value is kept with a mark from before it was read. So an equal mark means that nothing was committed
/// since, and a write that was acknowledged before the question is always seen. A store that cannot tell is
/// read each time.
///
/// Bounded by the memory that the values take; what is used least goes first. Cheap to clone; clones share
/// what is kept.
pub struct KeptReads<K, V> {
    watch: Arc<dyn ChangeWatch>,
    values: Cache<K, (ChangeMark, V)>,
}

impl<K, V> KeptReads<K, V>
where
    K: Hash + Eq + Copy + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps values of this store in about `most_bytes`; `weigh` says how many bytes one takes.
    pub fn new(watch: Arc<dyn ChangeWatch>, most_bytes: u64, weigh: fn(&V) -> usize) -> Self {
        let weigher =
            move |_: &K, (_, value): &(ChangeMark, V)| u32::try_from(weigh(value)).unwrap_or(u32::MAX);
        Self { watch, values: Cache::builder().max_capacity(most_bytes).weigher(weigher).build() }
    }

    /// The value that was kept, if it still holds; else what `read` finds now.
    pub async fn find<E>(&self, key: K, read: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        let Some(mark) = self.watch.mark() else { return read.await };
        if let Some((kept_at, value)) = self.values.get(&key)
            && kept_at == mark
        {
            return Ok(value);
        }
        let value = read.await?;
        self.values.insert(key, (mark, value.clone()));
        Ok(value)
    }
}

impl<K, V> Clone for KeptReads<K, V> {
    fn clone(&self) -> Self {
        Self { watch: Arc::clone(&self.watch), values: self.values.clone() }
    }
}

impl<K, V> fmt::Debug for KeptReads<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptReads").field("watch", &self.watch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::changes::Unwatched;

    #[derive(Debug, Default)]
    struct CountedChanges(AtomicI64);

    impl ChangeWatch for CountedChanges {
        fn mark(&self) -> Option<ChangeMark> {
            Some(ChangeMark(self.0.load(Ordering::SeqCst)))
        }
    }

    async fn found(kept: &KeptReads<u8, &'static str>, stored: Result<&'static str, ()>) -> &'static str {
        kept.find(1, async { stored }).await.unwrap_or("failed")
    }

    #[tokio::test]
    async fn what_was_read_is_answered_again_until_something_changes() {
        let changes = Arc::new(CountedChanges::default());
        let kept = KeptReads::new(Arc::<CountedChanges>::clone(&changes), 1000, |_| 1);
        assert_eq!(found(&kept, Ok("old")).await, "old");
        assert_eq!(found(&kept, Ok("new")).await, "old");
        changes.0.fetch_add(1, Ordering::SeqCst);
        assert_eq!(found(&kept, Err(())).await, "failed");
        assert_eq!(found(&kept, Ok("new")).await, "new");
        assert_eq!(found(&kept, Err(())).await, "new");
    }

    #[tokio::test]
    async fn what_changed_while_it_was_read_is_read_again() {
        let changes = Arc::new(CountedChanges::default());
        let kept = KeptReads::new(Arc::<CountedChanges>::clone(&changes), 1000, |_| 1);
        let overtaken = kept.find(1, async {
            changes.0.fetch_add(1, Ordering::SeqCst);
            Ok::<_, ()>("old")
        });
        assert_eq!(overtaken.await, Ok("old"));
        assert_eq!(found(&kept, Ok("new")).await, "new");
    }

    #[tokio::test]
    async fn a_store_that_cannot_tell_is_read_each_time() {
        let kept = KeptReads::new(Arc::new(Unwatched), 1000, |_| 1);
        assert_eq!(found(&kept, Ok("old")).await, "old");
        assert_eq!(found(&kept, Ok("new")).await, "new");
    }
}
