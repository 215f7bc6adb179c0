//! Text to tokens: one tokenizer for both lanes, for counting and for splitting.
//!
//! It is shared because it is large: the vocabulary of multilingual-e5-small takes 250 MB in memory as the tokenizers
//! crate keeps it (a hash map for each node of a trie), twice as much as the model.

use std::fs;
use std::ops::Range;
use std::path::Path;

use text_splitter::{ChunkConfig, TextSplitter, TryChunkSizer};
use tokenizers::{PostProcessor, Tokenizer, TruncationDirection};

use crate::embedding::error::{Cause, EmbeddingError};

/// No language comes near this many characters for a token; what lies beyond is cut off before it is read, so that an
/// endless text costs no more than a long one.
const MAX_CHARACTERS_PER_TOKEN: usize = 64;

/// A text as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    /// Ids of the tokens, special tokens included.
    pub ids: Vec<u32>,
    /// Whether the end of the text was left out.
    pub truncated: bool,
}

/// Reads texts into tokens.
pub(super) struct TokenReader {
    tokenizer: Tokenizer,
    max_tokens: usize,
}

impl TokenReader {
    /// Loads `tokenizer.json`; whatever padding and truncation it asks for is ignored.
    ///
    /// # Errors
    /// `MissingFile` or `BadFile`.
    pub(super) fn open(path: &Path, max_tokens: usize) -> Result<Self, EmbeddingError> {
        let bytes = fs::read(path).map_err(|source| EmbeddingError::MissingFile { path: path.to_owned(), source })?;
        let bad = |source: Cause| EmbeddingError::BadFile { path: path.to_owned(), source };
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(bad)?;
        tokenizer.with_truncation(None).map_err(bad)?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer, max_tokens })
    }

    /// Reads a text for the model: adds special tokens, leaves out what exceeds the model's limit.
    ///
    /// # Errors
    /// When the tokenizer cannot read the text.
    pub(super) fn read(&self, text: &str) -> Result<Reading, Cause> {
        let limit = self.max_tokens * MAX_CHARACTERS_PER_TOKEN;
        let end = text.char_indices().nth(limit).map_or(text.len(), |(end, _)| end);
        let mut encoding = self.tokenizer.encode_fast(&text[..end], false)?;

        let special = self.tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        let room = self.max_tokens.saturating_sub(special);
        let truncated = end < text.len() || encoding.len() > room;
        encoding.truncate(room, 0, TruncationDirection::Right);
        let encoding = self.tokenizer.post_process(encoding, None, true)?;
        Ok(Reading { ids: encoding.get_ids().to_vec(), truncated })
    }

    /// Number of tokens in a text, without prefix and special tokens, however long it is.
    ///
    /// # Errors
    /// When the tokenizer cannot read the text.
    pub(super) fn count(&self, text: &str) -> Result<usize, Cause> {
        Ok(self.tokenizer.encode_fast(text, false)?.len())
    }

    /// Splits a text into pieces of at most `max_tokens` tokens, at the best boundary that there is: paragraphs, then
    /// sentences, words, characters. The ranges are byte offsets, in order, without the white space around a piece.
    ///
    /// # Errors
    /// When the tokenizer cannot read the text.
    pub(super) fn split(&self, text: &str, max_tokens: usize) -> Result<Vec<Range<usize>>, Cause> {
        let splitter = TextSplitter::new(ChunkConfig::new(max_tokens.max(1)).with_sizer(Sizer(self)));
        splitter.try_chunk_indices(text).map(|piece| piece.map(|(start, text)| start..start + text.len())).collect()
    }
}

/// Tells the splitter how long a piece is; the crate's own sizer panics on what it cannot read.
struct Sizer<'a>(&'a TokenReader);

impl TryChunkSizer for Sizer<'_> {
    type Error = Cause;

    fn try_size(&self, chunk: &str) -> Result<usize, Cause> {
        self.0.count(chunk)
    }
}
