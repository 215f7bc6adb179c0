//! Redaction measured on labelled conversations in six languages: how many of the personal values of each kind go, and
//! how many facts of the business go with them. `labelled/test.txt` is the part that rules are never worked on with.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::domain::conversation::Speaker;
use crate::domain::redaction::Redactor;

/// The smallest share of the values of each kind that must be found.
const RECALL: f64 = 0.95;
/// The largest share of the facts of the business that may be lost.
const FACTS_LOST: f64 = 0.02;
/// The fewest values of a kind that a share is told of.
const ENOUGH: usize = 20;

/// Both parts, by name.
const PARTS: [(&str, &str); 2] =
    [("dev", include_str!("labelled/dev.txt")), ("test", include_str!("labelled/test.txt"))];

static LABEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[([a-z_]+):([^\]]*)\]").expect("a valid pattern"));
static SLOT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{([a-z_]+)\}").expect("a valid pattern"));

/// A labelled conversation.
pub(super) struct Labelled {
    part: &'static str,
    language: &'static str,
    pub(super) turns: Vec<LabelledTurn>,
}

/// A turn as it was said, with its labels: kind and place in the text.
pub(super) struct LabelledTurn {
    pub(super) speaker: Speaker,
    pub(super) text: String,
    labels: Vec<(&'static str, Range<usize>)>,
}

impl Labelled {
    /// What is learned from the whole conversation.
    pub(super) fn redactor(&self) -> Redactor {
        Redactor::for_conversation(self.turns.iter().map(|turn| (turn.speaker, turn.text.as_str())))
    }
}

/// Every labelled conversation of both parts.
pub(super) fn conversations() -> Vec<Labelled> {
    let read =
        |(part, text): (&'static str, &'static str)| text.split("\n\n").filter_map(move |block| read(part, block));
    PARTS.into_iter().flat_map(read).collect()
}

/// The conversation in a block of lines; none when the block is a comment.
fn read(part: &'static str, block: &'static str) -> Option<Labelled> {
    let turns: Vec<LabelledTurn> = block.lines().filter_map(read_turn).collect();
    let language = block.trim_start().lines().next()?.strip_prefix("# ")?;
    (!turns.is_empty()).then_some(Labelled { part, language, turns })
}

fn read_turn(line: &'static str) -> Option<LabelledTurn> {
    let (speaker, labelled) = match line.split_once(": ")? {
        ("U", labelled) => (Speaker::User, labelled),
        ("A", labelled) => (Speaker::Agent, labelled),
        _ => return None,
    };
    let (mut text, mut labels, mut copied) = (String::new(), Vec::new(), 0);
    for label in LABEL.captures_iter(labelled) {
        let (whole, kind, value) = (label.get(0)?, label.get(1)?.as_str(), label.get(2)?.as_str());
        text.push_str(&labelled[copied..whole.start()]);
        labels.push((kind, text.len()..text.len() + value.len()));
        text.push_str(value);
        copied = whole.end();
    }
    text.push_str(&labelled[copied..]);
    Some(LabelledTurn { speaker, text, labels })
}

/// Where the slots of a redacted text stand in what was said, with their kinds.
fn slots(said: &str, redacted: &str) -> Vec<(String, Range<usize>)> {
    let (mut pattern, mut copied) = (String::from("(?s)^"), 0);
    for slot in SLOT.find_iter(redacted) {
        pattern.push_str(&regex::escape(&redacted[copied..slot.start()]));
        pattern.push_str("(.+?)");
        copied = slot.end();
    }
    pattern.push_str(&regex::escape(&redacted[copied..]));
    pattern.push('$');
    let aligned = Regex::new(&pattern).expect("an escaped pattern is valid");
    let places = aligned.captures(said).expect("redaction replaces and leaves the rest as it is");
    let kinds = SLOT.captures_iter(redacted).map(|slot| slot[1].to_owned());
    kinds.zip(places.iter().skip(1).flatten().map(|place| place.range())).collect()
}

/// Values and how many of them came out right.
#[derive(Clone, Copy, Default)]
struct Tally {
    all: usize,
    right: usize,
}

impl Tally {
    fn share(self) -> f64 {
        self.right as f64 / self.all as f64
    }
}

/// Values by part or language, and by kind; with the slots where nothing personal stands.
#[derive(Default)]
struct Measured {
    tallies: BTreeMap<(&'static str, &'static str), Tally>,
    turns: BTreeMap<&'static str, Tally>,
    invented: BTreeMap<&'static str, usize>,
}

impl Measured {
    /// Redacts a conversation and counts. A value counts as found when every letter and digit of it is gone into slots
    /// of its kind; a fact counts as lost when any of it is.
    fn add(&mut self, conversation: &Labelled) {
        let redactor = conversation.redactor();
        for turn in &conversation.turns {
            let redacted = redactor.redact(turn.speaker, &turn.text);
            let slots = slots(&turn.text, &redacted);
            let mut exact = true;
            for (kind, place) in &turn.labels {
                let gone = |at: usize, kinds: Option<&str>| {
                    slots.iter().any(|(slot, range)| range.contains(&at) && kinds.is_none_or(|kind| kind == slot))
                };
                let mut written = turn.text[place.clone()].char_indices().filter(|(_, c)| c.is_alphanumeric());
                let right = match *kind {
                    "fact" => written.all(|(at, _)| !gone(place.start + at, None)),
                    kind => written.all(|(at, _)| gone(place.start + at, Some(kind))),
                };
                exact &= right;
                for group in ["all", conversation.part, conversation.language] {
                    let tally = self.tallies.entry((group, *kind)).or_default();
                    tally.all += 1;
                    tally.right += usize::from(right);
                }
            }
            let personal = |range: &Range<usize>| {
                turn.labels
                    .iter()
                    .any(|(kind, place)| *kind != "fact" && place.start < range.end && range.start < place.end)
            };
            let already = |range: &Range<usize>| SLOT.is_match(&turn.text[range.clone()]);
            let invented = slots.iter().filter(|(_, range)| !personal(range) && !already(range)).count();
            exact &= invented == 0;
            for group in ["all", conversation.part, conversation.language] {
                let turns = self.turns.entry(group).or_default();
                turns.all += 1;
                turns.right += usize::from(exact);
                *self.invented.entry(group).or_default() += invented;
            }
            if !exact {
                println!("{} {}: {}\n      -> {redacted}", conversation.part, conversation.language, turn.text);
            }
        }
    }

