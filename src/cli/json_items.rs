//! The JSON texts in a file: one per line, one per element of a list, or one that spans lines.
//!
//! Guarantees: which of the three it is shows in the content; one item at a time is held, of at most
//! [`MAX_ITEM_BYTES`]; an item that is broken, too long or not UTF-8 is told by its place, and the next one is read
//! right. It does not read what the items say, and is lenient about the commas between the elements of a list.

use std::io::{self, BufRead, Cursor, Read};
use std::ops::Range;

use crate::cli::input::{Input, Line, Place, plain, read_line};
use crate::domain::text::shorten;

/// The most bytes that one item may have: 4 MiB.
pub const MAX_ITEM_BYTES: usize = 4 << 20;
/// The most characters of a message of the parser, which may quote what it found.
const MAX_REASON_CHARS: usize = 600;

/// Why there is no text for an item.
#[derive(Debug)]
pub enum ItemError {
    /// This one is unusable, for the reason given; the next one may be fine.
    Rejected(String),
    /// The input itself failed; it is the last item.
    Read(io::Error),
}

/// How the items stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// One per line.
    Lines,
    /// Values that may span lines; the elements of a list are items of their own.
    Values,
}

/// Iterator over the JSON texts of a file, each with its place.
pub struct JsonItems<'a> {
    reader: Input<'a>,
    layout: Layout,
    /// Whether an element with this text makes its list one item.
    is_part: fn(&str) -> bool,
    number: u64,
    /// Line breaks that were read, and the line on which the last item begins; for values only.
    breaks: u64,
    line: u64,
    in_list: bool,
    ended: bool,
}

impl<'a> JsonItems<'a> {
    /// Reads plain or gzipped bytes; every element of a list is an item.
    ///
    /// # Errors
    /// When the beginning cannot be read.
    pub fn new(reader: impl BufRead + Send + 'a) -> io::Result<Self> {
        Self::with_parts(reader, |_| false)
    }

    /// The same, but a list whose first element is a part of something (a message of a chat) is one item as a whole.
    ///
    /// # Errors
    /// When the beginning cannot be read.
    pub fn with_parts(reader: impl BufRead + Send + 'a, is_part: fn(&str) -> bool) -> io::Result<Self> {
        let mut reader = plain(reader)?;
        let mut head = Vec::new();
        let layout = detect(&mut reader, &mut head)?;
        let reader = Box::new(Cursor::new(head).chain(reader));
        Ok(Self { reader, layout, is_part, number: 0, breaks: 0, line: 1, in_list: false, ended: false })
    }

    /// The line on which the last item begins, counted from 1.
    pub fn line(&self) -> u64 {
        match self.layout {
            Layout::Lines => self.number,
            Layout::Values => self.line,
        }
    }

    fn place(&self) -> Place {
        match self.layout {
            Layout::Lines => Place::Line(self.number),
            Layout::Values => Place::Item(self.number),
        }
    }

    /// The next line that is not blank.
    fn next_line(&mut self) -> Result<Option<String>, ItemError> {
        loop {
            self.number += 1;
            match read_line(&mut self.reader, MAX_ITEM_BYTES).map_err(ItemError::Read)? {
                Line::End => return Ok(None),
                Line::TooLong => return Err(too_long()),
                Line::Whole(line) if is_blank(&line) => {}
                Line::Whole(line) => return utf8(line).map(Some),
            }
        }
    }

    /// The next value, or element of a list.
    fn next_value(&mut self) -> Result<Option<String>, ItemError> {
        self.number += 1;
        loop {
            let next = self.peek_significant()?;
            self.line = self.breaks + 1;
            match (next, self.in_list) {
                (None, false) => return Ok(None),
                (None, true) => {
                    self.in_list = false;
                    return Err(never_closed());
                }
                (Some(b']'), true) => {
                    self.reader.consume(1);
                    self.in_list = false;
                }
                (Some(b'['), false) => {
                    self.reader.consume(1);
                    self.in_list = true;
                    if matches!(self.peek_significant()?, None | Some(b']')) {
                        continue;
                    }
                    self.line = self.breaks + 1;
                    let first = utf8(self.read_value()?)?;
                    return match (self.is_part)(&first) {
                        true => self.rest_of_list(first).map(Some),
                        false => Ok(Some(first)),
                    };
                }
                (Some(_), _) => return utf8(self.read_value()?).map(Some),
            }
        }
    }

