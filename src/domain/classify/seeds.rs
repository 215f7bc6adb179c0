//! What the classifiers are fitted on: seed sentences and practice conversations that ship with Turnwise, and the intents
//! that an installation adds to them.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::classify::practice::{PracticeConversation, parse};
use crate::domain::error::FieldError;
use crate::domain::knowledge::KnowledgeType;
use crate::domain::language::Language;

/// The files of one language.
struct Sources {
    language: &'static str,
    /// Sentences by dialogue act.
    acts: &'static str,
    /// Sentences by intent.
    intents: &'static str,
    /// Exchanges by the knowledge that they hold.
    pairs: &'static str,
    /// Labelled conversations.
    practice: &'static [&'static str],
    /// Utterances that no business could answer, one a line.
    out_of_scope: &'static str,
}

macro_rules! sources {
    ($language:literal, $($practice:literal),+) => {
        Sources {
            language: $language,
            acts: include_str!(concat!("data/acts/", $language, ".toml")),
            intents: include_str!(concat!("data/intents/", $language, ".toml")),
            pairs: include_str!(concat!("data/pairs/", $language, ".toml")),
            practice: &[$(include_str!(concat!("data/practice/", $practice, ".jsonl"))),+],
            out_of_scope: include_str!(concat!("data/out_of_scope/", $language, ".txt")),
        }
    };
}

/// Everything that ships, language by language.
const SOURCES: [Sources; 6] = [
    sources!("en", "en", "en2", "en-bot", "en-bot2", "en-short"),
    sources!("es", "es", "es2", "es-short"),
    sources!("ar", "ar", "ar2", "ar-short"),
    sources!("hi", "hi", "hi2", "hi-short"),
    sources!("ur", "ur", "ur2", "ur-short"),
    sources!("ur-Latn", "ur-Latn", "ur-Latn2", "ur-Latn-short"),
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

/// What ships for a model that was trained on these languages (ISO 639 codes); others would only confuse it.
fn sources(languages: &[String]) -> impl Iterator<Item = &'static Sources> {
    let known = |source: &&Sources| {
        let primary = source.language.split('-').next().unwrap_or_default();
        languages.iter().any(|language| language == primary)
    };
    SOURCES.iter().filter(move |source| known(source))
}

/// A hash of everything that ships for these languages: what is fitted on it is as good as new while this stays.
pub fn fingerprint(languages: &[String]) -> String {
    let mut hash = Sha256::new();
    hash.update(CATALOGUE);
    for source in sources(languages) {
        let files = [source.language, source.acts, source.intents, source.pairs, source.out_of_scope];
        for file in files.iter().chain(source.practice) {
            hash.update((file.len() as u64).to_le_bytes());
            hash.update(file);
        }
    }
    hex::encode(hash.finalize())
}

/// The practice conversations in these languages (ISO 639 codes).
pub fn practice_conversations(languages: &[String]) -> Vec<PracticeConversation> {
    sources(languages).flat_map(|source| source.practice.iter().flat_map(|file| parse(file))).collect()
}

/// Utterances that no business could answer, in these languages (ISO 639 codes).
pub fn out_of_scope_seeds(languages: &[String]) -> Vec<String> {
    sources(languages).flat_map(|source| source.out_of_scope.lines()).map(str::to_owned).collect()
}

/// The acts that ship with Turnwise, in these languages (ISO 639 codes).
pub fn act_seeds(languages: &[String]) -> ActSeeds {
    let mut all = ActSeeds::default();
    for source in sources(languages) {
        let seeds: ActSeeds = toml::from_str(source.acts).expect("the embedded seed files are well-formed");
        merge(&mut all.user, seeds.user);
        merge(&mut all.agent, seeds.agent);
    }
    all
}

