//! FAQs in files with one entry a line: a table with a header, or JSON objects.

use std::io::{self, BufRead};

use serde_json::Value;

use crate::cli::convert::csv_rows::Rows;
use crate::cli::import::faq;
use crate::cli::import::file::{Defaults, Given};
use crate::cli::input::{Input, plain};
use crate::cli::json_items::{ItemError, JsonItems, explain};
use crate::domain::error::FieldError;

/// Rows of a CSV file.
pub(super) struct CsvFile<'a> {
    rows: Rows<Input<'a>>,
    names: Vec<String>,
    defaults: Defaults,
}

/// Objects of a JSON Lines file, or of a JSON list.
pub(super) struct JsonFile<'a> {
    items: JsonItems<'a>,
    defaults: Defaults,
}

impl<'a> CsvFile<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it cannot be read, or names no question or no answer.
    pub(super) fn new(reader: impl BufRead + Send + 'a, defaults: Defaults) -> io::Result<Self> {
        let mut rows = Rows::new(plain(reader)?)?;
        let names = match rows.next_row()? {
            Some((_, names)) => names.map_err(io::Error::other)?,
            None => return Err(io::Error::other("it is empty; the first line must name the columns")),
        };
        faq::check_columns(&names).map_err(|reason| io::Error::other(format!("the first line {reason}")))?;
        Ok(Self { rows, names, defaults })
    }

    fn read(&self, line: u64, fields: Vec<String>) -> Given {
        if fields.len() != self.names.len() {
            let message = format!(
                "has {} fields, but the header has {}; put quotes around what holds a separator or a line break",
                fields.len(),
                self.names.len()
            );
            return rejected(line, vec![FieldError::new("row", message)]);
        }
        let given = self.names.iter().cloned().zip(fields.into_iter().map(Value::String));
        faq::given(line, faq::values(given), &self.defaults)
    }
}

impl Iterator for CsvFile<'_> {
    type Item = io::Result<Given>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, row) = match self.rows.next_row() {
            Ok(found) => found?,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match row {
            Ok(row) => self.read(line, row),
            Err(reason) => rejected(line, vec![FieldError::new("row", reason)]),
        }))
    }
}

impl<'a> JsonFile<'a> {
    /// Reads plain or gzipped bytes.
    ///
    /// # Errors
    /// When the beginning cannot be read.
    pub(super) fn new(reader: impl BufRead + Send + 'a, defaults: Defaults) -> io::Result<Self> {
        Ok(Self { items: JsonItems::new(reader)?, defaults })
    }
}

impl Iterator for JsonFile<'_> {
    type Item = io::Result<Given>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, object) = match next_object(&mut self.items)? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match object {
            Ok(object) => faq::given(line, faq::values(object), &self.defaults),
            Err(wrong) => rejected(line, wrong),
        }))
    }
}

/// What stands on a line and cannot be read.
fn rejected(line: u64, wrong: Vec<FieldError>) -> Given {
    Given { line, pk: None, item: Some(Err(wrong)), remark: None }
}

/// An object of a file, or what is wrong with it.
pub(super) type Object = Result<serde_json::Map<String, Value>, Vec<FieldError>>;

/// The next object with the line on which it begins.
pub(super) fn next_object(items: &mut JsonItems<'_>) -> Option<io::Result<(u64, Object)>> {
    let (_, text) = items.next()?;
    let line = items.line();
    let wrong = |reason: String| vec![FieldError::new("object", reason)];
    let object = match text {
        Ok(text) => match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(wrong("is not a JSON object, which begins with {".to_owned())),
            // What the parser expected instead tells nothing of a line that was never meant as JSON.
            Err(error) if !text.trim_start().starts_with('{') => {
                Err(wrong(format!("is not a JSON object (column {}), which begins with {{", error.column())))
            }
            Err(error) => Err(wrong(format!("is not a JSON object: {}", explain(&error)))),
        },
        Err(ItemError::Rejected(reason)) => Err(wrong(reason)),
        Err(ItemError::Read(error)) => return Some(Err(error)),
    };
    Some(Ok((line, object)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::file::Item;

    fn defaults() -> Defaults {
        Defaults { category: "general".to_owned(), language: None }
    }

    /// Every entry as `line: title = content`, or `line! field`.
    fn told(given: impl Iterator<Item = io::Result<Given>>) -> Vec<String> {
        let tell = |given: io::Result<Given>| {
            let Given { line, item, .. } = given.expect("memory is readable");
            match item.expect("nothing is passed over") {
                Ok(Item::Entry(entry)) => {
                    let text = |text: Option<String>| text.unwrap_or_default();
                    format!("{line}: {} = {}", text(entry.fields.title), text(entry.fields.content))
                }
                Ok(Item::Record(_)) => format!("{line}: a record"),
                Err(wrong) => format!("{line}! {}", wrong[0].field),
            }
        };
        given.map(tell).collect()
    }

    #[test]
    fn rows_are_read_and_a_bad_one_is_told_by_its_line() {
        let text = "\u{feff}Question;Answer;Success rate\nParking?;\"Yes,\nbehind; the house\";0.9\n\
            Dogs?;Yes;a lot\nCats?;too;many;fields\n;Nobody asked;\nOpen?;Always;\n";
        let file = CsvFile::new(text.as_bytes(), defaults()).expect("a header");
        assert_eq!(
            told(file),
            ["2: Parking? = Yes,\nbehind; the house", "4! success_rate", "5! row", "6! title", "7: Open? = Always"]
        );
        let error = CsvFile::new("name,answer\na,b\n".as_bytes(), defaults()).err().expect("no question");
        assert!(error.to_string().contains("no column with the question"), "{error}");
        assert!(CsvFile::new("".as_bytes(), defaults()).is_err());
        let error = CsvFile::new("question,answer,question\na,b,c\n".as_bytes(), defaults()).err().expect("two of one");
        assert!(error.to_string().contains("two columns for the question"), "{error}");
    }

    #[test]
    fn objects_are_read_from_lines_and_from_lists() {
        let one = r#"{"title":"Parking?","content":"Yes","trigger_phrases":["parking"]}"#;
        let lines = format!("{one}\n\n[1]\n{{\"q\":\"Dogs?\",\"a\":\"Yes\"}}\n{{\"q\"\n");
        let file = JsonFile::new(lines.as_bytes(), defaults()).expect("readable");
        assert_eq!(told(file), ["1: Parking? = Yes", "3! object", "4: Dogs? = Yes", "5! object"]);
        let list = format!("[\n{one},\n  {{\"q\":\"Dogs?\",\n\"a\":7}}]");
        let file = JsonFile::new(list.as_bytes(), defaults()).expect("readable");
        assert_eq!(told(file), ["2: Parking? = Yes", "3! content"]);
    }

    #[test]
    fn what_is_no_object_is_told_as_that() {
        for (text, part) in [
            ("not json", "is not a JSON object (column 2)"),
            ("[[1]]", "is not a JSON object, which begins with {"),
            ("{\"q\"", "is not a JSON object: EOF while parsing an object at column 4"),
        ] {
            let lines = format!("{{}}\n{text}\n{{}}\n");
            let mut items = JsonItems::new(lines.as_bytes()).expect("readable");
            assert!(next_object(&mut items).is_some_and(|first| first.is_ok_and(|(_, object)| object.is_ok())));
            let (_, object) = next_object(&mut items).expect("an item").expect("readable");
            let wrong = object.expect_err("no object");
            assert!(wrong[0].message.starts_with(part), "{text}: {}", wrong[0].message);
        }
    }
}
