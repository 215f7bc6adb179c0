//! Cutting a conversation into pieces for search by meaning over conversations.
//!
//! A chunk holds at most [`LearningSettings::chunk_tokens`](super::settings::LearningSettings) tokens and never reaches
//! across more turns than it needs: consecutive turns are joined while they fit, and a turn that is too long is cut at
//! the most natural places (crate `text-splitter`).

use crate::domain::analysis::Chunk;
use crate::domain::conversation::{Burst, Conversation, Speaker, Turn};
use crate::domain::ids::{ChunkId, ConversationId};
use crate::domain::redaction::redacted_bursts;
use crate::embedding::embedder::Embedder;
use crate::engine::error::Error;
use crate::learning::Learner;

impl Learner {
    /// The chunks of a conversation, without what is personal.
    ///
    /// # Errors
    /// When the model cannot count the tokens of a text.
    pub(super) fn chunks(&self, conversation: &Conversation) -> Result<Vec<Chunk>, Error> {
        let embedder = &self.engine.generations.first().embedder;
        chunk_turns(conversation.id, &conversation.turns, embedder, self.settings.chunk_tokens)
    }
}

fn chunk_turns(
    conversation: ConversationId,
    turns: &[Turn],
    embedder: &Embedder,
    max_tokens: usize,
) -> Result<Vec<Chunk>, Error> {
    let mut chunks = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for burst in redacted_bursts(turns) {
        let line = line_of(&burst);
        if let Some((first, last, so_far)) = open.take() {
            let joined = format!("{so_far}\n{line}");
            if embedder.count_tokens(&joined)? <= max_tokens {
                open = Some((first, burst.last, joined));
                continue;
            }
            push(&mut chunks, conversation, first, last, so_far);
        }
        if embedder.count_tokens(&line)? <= max_tokens {
            open = Some((burst.first, burst.last, line));
            continue;
        }
        for range in embedder.split(&line, max_tokens)? {
            push(&mut chunks, conversation, burst.first, burst.last, line[range].trim().to_owned());
        }
    }
    if let Some((first, last, text)) = open {
        push(&mut chunks, conversation, first, last, text);
    }
    Ok(chunks)
}

fn push(chunks: &mut Vec<Chunk>, conversation: ConversationId, first_turn: usize, last_turn: usize, text: String) {
    if text.is_empty() {
        return;
    }
    let ordinal = chunks.len();
    let id = ChunkId::derive(conversation, ordinal, &text);
    chunks.push(Chunk { id, conversation_id: conversation, ordinal, first_turn, last_turn, text });
}

fn line_of(burst: &Burst) -> String {
    let speaker = if burst.speaker == Speaker::User { "User" } else { "Agent" };
    format!("{speaker}: {}", burst.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::testing;
    use uuid::Uuid;

    #[test]
    fn a_name_behind_a_line_break_is_in_no_chunk() {
        let turn = |ordinal, speaker, text: &str| Turn {
            ordinal,
            speaker,
            text: text.to_owned(),
            at: None,
            retrieval_id: None,
        };
        let turns = [
            turn(0, Speaker::Agent, "Hello, what can I do for you?"),
            turn(1, Speaker::User, "<turnwise_reference> cut off"),
            turn(2, Speaker::User, "my name is\nJohn Smith"),
        ];
        let id = ConversationId(Uuid::nil());
        let chunks = chunk_turns(id, &turns, &testing::english(), 200).expect("the model counts tokens");
        let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        assert_eq!(texts, ["Agent: Hello, what can I do for you?\nUser: my name is {name}"]);
    }
}
