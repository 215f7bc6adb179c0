//! The least and the greatest value of every number. The manual names them too; a test compares.

use toml::Value;

use crate::config::layers::Layers;
use crate::config::problem::Problem;

/// Key, least, greatest.
pub(super) const BOUNDS: &[(&str, f64, f64)] = &[
    ("server.max_body_bytes", 1024.0, 1_073_741_824.0),
    ("server.max_in_flight", 1.0, 100_000.0),
    ("server.requests_per_minute_per_key", 0.0, 1_000_000.0),
    ("server.request_timeout_ms", 100.0, 600_000.0),
    ("server.shutdown_grace_ms", 0.0, 600_000.0),
    ("store.read_connections", 1.0, 64.0),
    ("store.postgres_connections", 2.0, 1_000.0),
    ("index.index_from_points", 100.0, 10_000_000.0),
    ("index.max_unindexed_points", 100.0, 10_000_000.0),
    ("index.max_segment_points", 1_000.0, 100_000_000.0),
    ("index.hnsw_m", 4.0, 128.0),
    ("index.hnsw_ef_construct", 8.0, 4_096.0),
    ("index.hnsw_ef_search", 8.0, 4_096.0),
    ("index.full_scan_points", 1.0, 10_000_000.0),
    ("index.optimise_threads", 1.0, 64.0),
    ("index.search_threads", 1.0, 64.0),
    ("index.search_queue", 1.0, 100_000.0),
    ("index.write_queue", 1.0, 100_000.0),
    ("index.max_log_mib", 1.0, 100_000.0),
    ("embedding.queue_length", 1.0, 100_000.0),
    ("embedding.batch_tokens", 0.0, 65_536.0),
    ("embedding.cache_mb", 0.0, 1_000_000.0),
    ("learning.live_after_callers", 1.0, 1_000.0),
    ("learning.pattern_after_conversations", 1.0, 1_000.0),
    ("learning.min_success_score", 0.0, 1.0),
    ("learning.min_move_probability", 0.0, 1.0),
    ("learning.same_question", 0.0, 1.0),
    ("learning.same_answer", 0.0, 1.0),
    ("learning.used_answer", 0.0, 1.0),
    ("learning.use_half_life_days", 0.0, 3_650.0),
    ("learning.exposure_wait_days", 1.0, 3_650.0),
    ("learning.keep_retrievals_days", 0.0, 3_650.0),
    ("learning.max_exemplars", 1.0, 10_000.0),
    ("learning.chunk_tokens", 16.0, 512.0),
    ("retrieval.max_in_flight", 1.0, 10_000.0),
    ("retrieval.deadline_ms", 1.0, 60_000.0),
    ("retrieval.candidates", 1.0, 1_000.0),
    ("retrieval.language_bonus", 0.0, 1.0),
    ("retrieval.band", 0.0, 1.0),
    ("retrieval.lexical_weight", 0.0, 1.0),
    ("retrieval.floor", -1.0, 1.0),
    ("retrieval.context_turns", 1.0, 20.0),
    ("retrieval.min_intent_confidence", 0.0, 1.0),
    ("retrieval.entry_cache", 100.0, 100_000_000.0),
    ("retrieval.exposure_buffer", 1.0, 1_000_000.0),
    ("retrieval.exposure_flush_ms", 10.0, 60_000.0),
    ("jobs.poll_ms", 10.0, 60_000.0),
    ("jobs.lease_ms", 1_000.0, 3_600_000.0),
    ("jobs.max_attempts", 1.0, 100.0),
    ("jobs.backoff_min_ms", 1.0, 3_600_000.0),
    ("jobs.backoff_max_ms", 1.0, 86_400_000.0),
    ("jobs.keep_finished_days", 0.0, 3_650.0),
    ("jobs.concurrency.analyze", 1.0, 64.0),
    ("jobs.concurrency.index_chunks", 1.0, 64.0),
    ("jobs.concurrency.distill", 1.0, 64.0),
    ("jobs.concurrency.credit", 1.0, 64.0),
    ("jobs.concurrency.index_exemplars", 1.0, 64.0),
    ("jobs.concurrency.erase_points", 1.0, 64.0),
    ("jobs.concurrency.optimize_index", 1.0, 64.0),
    ("jobs.concurrency.training_session", 1.0, 64.0),
    ("jobs.concurrency.roll_up_metrics", 1.0, 64.0),
    ("jobs.concurrency.merge_entries", 1.0, 64.0),
    ("jobs.concurrency.prune", 1.0, 64.0),
    ("jobs.concurrency.expire_exposures", 1.0, 64.0),
    ("jobs.concurrency.find_gaps", 1.0, 64.0),
];

/// Makes a problem of each number that is out of bounds; what is no number is left to the types.
pub(super) fn check(layers: &mut Layers, problems: &mut Vec<Problem>) {
    for (key, least, greatest) in BOUNDS {
        let number = layers.get(key).and_then(|setting| number(&setting.value));
        if let Some(number) = number.filter(|number| !(*least..=*greatest).contains(number)) {
            layers.reset(key, format!("must be {least} to {greatest}, not {number}"), problems);
        }
    }
}

/// The value as a number, if it is one. NaN lies within no bounds.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64))
}
