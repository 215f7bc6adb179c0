//! The rows of a CSV file, each with the number of its first line.
//!
//! Guarantees: a row may span lines inside quotes; one whose quotes are wrong, or that is longer than
//! [`MAX_ROW_BYTES`], is told by its first line, and reading goes on with the very next line, so that a stray quote
//! never swallows the rows after it. That is why the crate `csv` does not read here: it takes every quote as meant, and
//! cannot go back. It writes in the tests, and what it writes is read alike.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use crate::cli::input::{Line, read_line};

/// The most bytes that one row may have: more than a turn of the longest kind takes with every quote doubled.
pub(in crate::cli) const MAX_ROW_BYTES: usize = 256 << 10;
/// What separates fields, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// One row: the line on which it begins, and its fields or what is wrong with it.
pub(in crate::cli) type Row = (u64, Result<Vec<String>, String>);

/// Reader of rows. The separator is the one that the first line has most of.
pub(in crate::cli) struct Rows<R> {
    reader: R,
    delimiter: u8,
    line: u64,
    /// Lines that were read in search of a closing quote, and are to be read again.
    waiting: VecDeque<(u64, Option<Vec<u8>>)>,
}

impl<R: BufRead> Rows<R> {
    /// Reads the first line that is not blank, to find the separator.
    pub(in crate::cli) fn new(reader: R) -> io::Result<Self> {
        let mut rows = Self { reader, delimiter: DELIMITERS[0], line: 0, waiting: VecDeque::new() };
        while let Some((number, line)) = rows.next_line()? {
            if line.as_deref().is_some_and(is_blank) {
                continue;
            }
            rows.delimiter = line.as_deref().map_or(DELIMITERS[0], delimiter_of);
            rows.waiting.push_back((number, line));
            break;
        }
        Ok(rows)
    }

    /// The next row that is not blank; `None` at the end.
    pub(in crate::cli) fn next_row(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some((start, line)) = self.next_line()? else { return Ok(None) };
            let Some(mut row) = line else { return Ok(Some((start, Err(too_long())))) };
            if is_blank(&row) {
                continue;
            }

            let mut held = Vec::new();
            let mut quotes = Quotes::FieldStart.read(&row, self.delimiter);
            while quotes == Quotes::Inside && row.len() <= MAX_ROW_BYTES {
                let Some((number, line)) = self.next_line()? else { break };
                let from = row.len();
                row.push(b'\n');
                row.extend_from_slice(line.as_deref().unwrap_or_default());
                quotes = match line {
                    Some(_) => quotes.read(&row[from..], self.delimiter),
                    None => Quotes::Malformed,
                };
                held.push((number, line));
            }

            let wrong = match quotes {
                Quotes::Malformed => Some("a quote inside a quoted field must be doubled".to_owned()),
                _ if row.len() > MAX_ROW_BYTES => Some(too_long()),
                Quotes::Inside => Some("a quote is never closed".to_owned()),
                _ => None,
            };
            let Some(wrong) = wrong else { return Ok(Some((start, fields(&row, self.delimiter)))) };
            for line in held.into_iter().rev() {
                self.waiting.push_front(line);
            }
            return Ok(Some((start, Err(wrong))));
        }
    }

    /// The next line with its number, without its line break; `None` instead of one that is too long.
    fn next_line(&mut self) -> io::Result<Option<(u64, Option<Vec<u8>>)>> {
        if let Some(line) = self.waiting.pop_front() {
            return Ok(Some(line));
        }
        self.line += 1;
        Ok(match read_line(&mut self.reader, MAX_ROW_BYTES)? {
            Line::End => None,
            Line::TooLong => Some((self.line, None)),
            Line::Whole(line) => Some((self.line, Some(line))),
        })
    }
}

/// Where in its quotes a row is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    FieldStart,
    Unquoted,
    Inside,
    /// After a quote that closes the field, unless another quote follows.
    Closed,
    Malformed,
}

impl Quotes {
    fn step(self, byte: u8, delimiter: u8) -> Self {
        match (self, byte) {
            (Self::Malformed, _) => Self::Malformed,
            (Self::Inside, b'"') => Self::Closed,
            (Self::Closed | Self::FieldStart, b'"') | (Self::Inside, _) => Self::Inside,
            (_, byte) if byte == delimiter => Self::FieldStart,
            (Self::Closed, b' ' | b'\r') => Self::Closed,
            (Self::Closed, _) => Self::Malformed,
            (Self::FieldStart | Self::Unquoted, _) => Self::Unquoted,
        }
    }

    fn read(self, bytes: &[u8], delimiter: u8) -> Self {
        bytes.iter().fold(self, |quotes, byte| quotes.step(*byte, delimiter))
    }
}