    /// The whole list that begins with `first`.
    fn rest_of_list(&mut self, first: String) -> Result<String, ItemError> {
        let mut list = format!("[{first}");
        let mut wrong = None;
        loop {
            match self.peek_significant()? {
                None => {
                    self.in_list = false;
                    return Err(never_closed());
                }
                Some(b']') => break,
                Some(_) => {}
            }
            match self.read_value().and_then(utf8) {
                Ok(part) if list.len() + part.len() < MAX_ITEM_BYTES => {
                    list.push(',');
                    list.push_str(&part);
                }
                Ok(_) => wrong = Some(too_long()),
                Err(ItemError::Read(error)) => return Err(ItemError::Read(error)),
                Err(rejected) => wrong = Some(rejected),
            }
        }

        self.reader.consume(1);
        self.in_list = false;
        list.push(']');
        wrong.map_or(Ok(list), Err)
    }

    /// The next byte that is no white space, and in a list no comma; it stays in the reader.
    fn peek_significant(&mut self) -> Result<Option<u8>, ItemError> {
        loop {
            let filled = self.reader.fill_buf().map_err(ItemError::Read)?;
            if filled.is_empty() {
                return Ok(None);
            }
            let skips = |byte: &u8| byte.is_ascii_whitespace() || (self.in_list && *byte == b',');
            let Some(at) = filled.iter().position(|byte| !skips(byte)) else {
                let count = filled.len();
                self.breaks += line_breaks(filled);
                self.reader.consume(count);
                continue;
            };
            let found = filled[at];
            self.breaks += line_breaks(&filled[..at]);
            self.reader.consume(at);
            return Ok(Some(found));
        }
    }

    /// Reads one value from its first byte on, whether it is right or wrong, and at least one byte.
    fn read_value(&mut self) -> Result<Vec<u8>, ItemError> {
        let mut value = Vec::new();
        let mut length = 0_usize;
        let mut scan = Scan::default();
        loop {
            let filled = self.reader.fill_buf().map_err(ItemError::Read)?;
            let mut end = None;
            for (at, byte) in filled.iter().copied().enumerate() {
                // A number or a word ends before what cannot belong to it.
                let in_word = scan.depth == 0 && !scan.in_string;
                if in_word && length + at > 0 && (byte.is_ascii_whitespace() || b",]}[{\"".contains(&byte)) {
                    end = Some(at);
                    break;
                }
                scan.feed(byte);
                if scan.depth == 0 && !scan.in_string && b"}]\"\n".contains(&byte) {
                    end = Some(at + 1);
                    break;
                }
            }

            let taken = end.unwrap_or(filled.len());
            length += taken;
            if length <= MAX_ITEM_BYTES {
                value.extend_from_slice(&filled[..taken]);
            }
            let is_last = end.is_some() || filled.is_empty();
            self.breaks += line_breaks(&filled[..taken]);
            self.reader.consume(taken);
            if !is_last {
                continue;
            }
            return match length <= MAX_ITEM_BYTES {
                true => Ok(value),
                false => Err(too_long()),
            };
        }
    }
}

impl Iterator for JsonItems<'_> {
    type Item = (Place, Result<String, ItemError>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = match self.layout {
            Layout::Lines => self.next_line(),
            Layout::Values => self.next_value(),
        };
        self.ended = matches!(next, Ok(None) | Err(ItemError::Read(_)));
        Some((self.place(), next.transpose()?))
    }
}

