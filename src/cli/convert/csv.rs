//! A table with one turn per row.
//!
//! Columns are found by the names of [`COLUMNS`] in the header, in any case and order; the others are passed over.
//! Guarantees: the rows of a conversation need not stand together, and conversations come out in the order in which
//! they first appear. Turns stand in the order of their rows, or of their times when every one has a time. Of
//! a column that belongs to the whole conversation, the first value that is not empty counts. A bad row is told by its
//! line and left out.
//! Since the last row may belong to the first conversation, all of them are in memory, up to [`MAX_HELD_BYTES`].

use std::collections::HashMap;
use std::io::{BufRead, Write};

use crate::cli::convert::csv_rows::Rows;
use crate::cli::convert::{ConvertError, Output, fill, parse_moment, turn_parts};
use crate::cli::input::{Place, plain};
use crate::domain::clock::Timestamp;
use crate::domain::draft::{ConversationDraft, TurnDraft};

/// The most bytes of ids and texts that are held, about half of what the process then takes: 512 MiB.
pub(super) const MAX_HELD_BYTES: usize = 512 << 20;
/// What a turn takes beside its text.
const BYTES_PER_TURN: usize = 128;

/// What a column can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Column {
    ConversationId,
    Speaker,
    Text,
    Timestamp,
    AgentId,
    Channel,
    Language,
    Category,
    Outcome,
    Satisfaction,
    CallerId,
    CallId,
}

/// The names of each column, the best first; blanks and hyphens count as underscores. The first three must be there.
const COLUMNS: [(Column, &[&str]); 12] = [
    (
        Column::ConversationId,
        &[
            "conversation_id",
            "conversationid",
            "external_id",
            "dialogue_id",
            "dialog_id",
            "session_id",
            "chat_id",
            "thread_id",
            "ticket_id",
            "conversation",
        ],
    ),
    (Column::Speaker, &["speaker", "role", "sender", "author", "from", "participant"]),
    (Column::Text, &["text", "message", "content", "utterance", "body", "transcript"]),
    (Column::Timestamp, &["timestamp", "at", "time", "created_at", "sent_at", "datetime", "date"]),
    (Column::AgentId, &["agent_id", "assistant_id", "bot_id", "agent"]),
    (Column::Channel, &["channel", "medium"]),
    (Column::Language, &["language", "lang", "locale"]),
    (Column::Category, &["category", "topic"]),
    (Column::Outcome, &["outcome", "result"]),
    (Column::Satisfaction, &["satisfaction", "rating", "csat"]),
    (Column::CallerId, &["caller_id", "customer_id", "user_id", "caller", "phone"]),
    (Column::CallId, &["call_id"]),
];
const REQUIRED: [Column; 3] = [Column::ConversationId, Column::Speaker, Column::Text];

/// What a table must hold, with all names that are understood.
pub(super) fn columns_help() -> String {
    let line = |(column, known): &(Column, &[&str])| {
        let must = if REQUIRED.contains(column) { " (must be there)" } else { "" };
        let others = if known.len() > 1 { format!(", or {}", known[1..].join(", ")) } else { String::new() };
        format!("  {}{must}{others}", known[0])
    };
    let columns: Vec<String> = COLUMNS.iter().map(line).collect();
    format!("Columns of csv, one turn per row, in any order and by any of these names:\n{}", columns.join("\n"))
}

/// Converts a whole table, holding at most `limit` bytes.
pub(super) fn convert_rows<W: Write>(
    reader: impl BufRead + Send,
    limit: usize,
    output: &mut Output<'_, W>,
) -> Result<(), ConvertError> {
    let reader = plain(reader).map_err(|source| output.unreadable(source))?;
    let mut rows = Rows::new(reader).map_err(|source| output.unreadable(source))?;
    let header = match rows.next_row().map_err(|source| output.unreadable(source))? {
        None => return Ok(()),
        Some((_, header)) => header
            .and_then(|names| Header::parse(&names))
            .map_err(|reason| ConvertError::Header { name: output.name.to_owned(), reason })?,
    };

    let mut table = Table::default();
    while let Some((line, fields)) = rows.next_row().map_err(|source| output.unreadable(source))? {
        if let Err(reason) = fields.and_then(|fields| table.add(line, header.row(&fields)?)) {
            output.reject(Place::Line(line), reason);
        }
        if table.held > limit {
            return Err(ConvertError::TooLarge { name: output.name.to_owned(), limit });
        }
    }

    for talk in table.talks {
        let place = Place::Line(talk.line);
        match talk.into_draft() {
            Ok(draft) => output.write(place, fill(draft, "csv"))?,
            Err(reason) => output.reject(place, reason),
        }
    }
    Ok(())
}

/// Which column stands where.
struct Header {
    positions: HashMap<Column, usize>,
    width: usize,
}

