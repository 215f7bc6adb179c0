//! A file of conversations for `ingest`: JSON Lines, a JSON list, or one JSON object; plain or gzipped.
//!
//! Guarantees: one conversation at a time is in memory, and every one that cannot be read is told by its place with the
//! reason, while the rest goes on. It only reads: whether a conversation can be taken is for
//! [`ConversationDraft::check`] to say.

use std::io::{self, BufRead};
use std::path::Path;

use crate::cli::input::{Place, open};
use crate::cli::json_items::{ItemError, JsonItems, explain};
use crate::domain::draft::ConversationDraft;

/// Iterator over the conversations of a file. When the input itself fails, that is the last item.
pub struct ConversationsFile<'a> {
    items: JsonItems<'a>,
}

impl ConversationsFile<'static> {
    /// Opens a file, or standard input when the path is `-`.
    ///
    /// # Errors
    /// When it cannot be opened, or its beginning cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        ConversationsFile::new(open(path)?)
    }
}

impl<'a> ConversationsFile<'a> {
    /// Reads from any source of plain or gzipped bytes.
    ///
    /// # Errors
    /// When the beginning cannot be read.
    pub fn new(reader: impl BufRead + Send + 'a) -> io::Result<Self> {
        Ok(Self { items: JsonItems::new(reader)? })
    }
}

impl Iterator for ConversationsFile<'_> {
    type Item = (Place, Result<ConversationDraft, String>);

    fn next(&mut self) -> Option<Self::Item> {
        let (place, text) = self.items.next()?;
        let draft = match text {
            Ok(text) => parse(&text),
            Err(ItemError::Rejected(reason)) => Err(reason),
            Err(ItemError::Read(error)) => Err(format!("cannot be read: {error}")),
        };
        Some((place, draft))
    }
}

fn parse(text: &str) -> Result<ConversationDraft, String> {
    // Serde would also take a list for an object, field by field.
    if !text.starts_with('{') {
        return Err("must be a JSON object".to_owned());
    }
    serde_json::from_str(text).map_err(|error| explain(&error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: &str = r#"{"external_id":"c-1","agent_id":"a","channel":"phone","started_at":"2026-09-01T10:00:00Z","ended_at":"2026-09-01T10:05:00Z","turns":[{"speaker":"user","text":"hi"}]}"#;

    fn read(bytes: &[u8]) -> Vec<(Place, Result<ConversationDraft, String>)> {
        ConversationsFile::new(bytes).expect("memory is readable").collect()
    }

    #[test]
    fn lines_a_list_and_an_object_are_read_alike() {
        let one: ConversationDraft = serde_json::from_str(ONE).expect("a draft");
        let pretty = serde_json::to_string_pretty(&one).expect("JSON");
        for (given, place) in [
            (ONE.to_owned(), Place::Line(1)),
            (format!("\u{feff}\r\n{ONE}\r\n"), Place::Line(2)),
            (format!("[{ONE}]"), Place::Item(1)),
            (pretty, Place::Item(1)),
        ] {
            assert_eq!(read(given.as_bytes()), [(place, Ok(one.clone()))], "{given}");
        }
    }

    #[test]
    fn a_bad_line_is_told_with_its_number_and_reason() {
        let unknown = ONE.replace("\"channel\"", "\"chanel\"");
        let wrong_type = ONE.replace("\"hi\"", "7");
        let text = format!("{ONE}\n\n{unknown}\n{wrong_type}\n[]\n{{\"external_id\"\n{ONE}\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(b"\"\xc3\x28\"\n");

        let told: Vec<String> = read(&bytes)
            .into_iter()
            .map(|(place, draft)| format!("{place}: {}", draft.map_or_else(|reason| reason, |draft| draft.external_id)))
            .collect();
        assert_eq!(told[0], "line 1: c-1");
        assert!(told[1].starts_with("line 3: unknown field `chanel`, expected one of `external_id`"), "{}", told[1]);
        assert_eq!(
            told[2..],
            [
                "line 4: invalid type: integer `7`, expected a string",
                "line 5: must be a JSON object",
                "line 6: EOF while parsing an object at column 14",
                "line 7: c-1",
                "line 8: is not UTF-8 (byte 2)",
            ]
        );
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let deep = ONE.replace("\"turns\"", &format!("\"metadata\":{}1,\"turns\"", "[".repeat(100_000)));
        let told = read(format!("{ONE}\n{deep}\n{ONE}\n").as_bytes());
        assert_eq!(told.iter().map(|(_, draft)| draft.is_ok()).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn an_input_that_breaks_off_is_the_last_item() {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        gzip.write_all(format!("{ONE}\n").repeat(1_000).as_bytes()).expect("memory takes it");
        let mut bytes = gzip.finish().expect("memory takes it");
        bytes.truncate(bytes.len() / 2);

        let told = read(&bytes);
        let (last, before) = told.split_last().expect("an item");
        assert!(before.len() > 1 && before.iter().all(|(_, draft)| draft.is_ok()));
        assert_eq!(last.0, Place::Line(before.len() as u64 + 1));
        assert!(last.1.as_ref().is_err_and(|reason| reason.starts_with("cannot be read: ")), "{last:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(read(&bytes).len() <= bytes.len() + 1);
        }

        #[test]
        fn any_damage_to_one_line_spares_the_next(at in 0..ONE.len(), byte in any::<u8>()) {
            prop_assume!(byte != b'\n');
            let mut damaged = ONE.as_bytes().to_vec();
            damaged[at] = byte;
            let text = [ONE.as_bytes(), b"\n", &damaged, b"\n", ONE.as_bytes()].concat();
            let told = read(&text);
            prop_assert_eq!(told.first().map(|(place, draft)| (*place, draft.is_ok())), Some((Place::Line(1), true)));
            prop_assert_eq!(told.last().map(|(place, draft)| (*place, draft.is_ok())), Some((Place::Line(3), true)));
        }
    }
}
