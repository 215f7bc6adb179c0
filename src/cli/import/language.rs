//! The language of a whole file, for those of its texts that are too short to tell their own.
//!
//! Guarantees: nothing that names a language, or tells it alone, is changed; a file in which several languages are told
//! lends its own to nothing; at most [`AHEAD_BYTES`] of text are read ahead, and the longest thing.

use std::collections::{HashMap, VecDeque};
use std::io;

use crate::cli::import::file::{Given, Item, Source};
use crate::domain::language::Language;
use crate::domain::language_recognition::recognise_text;

/// The text from which the language of a file is told: 1 MiB, which is all of most files.
const AHEAD_BYTES: usize = 1 << 20;
/// Of those texts that tell their language alone, so many of ten must agree with the file: short ones err at times.
const AGREE_OF_TEN: usize = 9;

/// What stands in a file, with a language where the whole file tells it.
pub(super) struct Tongue {
    ahead: VecDeque<io::Result<Given>>,
    rest: Source,
    language: Option<Language>,
    lent: usize,
}

impl Tongue {
    /// Reads ahead, and tells the language of what was read together.
    pub(super) fn read(mut rest: Source) -> Self {
        let (mut ahead, mut text) = (VecDeque::new(), String::new());
        let mut sure: HashMap<Language, usize> = HashMap::new();
        while text.len() < AHEAD_BYTES {
            let Some(given) = rest.next() else { break };
            if let Ok(Given { item: Some(Ok(item)), .. }) = &given
                && let Some(said) = said_without_language(item)
            {
                *sure.entry(recognise_text(&said)).or_default() += 1;
                text.push_str(&said);
                text.push('\n');
            }
            let is_end = given.is_err();
            ahead.push_back(given);
            if is_end {
                break;
            }
        }
        let unsure = sure.remove(&Language::undetermined()).unwrap_or(0);
        let of_file = recognise_text(&text);
        let agree = sure.get(&of_file).copied().unwrap_or(0);
        let all: usize = sure.values().sum();
        let is_told = unsure > 0 && of_file != Language::undetermined() && agree * 10 >= all * AGREE_OF_TEN;
        Self { ahead, rest, language: is_told.then_some(of_file), lent: 0 }
    }

    /// The language of the file, and how many were given it; `None` when none was.
    pub(super) fn lent(&self) -> Option<(&Language, usize)> {
        self.language.as_ref().map(|language| (language, self.lent)).filter(|(_, lent)| *lent > 0)
    }
}

impl Iterator for Tongue {
    type Item = io::Result<Given>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut given = self.ahead.pop_front().or_else(|| self.rest.next())?;
        if let Some(language) = &self.language
            && let Ok(Given { item: Some(Ok(item)), .. }) = &mut given
            && said_without_language(item).is_some_and(|said| recognise_text(&said) == Language::undetermined())
        {
            let told = Some(language.to_string());
            match item {
                Item::Entry(entry) => entry.fields.language = told,
                Item::Record(record) => record.language = told,
            }
            self.lent += 1;
        }
        Some(given)
    }
}

/// All that something says; `None` when it names its language.
fn said_without_language(item: &Item) -> Option<String> {
    match item {
        Item::Entry(entry) if entry.fields.language.is_none() => {
            let fields = &entry.fields;
            let [title, content] = [&fields.title, &fields.content].map(|text| text.as_deref().unwrap_or_default());
            let phrases = fields.trigger_phrases.as_deref().unwrap_or_default().join(". ");
            Some(format!("{title}. {content} {phrases}"))
        }
        Item::Record(record) if record.language.is_none() => {
            Some(format!("{} {}", record.conversation_summary, record.key_phrases.join(". ")))
        }
        Item::Entry(_) | Item::Record(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entry_fields::EntryFields;
    use crate::domain::import::EntryImport;

    fn given(title: &str, content: &str, language: Option<&str>) -> io::Result<Given> {
        let fields = EntryFields {
            title: Some(title.to_owned()),
            content: Some(content.to_owned()),
            language: language.map(str::to_owned),
            ..EntryFields::default()
        };
        let entry = EntryImport { key: None, fields, created_at: None };
        Ok(Given { line: 1, pk: None, item: Some(Ok(Item::from(entry))), remark: None })
    }

    /// The language of each, and how many were given that of the file.
    fn languages(given: Vec<io::Result<Given>>) -> (Vec<Option<String>>, usize) {
        let mut tongue = Tongue::read(Box::new(given.into_iter()));
        let mut found = Vec::new();
        for given in tongue.by_ref() {
            let Some(Ok(Item::Entry(entry))) = given.expect("readable").item else { panic!("an entry") };
            found.push(entry.fields.language);
        }
        (found, tongue.lent().map_or(0, |(_, lent)| lent))
    }

    const ENGLISH: [&str; 2] = [
        "Where can I leave my car when I come to see the doctor?",
        "There are places behind the building, which are free of charge for everybody who visits us.",
    ];
    const SPANISH: [&str; 2] = [
        "¿Dónde puedo dejar el coche cuando vengo a ver al médico?",
        "Hay sitio detrás del edificio, que es gratuito para todas las personas que nos visitan.",
    ];

    #[test]
    fn what_is_too_short_gets_the_language_of_the_file() {
        let file = vec![given(ENGLISH[0], ENGLISH[1], None), given("ok", "ok", None), given("ok", "ok", Some("de"))];
        assert_eq!(languages(file), (vec![None, Some("en".to_owned()), Some("de".to_owned())], 1));
        let told_alone = vec![given(ENGLISH[0], ENGLISH[1], None)];
        assert_eq!(languages(told_alone), (vec![None], 0));
    }

    #[test]
    fn a_file_of_several_languages_lends_none() {
        let both =
            vec![given(ENGLISH[0], ENGLISH[1], None), given(SPANISH[0], SPANISH[1], None), given("ok", "ok", None)];
        assert_eq!(languages(both), (vec![None, None, None], 0));
    }

    #[test]
    fn an_input_that_breaks_off_is_told_where_it_does() {
        let broken: Vec<io::Result<Given>> = vec![given("ok", "ok", None), Err(io::Error::other("cut off"))];
        let found: Vec<bool> = Tongue::read(Box::new(broken.into_iter())).map(|given| given.is_ok()).collect();
        assert_eq!(found, [true, false]);
    }
}