impl Header {
    fn parse(names: &[String]) -> Result<Self, String> {
        let names: Vec<String> = names.iter().map(|name| name.trim().to_lowercase().replace([' ', '-'], "_")).collect();
        let position = |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        let positions: HashMap<Column, usize> =
            COLUMNS.iter().filter_map(|(column, known)| Some((*column, position(known)?))).collect();

        for (column, known) in COLUMNS {
            if REQUIRED.contains(&column) && !positions.contains_key(&column) {
                return Err(format!(
                    "the header has no column {} (also understood: {})",
                    known[0],
                    known[1..].join(", ")
                ));
            }
        }
        Ok(Self { positions, width: names.len() })
    }

    /// The fields of a row by column.
    fn row<'a>(&'a self, fields: &'a [String]) -> Result<impl Fn(Column) -> &'a str, String> {
        // A separator or a line break that should have been in quotes; the columns would be mixed up.
        if fields.len() != self.width {
            return Err(format!("has {} fields, but the header has {}", fields.len(), self.width));
        }
        Ok(|column| self.positions.get(&column).map_or("", |at| fields[*at].as_str()).trim())
    }
}

/// The conversations so far.
#[derive(Default)]
struct Table {
    talks: Vec<Talk>,
    by_id: HashMap<String, usize>,
    held: usize,
}

/// One conversation so far.
#[derive(Default)]
struct Talk {
    /// Its first line.
    line: u64,
    draft: ConversationDraft,
    satisfaction: String,
}

impl Table {
    /// Takes a row, or says what is wrong with it and takes nothing of it.
    fn add<'a>(&mut self, line: u64, field: impl Fn(Column) -> &'a str) -> Result<(), String> {
        let id = field(Column::ConversationId);
        if id.is_empty() {
            return Err("conversation_id: must not be empty".to_owned());
        }
        let turn = turn_of(&field)?;

        let at = *self.by_id.entry(id.to_owned()).or_insert_with(|| {
            self.held += 2 * id.len() + size_of::<Talk>();
            let draft = ConversationDraft { external_id: id.to_owned(), ..ConversationDraft::default() };
            self.talks.push(Talk { line, draft, ..Talk::default() });
            self.talks.len() - 1
        });
        let talk = &mut self.talks[at];
        self.held += talk.note(&field);
        if let Some(turn) = turn {
            self.held += turn.text.len() + BYTES_PER_TURN;
            talk.draft.turns.push(turn);
        }
        Ok(())
    }
}

/// The turn of a row; a row without speaker and text has none, and may still say how the conversation ended.
fn turn_of<'a>(field: &impl Fn(Column) -> &'a str) -> Result<Option<TurnDraft>, String> {
    let (speaker, text) = (field(Column::Speaker), field(Column::Text));
    if speaker.is_empty() && text.is_empty() {
        return Ok(None);
    }
    let (speaker, text) = turn_parts("speaker", speaker, text.to_owned())?;
    let at = match field(Column::Timestamp) {
        "" => None,
        given => Some(parse_moment(given).ok_or(
            "timestamp: must be a time such as 2026-09-01T10:00:00Z or 2026-09-01 10:00:00, or seconds since 1970",
        )?),
    };
    Ok(Some(TurnDraft {
        speaker: speaker.as_str().to_owned(),
        text,
        at: at.map(|at| at.to_string()),
        retrieval_id: None,
    }))
}

impl Talk {
    /// Keeps what a row says about the whole conversation, where nothing is known yet; returns the bytes kept.
    fn note<'a>(&mut self, field: &impl Fn(Column) -> &'a str) -> usize {
        let mut kept = 0;
        let mut keep = |known: &mut String, column: Column| {
            if known.is_empty() {
                *known = field(column).to_owned();
                kept += known.len();
            }
        };
        let draft = &mut self.draft;
        keep(&mut draft.agent_id, Column::AgentId);
        keep(&mut draft.channel, Column::Channel);
        keep(&mut self.satisfaction, Column::Satisfaction);
        for (known, column) in [
            (&mut draft.language, Column::Language),
            (&mut draft.category, Column::Category),
            (&mut draft.outcome, Column::Outcome),
            (&mut draft.caller_id, Column::CallerId),
            (&mut draft.call_id, Column::CallId),
        ] {
            if known.is_none() && !field(column).is_empty() {
                keep(known.get_or_insert_default(), column);
            }
        }
        kept
    }

    fn into_draft(self) -> Result<ConversationDraft, String> {
        let mut draft = self.draft;
        draft.outcome = draft.outcome.map(|outcome| outcome.to_lowercase());
        if !self.satisfaction.is_empty() {
            let rating = self.satisfaction.parse::<f64>().ok().filter(|rating| rating.fract() == 0.0);
            draft.satisfaction = Some(rating.ok_or("satisfaction: must be a whole number from 1 to 5")? as i64);
        }

        // Many programs export the newest first.
        let said_at = |turn: &TurnDraft| turn.at.as_deref().and_then(Timestamp::parse);
        if draft.turns.iter().all(|turn| said_at(turn).is_some()) {
            draft.turns.sort_by_cached_key(said_at);
        }
        Ok(draft)
    }
}
