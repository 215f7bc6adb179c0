//! FAQs in Markdown: headings are questions and what stands below them is the answer, or `Q:` and `A:` stand in front.
//!
//! Guarantees: an answer is plain text, with its paragraphs, steps and addresses of links; a heading with text directly
//! below it is a question, and one without that stands above others is their category; what cannot be read as the one or
//! the other is told by its line.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use crate::cli::import::faq;
use crate::cli::import::file::{Defaults, Given};
use crate::domain::error::FieldError;
use crate::domain::text::ends_as_question;

/// What stands in front of a question, in lower case; a number may follow.
const QUESTION: [&str; 4] = ["q", "question", "frage", "pregunta"];
/// What stands in front of an answer.
const ANSWER: [&str; 4] = ["a", "answer", "antwort", "respuesta"];

/// A line of an answer.
#[derive(Debug)]
struct Line {
    /// Where it stands in the file, from 1.
    number: u64,
    text: String,
    /// What stands between it and the line before it.
    glue: &'static str,
}

/// A heading and what stands below it, up to the next one.
#[derive(Debug, Default)]
struct Section {
    /// 1 to 6; 0 for what stands above the first heading.
    level: usize,
    title: String,
    number: u64,
    lines: Vec<Line>,
}

/// What to do with text that nothing says the question of.
const NO_QUESTION: &str = "stands above the first heading, so that nothing tells what it answers; put a heading with the \
                           question above it, or Q: and A: in front";
/// What to do with HTML.
const HTML: &str = "is HTML, which is not read; write it as Markdown, with a heading as the question";

/// A question with the line on which it begins, and its answer.
type Pair = (u64, String, String);

/// The questions and answers of a text, in their order.
pub(super) fn entries(text: &str, defaults: &Defaults) -> Vec<Given> {
    let Reader { sections, unread, .. } = read(text);
    let mut above: Vec<(usize, &str)> = Vec::new();
    let mut found: Vec<Given> = unread.into_iter().map(|line| refused(line, HTML)).collect();
    for (place, section) in sections.iter().enumerate() {
        above.retain(|(level, _)| *level < section.level);
        let category = above.last().map_or(defaults.category.as_str(), |(_, title)| *title);
        let (own, pairs) = pairs(&section.lines);
        let said = join(&own);
        let has_below = sections.get(place + 1).is_some_and(|next| next.level > section.level);
        // The first section is what stands above the headings.
        let is_title = place == 1 && section.level == 1 && !ends_as_question(&section.title);
        if section.level == 0 {
            let line = own.iter().find(|line| !line.text.trim().is_empty()).map(|line| line.number);
            found.extend(line.map(|line| refused(line, NO_QUESTION)));
        } else if !said.is_empty() || !(has_below || is_title || !pairs.is_empty()) {
            found.push(given(section.number, &section.title, &said, category, defaults));
        }
        // A heading that is a question itself stands beside the others, not above them.
        let category = if section.title.is_empty() || !said.is_empty() { category } else { section.title.as_str() };
        found.extend(pairs.into_iter().map(|(line, asked, said)| given(line, &asked, &said, category, defaults)));
        if section.level > 0 {
            above.push((section.level, section.title.as_str()));
        }
    }
    found.sort_by_key(|given| given.line);
    found
}

/// Text on a line that cannot be taken over.
fn refused(line: u64, message: &str) -> Given {
    Given { line, pk: None, item: Some(Err(vec![FieldError::new("text", message)])), remark: None }
}

fn given(line: u64, asked: &str, said: &str, category: &str, defaults: &Defaults) -> Given {
    let text = |text: &str| Value::String(text.to_owned());
    let named = [("question", asked), ("content", said), ("category", category)];
    faq::given(line, faq::values(named.map(|(name, value)| (name.to_owned(), text(value)))), defaults)
}

/// The lines that stand before the first one which says that it is a question, and the questions from there on.
fn pairs(lines: &[Line]) -> (Vec<Line>, Vec<Pair>) {
    let mut own = Vec::new();
    let mut pairs: Vec<(u64, Vec<Line>, Vec<Line>)> = Vec::new();
    let mut in_answer = false;
    for line in lines {
        let part = |text: &str| Line { number: line.number, text: text.to_owned(), glue: line.glue };
        if let Some(asked) = labelled(&line.text, &QUESTION) {
            pairs.push((line.number, vec![part(asked)], Vec::new()));
            in_answer = false;
        } else if let Some((_, asked, said)) = pairs.last_mut() {
            match labelled(&line.text, &ANSWER) {
                Some(text) => {
                    in_answer = true;
                    said.push(part(text));
                }
                None if in_answer => said.push(part(&line.text)),
                None => asked.push(part(&line.text)),
            }
        } else {
            own.push(part(&line.text));
        }
    }
    (own, pairs.into_iter().map(|(line, asked, said)| (line, join(&asked), join(&said))).collect())
}

