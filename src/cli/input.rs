//! A file as it is given to a command: opened, decompressed, its byte order mark gone.
//!
//! Guarantees: nothing is read ahead but a few bytes, so that a pipe or a file of any size will do. It refuses nothing;
//! what the bytes mean is for others to say.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const UTF8_BOM: &[u8] = &[0xef, 0xbb, 0xbf];

/// A source of plain bytes that can move to another thread.
pub type Input<'a> = Box<dyn BufRead + Send + 'a>;

/// Where in a file something stands, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of text.
    Line(u64),
    /// An element of a JSON list, or a JSON value that spans lines.
    Item(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Item(number) => write!(f, "item {number}"),
        }
    }
}

/// Opens a file, or standard input when the path is `-`; the bytes are as they stand there (see [`plain`]).
///
/// # Errors
/// When the file cannot be opened.
pub fn open(path: &Path) -> io::Result<Input<'static>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

/// The same bytes without gzip (recognised by its first bytes, several members are fine) and without a UTF-8 byte order
/// mark.
///
/// # Errors
/// When the first bytes cannot be read or decompressed.
pub fn plain<'a>(reader: impl BufRead + Send + 'a) -> io::Result<Input<'a>> {
    let (magic, reader) = peek(reader, GZIP_MAGIC.len())?;
    let text: Input<'a> = match magic == GZIP_MAGIC {
        true => Box::new(BufReader::new(MultiGzDecoder::new(reader))),
        false => Box::new(reader),
    };

    let (start, mut text) = peek(text, UTF8_BOM.len())?;
    if start == UTF8_BOM {
        text.consume(UTF8_BOM.len());
    }
    Ok(Box::new(text))
}

/// One line of at most `limit` bytes without its `\n`; a longer one is passed over and not held.
pub(crate) enum Line {
    /// The line.
    Whole(Vec<u8>),
    /// There was one, and it was too long.
    TooLong,
    /// The input has ended.
    End,
}

/// Reads the next line, holding at most `limit` bytes of it.
pub(crate) fn read_line(reader: &mut impl BufRead, limit: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    if reader.by_ref().take(limit as u64 + 1).read_until(b'\n', &mut line)? == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Line::Whole(line));
    }
    if line.len() <= limit {
        return Ok(Line::Whole(line));
    }
    reader.skip_until(b'\n')?;
    Ok(Line::TooLong)
}

/// The first bytes (fewer when there are no more), and a reader that still has them.
fn peek<R: BufRead>(mut reader: R, count: usize) -> io::Result<(Vec<u8>, impl BufRead)> {
    let mut first = Vec::with_capacity(count);
    reader.by_ref().take(count as u64).read_to_end(&mut first)?;
    Ok((first.clone(), Cursor::new(first).chain(reader)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        // One byte at a time, as a slow pipe would give them.
        let mut text = Vec::new();
        plain(BufReader::with_capacity(1, bytes))?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn gzip_and_byte_order_marks_are_taken_off() {
        let two_members = [gzip(b"\xef\xbb\xbfone "), gzip(b"two")].concat();
        for (given, text) in [
            (two_members.as_slice(), b"one two".as_slice()),
            (b"\xef\xbb\xbf{}", b"{}"),
            (b"plain", b"plain"),
            (b"\x1f", b"\x1f"),
            (b"", b""),
        ] {
            assert_eq!(read(given).expect("readable"), text);
        }
    }

    #[test]
    fn a_gzip_file_that_was_cut_off_is_an_error() {
        let whole = gzip(&[b'x'; 10_000]);
        assert!(read(&whole[..whole.len() / 2]).is_err());
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut reader = b"1234\n12345\nx".as_slice();
        let mut seen = Vec::new();
        loop {
            match read_line(&mut reader, 4).expect("memory is readable") {
                Line::Whole(line) => seen.push(String::from_utf8(line).expect("text")),
                Line::TooLong => seen.push("too long".to_owned()),
                Line::End => break,
            }
        }
        assert_eq!(seen, ["1234", "too long", "x"]);
    }
}
