//! The seed sentences that ship with Turnwise, and the intents that an installation adds to them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::error::FieldError;
use crate::domain::knowledge::KnowledgeType;
use crate::domain::language::Language;

/// The languages of the seed files, in the order of the lists below.
const LANGUAGES: [&str; 6] = ["en", "es", "ar", "hi", "ur", "ur-Latn"];

/// Seed sentences of dialogue acts, one file a language.
const ACTS: [&str; 6] = [
    include_str!("data/acts/en.toml"),
    include_str!("data/acts/es.toml"),
    include_str!("data/acts/ar.toml"),
    include_str!("data/acts/hi.toml"),
    include_str!("data/acts/ur.toml"),
    include_str!("data/acts/ur-Latn.toml"),
];

/// Seed sentences of intents, one file a language.
const INTENTS: [&str; 6] = [
    include_str!("data/intents/en.toml"),
    include_str!("data/intents/es.toml"),
    include_str!("data/intents/ar.toml"),
    include_str!("data/intents/hi.toml"),
    include_str!("data/intents/ur.toml"),
    include_str!("data/intents/ur-Latn.toml"),
];

/// Seed exchanges, one file a language.
const EXCHANGES: [&str; 6] = [
    include_str!("data/pairs/en.toml"),
    include_str!("data/pairs/es.toml"),
    include_str!("data/pairs/ar.toml"),
    include_str!("data/pairs/hi.toml"),
    include_str!("data/pairs/ur.toml"),
    include_str!("data/pairs/ur-Latn.toml"),
];

/// Category and title of each intent.
const CATALOGUE: &str = include_str!("data/intents.toml");

/// Labelled sentences, grouped by label.
type Labelled = BTreeMap<String, Vec<String>>;

/// Acts of users and of agents.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActSeeds {
    /// Sentences by act of the user.
    pub user: Labelled,
    /// Sentences by act of the agent.
    pub agent: Labelled,
}

/// One thing that users want.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntentSeeds {
    /// `sales`, `support`, …
    pub category: String,
    /// For people.
    pub title: String,
    /// Utterances that carry it.
    #[serde(default)]
    pub exemplars: Vec<String>,
}

/// The acts that ship with Turnwise.
pub fn act_seeds() -> ActSeeds {
    let mut all = ActSeeds::default();
    for file in ACTS {
        let seeds: ActSeeds = toml::from_str(file).expect("the embedded seed files are well-formed");
        merge(&mut all.user, seeds.user);
        merge(&mut all.agent, seeds.agent);
    }
    all
}

/// Every seed sentence of acts, one list a language: what a language sounds like, whatever is said.
pub fn sentences_by_language() -> Vec<(Language, Vec<String>)> {
    ACTS.iter()
        .zip(LANGUAGES)
        .map(|(file, tag)| {
            let seeds: ActSeeds = toml::from_str(file).expect("the embedded seed files are well-formed");
            let sentences = seeds.user.into_values().chain(seeds.agent.into_values()).flatten().collect();
            (Language::parse(tag).expect("the tags above are well-formed"), sentences)
        })
        .collect()
}

/// One seed exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeSeed {
    /// The user's turn.
    pub need: String,
    /// The agent's turn.
    pub answer: String,
    /// Which knowledge it holds, if any.
    pub kind: Option<KnowledgeType>,
}

/// The exchanges that ship with Turnwise.
pub fn exchange_seeds() -> Vec<ExchangeSeed> {
    let mut all = Vec::new();
    for file in EXCHANGES {
        let seeds: BTreeMap<String, Vec<[String; 2]>> =
            toml::from_str(file).expect("the embedded seed files are well-formed");
        for (label, pairs) in seeds {
            // Every label but `none` is a kind, which a test checks.
            let kind = label.parse::<KnowledgeType>().ok();
            all.extend(pairs.into_iter().map(|[need, answer]| ExchangeSeed { need, answer, kind }));
        }
    }
    all
}