/// What the parser says about an item, not longer than a message. Where the item is broken, the position is that in the
/// item; where it says something else than expected, the name of the field is enough.
pub fn explain(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&message);
    let message = shorten(message, MAX_REASON_CHARS);
    match (error.is_data(), line) {
        (true, _) => message,
        (false, 0 | 1) => format!("{message} at column {column}"),
        (false, _) => format!("{message} at line {line} of the item, column {column}"),
    }
}

/// Where structure is in JSON: how deep, and whether inside a text.
#[derive(Default)]
struct Scan {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    fn feed(&mut self, byte: u8) {
        match (self.in_string, byte) {
            // JSON has no line breaks in texts. One that is not closed must not swallow the rest of the file.
            (true, b'\n') => (self.in_string, self.escaped) = (false, false),
            (true, _) if self.escaped => self.escaped = false,
            (true, b'\\') => self.escaped = true,
            (true, b'"') => self.in_string = false,
            (false, b'"') => self.in_string = true,
            (false, b'{' | b'[') => self.depth += 1,
            (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// Tells the layout from the first lines that are not blank. All that was read is in `head`.
fn detect(reader: &mut impl BufRead, head: &mut Vec<u8>) -> io::Result<Layout> {
    let Some(first) = read_filled_line(reader, head, MAX_ITEM_BYTES)? else { return Ok(Layout::Lines) };
    let next = read_next_line(reader, head)?;
    let line = &head[first];
    Ok(match (line[0], next) {
        (b'{', Some(next)) if goes_on(line, head[next.start]) => match is_object(&head[next]) {
            // It may be the value that the first line waits for, or the line after a broken one; what follows tells.
            true => match read_next_line(reader, head)?.map(|line| head[line.start]) {
                Some(b',' | b'}' | b']') => Layout::Values,
                _ => Layout::Lines,
            },
            false => Layout::Values,
        },
        (b'[', Some(_)) if is_whole(line) => Layout::Lines,
        (b'[', _) => Layout::Values,
        _ => Layout::Lines,
    })
}

/// The next line that is not blank, if the last one that was read is complete.
fn read_next_line(reader: &mut impl BufRead, head: &mut Vec<u8>) -> io::Result<Option<Range<usize>>> {
    match head.ends_with(b"\n") {
        true => read_filled_line(reader, head, head.len() + MAX_ITEM_BYTES),
        false => Ok(None),
    }
}

/// Whether this line is one JSON object and nothing else.
fn is_object(line: &[u8]) -> bool {
    line.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

/// Appends lines to `head` up to the first that is not blank, while `head` has fewer than `limit` bytes. Returns where
/// that line stands without the white space before it.
fn read_filled_line(reader: &mut impl BufRead, head: &mut Vec<u8>, limit: usize) -> io::Result<Option<Range<usize>>> {
    loop {
        let start = head.len();
        let room = limit.saturating_sub(start) as u64;
        if reader.by_ref().take(room).read_until(b'\n', head)? == 0 {
            return Ok(None);
        }
        if let Some(indent) = head[start..].iter().position(|byte| !byte.is_ascii_whitespace()) {
            return Ok(Some(start + indent..head.len()));
        }
    }
}

/// Whether every bracket and text in this line is closed.
fn is_whole(line: &[u8]) -> bool {
    let mut scan = Scan::default();
    line.trim_ascii().iter().for_each(|byte| scan.feed(*byte));
    scan.depth == 0 && !scan.in_string
}

/// Whether a value that begins in `line` can go on in a later line that begins with `next`. If not, `line` is a broken
/// line among others.
fn goes_on(line: &[u8], next: u8) -> bool {
    let mut scan = Scan::default();
    let mut open = Vec::new();
    let mut last = b' ';
    for byte in line.trim_ascii().iter().copied() {
        if !scan.in_string {
            match byte {
                b'{' | b'[' => open.push(byte),
                b'}' | b']' => _ = open.pop(),
                _ => {}
            }
            if !byte.is_ascii_whitespace() {
                last = byte;
            }
        }
        scan.feed(byte);
    }

    let Some(innermost) = open.last() else { return false };
    match last {
        _ if scan.in_string => false,
        b'{' => matches!(next, b'"' | b'}'),
        b',' if *innermost == b'{' => next == b'"',
        b',' | b'[' | b':' => true,
        _ => matches!(next, b',' | b':' | b'}' | b']'),
    }
}

fn line_breaks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn utf8(bytes: Vec<u8>) -> Result<String, ItemError> {
    match String::from_utf8(bytes) {
        // Files that were joined have a byte order mark in the middle.
        Ok(text) => Ok(text.trim_start_matches('\u{feff}').trim().to_owned()),
        Err(error) => {
            let at = error.utf8_error().valid_up_to() + 1;
            Err(ItemError::Rejected(format!("is not UTF-8 (byte {at})")))
        }
    }
}

fn never_closed() -> ItemError {
    ItemError::Rejected("the list is never closed".to_owned())
}

fn too_long() -> ItemError {
    ItemError::Rejected(format!("is longer than {MAX_ITEM_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every item as `place: text` or `place! reason`.
    fn items(bytes: &[u8]) -> Vec<String> {
        show(JsonItems::new(bytes).expect("memory is readable"))
    }

    fn show(items: JsonItems<'_>) -> Vec<String> {
        items
            .map(|(place, text)| match text {
                Ok(text) => format!("{place}: {text}"),
                Err(ItemError::Rejected(reason)) => format!("{place}! {reason}"),
                Err(ItemError::Read(error)) => format!("{place}! cannot be read: {error}"),
            })
            .collect()
    }

    #[test]
    fn lines_are_told_by_their_number() {
        assert_eq!(
            items(b"\xef\xbb\xbf\r\n{\"a\":1}\r\n\n \t\n[2]\nnonsense\n{\"b\":\"\xff\"}\n{\"c\":3}"),
            [
                r#"line 2: {"a":1}"#,
                "line 5: [2]",
                "line 6: nonsense",
                "line 7! is not UTF-8 (byte 7)",
                r#"line 8: {"c":3}"#
            ]
        );
    }

    #[test]
    fn an_item_knows_the_line_on_which_it_begins() {
        let lines = |text: &str| {
            let mut items = JsonItems::new(text.as_bytes()).expect("memory is readable");
            let mut lines = Vec::new();
            while items.next().is_some() {
                lines.push(items.line());
            }
            lines
        };
        assert_eq!(lines("\n[\n{\n\"a\": 1\n},\n\n {\"b\":\n2}, 7\n,\"x\"]\n"), [3, 7, 8, 9]);
        assert_eq!(lines("[{}, {},\n{}]"), [1, 1, 2]);
        assert_eq!(lines("{}\n\n{}"), [1, 3]);
    }

    #[test]
    fn elements_of_a_list_are_told_one_by_one() {
        let expected = [r#"item 1: {"a":"[\"]"}"#, r#"item 2: {"b":[1,{}]}"#, "item 3: 4", r#"item 4: "x""#];
        assert_eq!(items(br#"[{"a":"[\"]"},{"b":[1,{}]},4,"x"]"#), expected);
        assert_eq!(items(b" [\n{\"a\":\"[\\\"]\"}\n,\n{\"b\":[1,{}]} , 4\n,\"x\"\n]\n"), expected);
        assert_eq!(items(b"[]").len(), 0);
    }

    #[test]
    fn an_object_may_span_lines() {
        assert_eq!(items(b"{\n\"a\": [\n1\n]\n}\n"), ["item 1: {\n\"a\": [\n1\n]\n}"]);
        assert_eq!(items(b"{\"a\":[{\"b\":1},\n{\"b\":2}]}{\"c\":1}").len(), 2);
        for whole in
            ["{\"a\":\n{\"b\":1}\n}", "{\"a\":[\n{\"b\":1}\n,{\"b\":2}\n]}", "{\"a\":[{\"b\":1},\n\n{\"b\":2}\n]}"]
        {
            assert_eq!(items(whole.as_bytes()), [format!("item 1: {whole}")]);
        }
    }

    #[test]
    fn a_broken_first_line_does_not_hide_the_others() {
        let closed = [r#"{"a":"x"#, r#"{"a":1"#, r#"{"a":1,"#, "{", r#"{"a":[{"b":1}"#];
        let open = [r#"{"a":"#, r#"{"a":["#, r#"{"a":[{"b":1},"#];
        for broken in closed.into_iter().chain(open) {
            let text = format!("{broken}\n{{\"c\":1}}\n{{\"d\":1}}\n");
            assert_eq!(items(text.as_bytes())[1..], [r#"line 2: {"c":1}"#, r#"line 3: {"d":1}"#], "{broken}");
        }
    }

    #[test]
    fn a_broken_element_does_not_hide_the_others() {
        assert_eq!(
            items(b"[{\"a\":\"x\n},\n{\"b\":\"\xff\"},{\"c\":1}"),
            [
                "item 1: {\"a\":\"x\n}",
                "item 2! is not UTF-8 (byte 7)",
                r#"item 3: {"c":1}"#,
                "item 4! the list is never closed"
            ]
        );
    }

    #[test]
    fn an_item_that_is_too_long_is_passed_over() {
        let long = "x".repeat(MAX_ITEM_BYTES);
        let too_long = format!("is longer than {MAX_ITEM_BYTES} bytes");
        let lines = format!("{{\"a\":1}}\n{{\"a\":\"{long}\"}}\n{{\"b\":1}}\n");
        assert_eq!(
            items(lines.as_bytes()),
            [r#"line 1: {"a":1}"#.to_owned(), format!("line 2! {too_long}"), r#"line 3: {"b":1}"#.to_owned()]
        );
        let list = format!("[{{\"a\":\"{long}\"}},{{\"b\":1}}]");
        assert_eq!(items(list.as_bytes()), [format!("item 1! {too_long}"), r#"item 2: {"b":1}"#.to_owned()]);
        let first = format!("{{\"a\":\"{long}\"}}\n{{\"b\":1}}\n");
        assert_eq!(items(first.as_bytes()), [format!("line 1! {too_long}"), r#"line 2: {"b":1}"#.to_owned()]);
    }

    #[test]
    fn a_list_of_parts_is_one_item() {
        let with_parts = |text: &'static str| {
            show(JsonItems::with_parts(text.as_bytes(), |element| element.starts_with("1")).expect("readable"))
        };
        assert_eq!(with_parts("[1, 2,\n3]"), ["item 1: [1,2,3]"]);
        assert_eq!(with_parts("[[1,2],[3]]"), ["item 1: [1,2]", "item 2: [3]"]);
        assert_eq!(with_parts("[1,2]\n[3]\n"), ["line 1: [1,2]", "line 2: [3]"]);
        assert_eq!(with_parts("[1,2"), ["item 1! the list is never closed"]);
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(items(&bytes).len() <= bytes.len() + 1);
        }

        #[test]
        fn any_json_like_text_comes_to_an_end(text in "[\\[\\]{}\",:\\\\\n a1]{0,80}") {
            prop_assert!(items(text.as_bytes()).len() <= text.len() + 1);
        }

        #[test]
        fn the_layout_does_not_change_the_items(texts in prop::collection::vec(any::<String>(), 2..6)) {
            let values: Vec<serde_json::Value> =
                texts.iter().map(|text| serde_json::json!({"text": text, "list": [text, {"deep": [[]]}]})).collect();
            let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
            let list = serde_json::to_string(&values).expect("JSON");
            let pretty = serde_json::to_string_pretty(&values).expect("JSON");
            let spread: String = values.iter().map(|value| format!("{value:#}\n")).collect();
            for given in [lines, list, pretty, spread] {
                let read: Vec<serde_json::Value> = JsonItems::new(given.as_bytes())
                    .expect("readable")
                    .map(|(_, text)| serde_json::from_str(&text.expect("an item")).expect("JSON"))
                    .collect();
                prop_assert_eq!(&read, &values);
            }
        }
    }
}