/// What stands behind one of these words and a colon, if the line begins so.
fn labelled<'a>(line: &'a str, words: &[&str]) -> Option<&'a str> {
    let (label, rest) = line.split_once([':', '：'])?;
    let label = label.trim_start_matches(['-', '*', ' ']).trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
    words.contains(&label.to_lowercase().as_str()).then(|| rest.trim())
}

/// The lines as one text.
fn join(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| !line.text.trim().is_empty()) {
        if !text.is_empty() {
            text.push_str(line.glue);
        }
        text.push_str(line.text.trim());
    }
    text
}

/// Reads the text as headings with lines below them.
fn read(text: &str) -> Reader {
    let mut reader = Reader { breaks: breaks(text), sections: vec![Section::default()], ..Reader::default() };
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        reader.take(event, &range);
    }
    reader
}

/// Whether HTML has something to read beside its tags and comments.
fn has_text(html: &str) -> bool {
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        if !before.trim().is_empty() {
            return true;
        }
        let end = if tag.starts_with("!--") { "-->" } else { ">" };
        rest = tag.split_once(end).map_or("", |(_, after)| after);
    }
    !rest.trim().is_empty()
}

/// The places of the line breaks.
fn breaks(text: &str) -> Vec<usize> {
    text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect()
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    breaks: Vec<usize>,
    /// At least one: what stands above the first heading.
    sections: Vec<Section>,
    in_heading: bool,
    /// Whether an item of a list has just begun, and its text comes now.
    in_new_item: bool,
    /// The next number of each list that is open; `None` where items have none.
    lists: Vec<Option<u64>>,
    /// The addresses of the links that are open.
    links: Vec<String>,
    /// The HTML that is open.
    html: String,
    /// The lines of HTML with text in it.
    unread: Vec<u64>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(TagEnd::HtmlBlock) => {
                let line = self.line_of(range.start);
                if has_text(&std::mem::take(&mut self.html)) {
                    self.unread.push(line);
                }
            }
            Event::End(tag) => self.end(tag),
            Event::Html(html) => self.html.push_str(&html),
            Event::Text(text) | Event::Code(text) => self.push(&text, range),
            Event::SoftBreak if self.in_heading => self.push(" ", range),
            Event::SoftBreak => self.begin(" ", range.end),
            Event::HardBreak => self.begin("\n", range.end),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Heading { level, .. } => {
                let number = self.line_of(range.start);
                self.sections.push(Section { level: depth(level), number, ..Section::default() });
                self.in_heading = true;
            }
            Tag::Paragraph if self.in_new_item => self.in_new_item = false,
            Tag::Paragraph | Tag::CodeBlock(_) => self.begin("\n\n", range.start),
            Tag::List(first) => self.lists.push(first),
            Tag::Item => {
                self.begin("\n", range.start);
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.push(&mark, range);
                self.in_new_item = true;
            }
            Tag::TableHead | Tag::TableRow => self.begin("\n", range.start),
            Tag::Link { dest_url, .. } => self.links.push(dest_url.into_string()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => self.in_heading = false,
            TagEnd::List(_) => _ = self.lists.pop(),
            TagEnd::TableCell => self.current().push_str("  "),
            TagEnd::Link => {
                let url = self.links.pop().unwrap_or_default();
                let is_told = self.current().ends_with(&url);
                if url.contains(':') && !is_told && !self.in_heading {
                    self.current().push_str(&format!(" ({url})"));
                }
            }
            _ => {}
        }
    }

    /// Begins a line, unless the last one is still empty.
    fn begin(&mut self, glue: &'static str, at: usize) {
        let number = self.line_of(at);
        self.in_new_item = false;
        let lines = &mut self.section().lines;
        if lines.last().is_none_or(|line| !line.text.is_empty()) {
            lines.push(Line { number, text: String::new(), glue });
        }
    }

    /// Adds to the heading or to the last line; begins one where there is none.
    fn push(&mut self, text: &str, range: &Range<usize>) {
        if !self.in_heading && self.section().lines.is_empty() {
            self.begin("\n\n", range.start);
        }
        self.in_new_item = false;
        self.current().push_str(text);
    }

    /// The text that is being written.
    fn current(&mut self) -> &mut String {
        let in_heading = self.in_heading;
        let section = self.section();
        match section.lines.last_mut() {
            Some(line) if !in_heading => &mut line.text,
            _ => &mut section.title,
        }
    }

    fn section(&mut self) -> &mut Section {
        if self.sections.is_empty() {
            self.sections.push(Section::default());
        }
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }

    fn line_of(&self, at: usize) -> u64 {
        self.breaks.partition_point(|place| *place < at) as u64 + 1
    }
}

