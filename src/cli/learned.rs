//! Installations of their own, for the demo and for evaluation: learned from given conversations, then asked.

use std::path::Path;

use indicatif::ProgressBar;

use crate::app::{App, Parts};
use crate::cli::failure::Failure;
use crate::config::Config;
use crate::domain::draft::ConversationDraft;
use crate::domain::ids::TenantId;
use crate::embedding::embedders::Embedders;
use crate::learning::accept::Replace;

/// Opens an installation in `dir` with everything else as configured; `embedders` are used instead of loading them again.
///
/// # Errors
/// What is missing or cannot be opened.
pub async fn open_in(config: &Config, dir: &Path, embedders: Option<Embedders>) -> Result<App, Failure> {
    let mut config = config.clone();
    // Classifiers that were fitted once serve every installation.
    config.learning.cache_dir.get_or_insert_with(|| config.data.dir.join("understanding"));
    config.data.dir = dir.to_owned();
    config.store.url = format!("sqlite:{}", dir.join("turnwise.db").display());
    Ok(App::build(config, Parts { embedders, ..Parts::default() }).await?)
}

/// Hands in conversations and learns from them; returns how many were new.
///
/// # Errors
/// When one is malformed, or learning fails as a whole.
pub async fn learn(
    app: &App,
    tenant: &TenantId,
    drafts: Vec<ConversationDraft>,
    bar: &ProgressBar,
) -> Result<usize, Failure> {
    use crate::learning::accept::Accepted;
    bar.set_length(drafts.len() as u64);
    let mut new = 0;
    for draft in drafts {
        let accepted = app.learner.accept(tenant, draft, Replace::No, None).await?;
        if !matches!(accepted, Accepted::Unchanged(..)) {
            new += 1;
            app.run_jobs().await?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(new)
}
