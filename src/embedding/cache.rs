//! Vectors of texts that were embedded before, within a bound.

use std::sync::Arc;

use moka::sync::Cache;

use crate::embedding::embedder::Embedded;

/// What an entry takes beside its text and its numbers, about.
const ENTRY_OVERHEAD_BYTES: usize = 160;

/// The vectors of one model, by exactly what the model read: prefix and normalised text.
pub(super) struct VectorCache(Cache<Arc<str>, Embedded>);

impl VectorCache {
    /// A cache of at most so many MiB; what is used rarely goes first.
    pub(super) fn new(capacity_mb: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity_mb * 1024 * 1024)
            .weigher(|text: &Arc<str>, embedded: &Embedded| {
                let bytes = text.len() + size_of_val(&*embedded.vector) + ENTRY_OVERHEAD_BYTES;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .build();
        Self(cache)
    }

    /// The vector of a text, marked as cached.
    pub(super) fn get(&self, text: &str) -> Option<Embedded> {
        self.0.get(text).map(|embedded| Embedded { cached: true, ..embedded })
    }

    /// Keeps a vector.
    pub(super) fn insert(&self, text: Arc<str>, embedded: Embedded) {
        self.0.insert(text, embedded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_stays_within_its_bound() {
        let cache = VectorCache::new(1);
        for number in 0..5_000 {
            let vector = vec![0.5; 384].into();
            let embedded = Embedded { vector, tokens: 3, truncated: false, cached: false };
            cache.insert(number.to_string().into(), embedded);
        }
        cache.0.run_pending_tasks();
        assert!(cache.0.weighted_size() <= 1024 * 1024, "{}", cache.0.weighted_size());
        assert!(cache.0.entry_count() > 500, "{}", cache.0.entry_count());
    }
}