fn depth(level: HeadingLevel) -> usize {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::file::Item;

    /// Every entry as `line: category: title = content`, or `line! field`.
    fn told(text: &str) -> Vec<String> {
        let defaults = Defaults { category: "general".to_owned(), language: None };
        let tell = |Given { line, item, .. }: Given| match item.expect("nothing is passed over") {
            Ok(Item::Entry(entry)) => match entry.clone().check() {
                Ok(_) => {
                    let [category, title, content] = [entry.fields.category, entry.fields.title, entry.fields.content]
                        .map(Option::unwrap_or_default);
                    format!("{line}: {category}: {title} = {content}")
                }
                Err(wrong) => format!("{line}! {}", wrong[0].field),
            },
            Ok(Item::Record(_)) => format!("{line}: a record"),
            Err(wrong) => format!("{line}! {}", wrong[0].field),
        };
        entries(text, &defaults).into_iter().map(tell).collect()
    }

    #[test]
    fn headings_are_questions_and_those_above_them_categories() {
        let text = "# Northwind\n\nAll about us.\n\n## Billing\n\n### How do I *pay*?\n\nBy card,\nor by `invoice`.\n\nSee \
            [our page](https://example.com/pay).\n\n### When?\n\n1. Order\n2. Pay\n   - at once\n\n## Do you have parking?\n\
            Yes.  \nBehind the house.\n\n## Dogs?\n";
        assert_eq!(
            told(text),
            [
                "1: general: Northwind = All about us.",
                "7: Billing: How do I pay? = By card, or by invoice.\n\nSee our page (https://example.com/pay).",
                "14: Billing: When? = 1. Order\n2. Pay\n- at once",
                "20: Northwind: Do you have parking? = Yes.\nBehind the house.",
                "24! content",
            ]
        );
    }

    #[test]
    fn questions_and_answers_may_say_what_they_are() {
        let text = "Before.\n\n**Q:** Do you have parking?\n**A:** Yes, behind\nthe house.\n\nFree of charge.\n\n## Dogs\n\n\
            Q1: Are dogs welcome?\n\nA1: Yes.\n\n- **Question: Cats?**\n- Answer: No\n\nQ: Birds?\n";
        assert_eq!(
            told(text),
            [
                "1! text",
                "3: general: Do you have parking? = Yes, behind the house.\n\nFree of charge.",
                "11: Dogs: Are dogs welcome? = Yes.",
                "15: Dogs: Cats? = No",
                "18! content",
            ]
        );
    }

    #[test]
    fn a_question_may_stand_above_others() {
        let text = "# What is it?\n\nA gym.\n\n## Can I bring my dog?\n\nYes.\n\n### And my cat?\n\nNo.\n";
        assert_eq!(
            told(text),
            [
                "1: general: What is it? = A gym.",
                "5: What is it?: Can I bring my dog? = Yes.",
                "9: Can I bring my dog?: And my cat? = No.",
            ]
        );
        assert!(told("").is_empty() && told("# A title").is_empty());
    }

    #[test]
    fn no_text_is_lost() {
        let beside = "# Visiting\n## Where is the toilet?\nDown the hall.\n\nQ: What time do you open?\nA: At nine.\n";
        assert_eq!(
            told(beside),
            ["2: Visiting: Where is the toilet? = Down the hall.", "5: Visiting: What time do you open? = At nine."]
        );
        let above = "# Hours\nWe open at nine.\n## Sundays?\nClosed.\n";
        assert_eq!(told(above), ["1: general: Hours = We open at nine.", "3: Hours: Sundays? = Closed."]);
        assert_eq!(told("\nJust text.\n\n# Open?\n\nYes.\n"), ["2! text", "4: general: Open? = Yes."]);
        assert_eq!(told("Just text."), ["1! text"]);
        assert_eq!(told("# A title\n\n# Open?\n"), ["3! content"]);
        let html =
            "# Open?\n\nYes.\n\n<details><summary>Why?</summary>\nBecause.\n</details>\n\n<!-- a note -->\n\n<hr>\n";
        assert_eq!(told(html), ["1: general: Open? = Yes.", "5! text"]);
    }
}