/// Every seed sentence of acts, one list a language: what a language sounds like, whatever is said.
pub fn sentences_by_language(languages: &[String]) -> Vec<(Language, Vec<String>)> {
    sources(languages)
        .map(|source| {
            let seeds: ActSeeds = toml::from_str(source.acts).expect("the embedded seed files are well-formed");
            let sentences = seeds.user.into_values().chain(seeds.agent.into_values()).flatten().collect();
            (Language::parse(source.language).expect("the tags above are well-formed"), sentences)
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

/// The exchanges that ship with Turnwise, in these languages (ISO 639 codes).
pub fn exchange_seeds(languages: &[String]) -> Vec<ExchangeSeed> {
    let mut all = Vec::new();
    for source in sources(languages) {
        let seeds: BTreeMap<String, Vec<[String; 2]>> =
            toml::from_str(source.pairs).expect("the embedded seed files are well-formed");
        for (label, pairs) in seeds {
            // Every label but `none` is a kind, which a test checks.
            let kind = label.parse::<KnowledgeType>().ok();
            all.extend(pairs.into_iter().map(|[need, answer]| ExchangeSeed { need, answer, kind }));
        }
    }
    all
}

/// The intents that ship with Turnwise, with exemplars in these languages (ISO 639 codes), and those of an installation
/// (`own`, TOML), which add to them by name.
///
/// # Errors
/// When `own` is not of the shape `[name]` with `category`, `title` and `exemplars`.
pub fn intent_seeds(languages: &[String], own: Option<&str>) -> Result<BTreeMap<String, IntentSeeds>, FieldError> {
    let mut intents: BTreeMap<String, IntentSeeds> =
        toml::from_str(CATALOGUE).expect("the embedded seed files are well-formed");
    for source in sources(languages) {
        let seeds: Labelled = toml::from_str(source.intents).expect("the embedded seed files are well-formed");
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
    use crate::domain::classify::acts::{AgentAct, UserAct};
    use crate::domain::conversation::Speaker;
    use std::path::Path;

    fn all() -> Vec<String> {
        ["en", "es", "ar", "hi", "ur"].map(str::to_owned).to_vec()
    }

    #[test]
    fn every_act_and_intent_has_seeds_in_every_language() {
        let acts = act_seeds(&all());
        assert_eq!((acts.user.len(), acts.agent.len()), (13, 12));
        assert!(acts.user.values().chain(acts.agent.values()).all(|texts| texts.len() >= 6 * 14));
        let intents = intent_seeds(&all(), None).expect("the embedded intents");
        assert_eq!(intents.len(), 30);
        assert!(intents.values().all(|intent| intent.exemplars.len() >= 6 * 6 && !intent.category.is_empty()));
        let exchanges = exchange_seeds(&all());
        for kind in KnowledgeType::ALL.iter().copied().map(Some).chain([None]) {
            assert!(exchanges.iter().filter(|seed| seed.kind == kind).count() >= 6 * 26, "{kind:?}");
        }
    }

    #[test]
    fn every_label_of_the_practice_conversations_is_known() {
        let intents = intent_seeds(&all(), None).expect("the embedded intents");
        let conversations = practice_conversations(&all());
        assert!(conversations.len() > 400);
        let mut kinds: BTreeMap<KnowledgeType, usize> = BTreeMap::new();
        for line in SOURCES.iter().flat_map(|source| source.practice.iter().flat_map(|file| file.lines())) {
            let raw: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            for turn in raw["turns"].as_array().expect("turns") {
                let words: Vec<&str> =
                    turn.as_array().expect("a turn").iter().filter_map(|word| word.as_str()).collect();
                assert!(words[0].parse::<Speaker>().is_ok() && !words[2].trim().is_empty(), "{words:?}");
                match words[0] {
                    "user" => assert!(words[1].parse::<UserAct>().is_ok(), "{words:?}"),
                    "agent" => assert!(words[1].parse::<AgentAct>().is_ok(), "{words:?}"),
                    _ => assert_eq!(words[1], "none"),
                }
                if let Some(kind) = words.get(3) {
                    assert!(words[0] == "agent" && raw["outcome"] == "successful", "{words:?}");
                    *kinds.entry(kind.parse().expect("a kind")).or_default() += 1;
                }
            }
        }
        assert!(kinds.len() == 3 && kinds.values().all(|count| *count > 300), "{kinds:?}");
        for conversation in conversations {
            assert!(intents.contains_key(&conversation.intent), "{}: {}", conversation.id, conversation.intent);
        }
    }

    #[test]
    fn a_model_of_one_language_sees_no_other() {
        let english = ["en".to_owned()];
        assert_eq!(sentences_by_language(&english).len(), 1);
        assert!(practice_conversations(&english).len() < practice_conversations(&all()).len() / 2);
        assert_ne!(fingerprint(&english), fingerprint(&all()));
        let urdu: Vec<Language> = sentences_by_language(&["ur".to_owned()]).into_iter().map(|(tag, _)| tag).collect();
        assert_eq!(urdu.iter().map(Language::as_str).collect::<Vec<_>>(), ["ur", "ur-Latn"]);
    }

    #[test]
    fn an_installation_adds_its_own_intents() {
        let own = "[gift_card]\ncategory = \"sales\"\ntitle = \"Gift card\"\nexemplars = [\"a voucher please\"]\n";
        let intents = intent_seeds(&all(), Some(own)).expect("valid intents");
        assert_eq!(intents["gift_card"].exemplars, ["a voucher please"]);
        assert_eq!(intents.len(), 31);

        let empty = "[empty]\ncategory = \"sales\"\ntitle = \"Nothing\"";
        let error = intent_seeds(&all(), Some(empty)).expect_err("an intent without exemplars").to_string();
        assert!(error.contains("learning.intents_file") && error.contains("'empty'"), "{error}");
    }

    /// The demo measures what was learned, so its sentences must not stand in what ships.
    #[test]
    fn no_sentence_of_the_demo_stands_among_the_seeds() {
        let mut seeds: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
        let acts = act_seeds(&all());
        let texts = acts.user.into_values().chain(acts.agent.into_values()).flatten();
        seeds.extend(texts.map(|text| crate::domain::text::normalise(&text)));
        for intent in intent_seeds(&all(), None).expect("the embedded intents").into_values() {
            seeds.extend(intent.exemplars.iter().map(|text| crate::domain::text::normalise(text)));
        }
        let turns_of = |seed: ExchangeSeed| [seed.need, seed.answer];
        seeds.extend(
            exchange_seeds(&all()).into_iter().flat_map(turns_of).map(|text| crate::domain::text::normalise(&text)),
        );
        let practised = practice_conversations(&all()).into_iter().flat_map(|conversation| conversation.bursts);
        seeds.extend(practised.map(|labelled| crate::domain::text::normalise(&labelled.burst.text)));
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