/// The intents that ship with Turnwise, and those of an installation (`own`, TOML), which add to them by name.
///
/// # Errors
/// When `own` is not of the shape `[name]` with `category`, `title` and `exemplars`.
pub fn intent_seeds(own: Option<&str>) -> Result<BTreeMap<String, IntentSeeds>, FieldError> {
    let mut intents: BTreeMap<String, IntentSeeds> =
        toml::from_str(CATALOGUE).expect("the embedded seed files are well-formed");
    for file in INTENTS {
        let seeds: Labelled = toml::from_str(file).expect("the embedded seed files are well-formed");
        for (name, exemplars) in seeds {
            intents.entry(name).and_modify(|intent| intent.exemplars.extend(exemplars));
        }
    }
    let wrong = |message: String| FieldError::new("learning.intents_file", message);
    let own: BTreeMap<String, IntentSeeds> =
        toml::from_str(own.unwrap_or_default()).map_err(|error| wrong(error.to_string()))?;
    for (name, seeds) in own {
        match intents.get_mut(&name) {
            Some(known) => {
                known.category = seeds.category;
                known.title = seeds.title;
                known.exemplars.extend(seeds.exemplars);
            }
            None if seeds.exemplars.is_empty() => {
                return Err(wrong(format!("intent '{name}' has no exemplars; give it at least one utterance")));
            }
            None => {
                intents.insert(name, seeds);
            }
        }
    }
    Ok(intents)
}

fn merge(into: &mut Labelled, from: Labelled) {
    for (label, texts) in from {
        into.entry(label).or_default().extend(texts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_act_and_intent_has_seeds_in_every_language() {
        let acts = act_seeds();
        assert_eq!((acts.user.len(), acts.agent.len()), (13, 12));
        assert!(acts.user.values().chain(acts.agent.values()).all(|texts| texts.len() >= 6 * 14));
        let intents = intent_seeds(None).expect("the embedded intents");
        assert_eq!(intents.len(), 30);
        assert!(intents.values().all(|intent| intent.exemplars.len() >= 6 * 6 && !intent.category.is_empty()));
        let exchanges = exchange_seeds();
        for kind in KnowledgeType::ALL.iter().copied().map(Some).chain([None]) {
            assert!(exchanges.iter().filter(|seed| seed.kind == kind).count() >= 6 * 26, "{kind:?}");
        }
    }

    #[test]
    fn an_installation_adds_its_own_intents() {
        let own = "[gift_card]\ncategory = \"sales\"\ntitle = \"Gift card\"\nexemplars = [\"a voucher please\"]\n";
        let intents = intent_seeds(Some(own)).expect("valid intents");
        assert_eq!(intents["gift_card"].exemplars, ["a voucher please"]);
        assert_eq!(intents.len(), 31);

        let empty = "[empty]\ncategory = \"sales\"\ntitle = \"Nothing\"";
        let error = intent_seeds(Some(empty)).expect_err("an intent without exemplars").to_string();
        assert!(error.contains("learning.intents_file") && error.contains("'empty'"), "{error}");
    }

    /// The demo measures what was learned, so its sentences must not stand in what ships.
    #[test]
    fn no_sentence_of_the_demo_stands_among_the_seeds() {
        let mut seeds: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
        let acts = act_seeds();
        let texts = acts.user.into_values().chain(acts.agent.into_values()).flatten();
        seeds.extend(texts.map(|text| crate::domain::text::normalise(&text)));
        for intent in intent_seeds(None).expect("the embedded intents").into_values() {
            seeds.extend(intent.exemplars.iter().map(|text| crate::domain::text::normalise(text)));
        }
        let turns_of = |seed: ExchangeSeed| [seed.need, seed.answer];
        seeds.extend(exchange_seeds().into_iter().flat_map(turns_of).map(|text| crate::domain::text::normalise(&text)));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/conversations");
        let mut turns = 0;
        for file in std::fs::read_dir(folder).expect("the demo folder") {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("a readable file");
            for line in text.lines() {
                let conversation: serde_json::Value = serde_json::from_str(line).expect("a conversation");
                for turn in conversation["turns"].as_array().expect("turns") {
                    let said = crate::domain::text::normalise(turn["text"].as_str().expect("a text"));
                    turns += 1;
                    // A bare "hello" or "thank you" belongs to nobody.
                    let telling = crate::domain::text::word_count(&said) >= 4;
                    assert!(!(telling && seeds.contains(&said)), "{said:?} stands in the demo and in the seeds");
                }
            }
        }
        assert!(turns > 1_000, "the demo was read");
    }
}