    /// A table in Markdown, as it stands in `docs/quality.md`.
    fn table(&self) -> String {
        let groups = ["test", "dev", "all", "en", "es", "ar", "hi", "ur", "ur-Latn"];
        let row = |name: &str, cell: &dyn Fn(&'static str) -> String| {
            format!("| {name} | {} |\n", groups.map(cell).join(" | "))
        };
        let mut table = row("", &|group| group.to_owned());
        table.push_str(&format!("|---|{}\n", "---|".repeat(groups.len())));
        for kind in ["email", "iban", "card", "birth_date", "phone", "name", "address", "fact"] {
            table.push_str(&row(kind, &|group| {
                let tally = self.tallies.get(&(group, kind)).copied().unwrap_or_default();
                format!("{} of {}", tally.right, tally.all)
            }));
        }
        table.push_str(&row("slots with nothing personal", &|group| self.invented[group].to_string()));
        table.push_str(&row("turns right", &|group| {
            format!("{} of {}", self.turns[group].right, self.turns[group].all)
        }));
        table
    }
}

#[test]
fn personal_values_go_and_facts_of_the_business_stay() {
    let mut measured = Measured::default();
    for conversation in conversations() {
        measured.add(&conversation);
    }
    println!("\n{}", measured.table());

    for ((group, kind), tally) in &measured.tallies {
        if !matches!(*group, "all" | "test") || *group == "test" && tally.all < ENOUGH {
            continue;
        }
        let least = if *kind == "fact" { 1.0 - FACTS_LOST } else { RECALL };
        assert!(tally.share() >= least, "{group}, {kind}: {} of {}", tally.right, tally.all);
        assert!(tally.all >= ENOUGH, "{group}, {kind}: only {}", tally.all);
    }
    assert!(measured.turns["all"].all >= 300, "{} turns", measured.turns["all"].all);
    for language in ["en", "es", "ar", "hi", "ur", "ur-Latn"] {
        assert!(measured.turns[language].all >= 50, "{} turns in {language}", measured.turns[language].all);
    }
}