/// The fields of a row whose quotes are right, without the quotes around them.
fn fields(row: &[u8], delimiter: u8) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut field = Vec::new();
    let mut quotes = Quotes::FieldStart;
    for byte in row.strip_suffix(b"\r").unwrap_or(row).iter().copied() {
        let next = quotes.step(byte, delimiter);
        match (quotes, next) {
            (_, Quotes::FieldStart) => fields.push(std::mem::take(&mut field)),
            (Quotes::FieldStart, Quotes::Inside) | (Quotes::Inside | Quotes::Closed, Quotes::Closed) => {}
            // Also the second of two quotes, which stand for one.
            _ => field.push(byte),
        }
        quotes = next;
    }
    fields.push(field);
    fields.into_iter().map(String::from_utf8).collect::<Result<_, _>>().map_err(|_| "is not UTF-8".to_owned())
}

/// The separator that stands most often outside quotes; the likelier one when none is ahead.
fn delimiter_of(line: &[u8]) -> u8 {
    let mut in_quotes = false;
    let mut counts = [0_usize; DELIMITERS.len()];
    for byte in line {
        in_quotes ^= *byte == b'"';
        if let Some(at) = DELIMITERS.iter().position(|delimiter| delimiter == byte && !in_quotes) {
            counts[at] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    counts.iter().position(|count| *count == most).map_or(DELIMITERS[0], |at| DELIMITERS[at])
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn too_long() -> String {
    format!("is longer than {MAX_ROW_BYTES} bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &[u8]) -> Vec<String> {
        let mut rows = Rows::new(text).expect("memory is readable");
        let mut told = Vec::new();
        while let Some((line, fields)) = rows.next_row().expect("memory is readable") {
            told.push(match fields {
                Ok(fields) => format!("{line}: {}", fields.join("|")),
                Err(reason) => format!("{line}! {reason}"),
            });
        }
        told
    }

    #[test]
    fn rows_know_their_first_line() {
        assert_eq!(
            rows(b"\na,b\r\n\r\n1,\"two\r\nlines, \"\"quoted\"\"\"\r\n3,\n"),
            ["2: a|b", "4: 1|two\r\nlines, \"quoted\"", "6: 3|"]
        );
    }

    #[test]
    fn the_separator_is_seen_in_the_first_line() {
        assert_eq!(rows(b"a;\"b,c,d\";e\n1;2,5;3"), ["1: a|b,c,d|e", "2: 1|2,5|3"]);
        assert_eq!(rows(b"a\tb\n1\t2"), ["1: a|b", "2: 1|2"]);
    }

    #[test]
    fn a_stray_quote_costs_one_row() {
        assert_eq!(
            rows(b"a,b\n1,\"never closed\n2,x\n3,\"closed, and\"\n4,y\n"),
            ["1: a|b", "2! a quote inside a quoted field must be doubled", "3: 2|x", "4: 3|closed, and", "5: 4|y"]
        );
        assert_eq!(rows(b"a,b\n1,\"open\n2,x\n"), ["1: a|b", "2! a quote is never closed", "3: 2|x"]);
        assert_eq!(rows(b"a,b\n1,\"he said \"hi\" to me\"\n2,x\n")[1..].len(), 2);
        assert_eq!(rows(b"a,b\n1,say \"hi\"\n"), ["1: a|b", "2: 1|say \"hi\""]);
    }

    #[test]
    fn bad_bytes_and_long_rows_are_told() {
        let long = "x".repeat(MAX_ROW_BYTES + 1);
        let text = format!("a,b\n1,{long}\n2,\"{}\n", "yyyyyyyyy\n".repeat(MAX_ROW_BYTES / 9));
        let told = rows(text.as_bytes());
        assert_eq!(told[1..4], [format!("2! {}", too_long()), format!("3! {}", too_long()), "4: yyyyyyyyy".to_owned()]);
        assert_eq!(rows(b"a,b\n1,\xff\n2,x\ry\n"), ["1: a|b", "2! is not UTF-8", "3: 2|x\ry"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(table in prop::collection::vec(prop::collection::vec("[a\",;\r\n é]{0,6}x", 3), 1..6)) {
            let mut writer = ::csv::Writer::from_writer(b"h1,h2,h3\n".to_vec());
            for row in &table {
                writer.write_record(row).expect("memory takes it");
            }
            let text = writer.into_inner().expect("memory takes it");
            let mut rows = Rows::new(text.as_slice()).expect("readable");
            rows.next_row().expect("readable").expect("the header").1.expect("right");
            for row in table {
                let (_, read) = rows.next_row().expect("readable").expect("a row");
                prop_assert_eq!(read.expect("right"), row);
            }
        }

        #[test]
        fn any_bytes_come_to_an_end(text in "[a\",;\r\n é]{0,60}") {
            prop_assert!(rows(text.as_bytes()).len() <= text.len());
        }
    }
}
