//! Texts as weighted words (BM25), for documents and queries alike.
//!
//! Two kinds of terms stand side by side, so that texts of mixed and mistaken languages still meet. *Words*, made the
//! same way whatever the language: folded letters (`Cuánto` is `cuanto`, `کیا` with either kind of yeh or kaf, `हिन्दी`
//! is `हिंदी`), no stemming. They always match. *Stems*, made by the language's own stemmer, in a number space of that
//! language: they match only when document and query name the same language, and weigh half. A language without a
//! stemmer (Hindi, Urdu, Roman Urdu) has words only. A query drops the stop words of its language; a document keeps them
//! as words, because its language may be a guess.
//!
//! What it refuses: to split Chinese, Japanese or Thai into words by meaning; each character is one.

use std::collections::{BTreeMap, HashMap};

use qdrant_edge::bm25_embed::{EdgeBm25, EdgeBm25Config};
use qdrant_edge::external::serde_json::{self, Value, json};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::domain::language::Language;
use crate::index::Collection;
use crate::index::error::IndexError;

/// Languages with a stemmer in the engine, by code and by the engine's name.
const STEMMED: [(&str, &str); 17] = [
    ("ar", "arabic"),
    ("da", "danish"),
    ("de", "german"),
    ("el", "greek"),
    ("en", "english"),
    ("es", "spanish"),
    ("fi", "finnish"),
    ("fr", "french"),
    ("hu", "hungarian"),
    ("it", "italian"),
    ("nl", "dutch"),
    ("no", "norwegian"),
    ("pt", "portuguese"),
    ("ro", "romanian"),
    ("ru", "russian"),
    ("sv", "swedish"),
    ("tr", "turkish"),
];

/// Function words of the languages that the engine has no list for. Long lists found elsewhere hold words that callers
/// mean (home, full, call, bill), and rare words outweigh frequent ones anyway: these only keep queries short.
const STOP_WORDS: [(&str, &str); 3] = [
    (
        "hi",
        "का की के को में से पर ने तक भी ही है हैं था थी थे हो हूँ हूं और या तो कि जो यह ये वह वे इस उस मैं हम आप तुम मेरा मेरी मेरे \
         मुझे आपका आपकी आपके क्या कैसे कब कहाँ कहां क्यों कौन जी न ना एक लिए",
    ),
    (
        "ur",
        "کا کی کے کو میں سے پر نے تک بھی ہی ہے ہیں تھا تھی تھے ہو ہوں اور یا تو کہ جو یہ وہ اس ان میں ہم آپ تم میرا میری میرے \
         مجھے کیا کیسے کب کہاں کیوں کون جی نہ ایک لیے",
    ),
    // Roman Urdu and Roman Hindi.
    (
        LATIN_HINDUSTANI,
        "ka ki ke ko mein me main se par ne tak bhi hi hai hain tha thi the ho hoon hun aur ya to ke jo ye yeh wo woh is us \
         hum aap tum mera meri mere mujhe apka aapka kya kia kaise kab kahan kyun kyon kaun ji na ek liye",
    ),
];

const LATIN_HINDUSTANI: &str = "ur-Latn";

/// A language of the engine that has no stemmer, which is how to switch stemming off: "none" means English there.
const WITHOUT_STEMMER: &str = "bengali";

/// What a shared stem weighs beside a shared word.
const STEM_WEIGHT: f32 = 0.5;

/// Stems are numbered from here on, words below (the engine's hash has 31 bits).
const STEM_SPACE: u32 = 1 << 31;

/// Weighted words: what the engine calls a sparse vector, ids ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Terms {
    /// Hashes of words and stems.
    pub(super) ids: Vec<u32>,
    /// Their weights.
    pub(super) weights: Vec<f32>,
}

impl Terms {
    /// Whether nothing is left to search for.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// Makes terms of texts.
pub(super) struct Lexicon {
    words: EdgeBm25,
    languages: HashMap<&'static str, LanguageTerms>,
}

struct LanguageTerms {
    /// Drops stop words.
    words: EdgeBm25,
    /// Drops stop words and stems the rest.
    stems: Option<EdgeBm25>,
    /// Keeps the stems of languages apart.
    salt: u32,
}

impl Lexicon {
    /// The lexicon of a collection; they differ in how long their texts are.
    pub(super) fn new(collection: Collection) -> Result<Self, IndexError> {
        // Mean words of the exemplars and chunks of the demo and of the SGD dialogues. It only says what "long" means.
        let mean_words = match collection {
            Collection::Exemplars => 12.0,
            Collection::Chunks => 60.0,
        };
        let mut languages = HashMap::new();
        for (number, (code, name)) in STEMMED.into_iter().enumerate() {
            let stop_words = json!({ "languages": [name] });
            let terms = LanguageTerms {
                words: encoder(mean_words, &stop_words, None)?,
                stems: Some(encoder(mean_words, &stop_words, Some(name))?),
                salt: (number as u32 + 1).wrapping_mul(0x9e37_79b1) & !STEM_SPACE,
            };
            languages.insert(code, terms);
        }
        for (code, stop_words) in STOP_WORDS {
            let stop_words = json!({ "custom": folded_words(stop_words) });
            let words = encoder(mean_words, &stop_words, None)?;
            languages.insert(code, LanguageTerms { words, stems: None, salt: 0 });
        }
        Ok(Self { words: encoder(mean_words, &json!({ "custom": [] }), None)?, languages })
    }

    /// The terms of a text that is to be found.
    pub(super) fn document(&self, text: &str, language: &Language) -> Terms {
        let text = folded_words(text).join(" ");
        let words = self.words.embed_document(&text);
        let mut terms: BTreeMap<u32, f32> = words.indices.into_iter().zip(words.values).collect();
        if let Some((stems, salt)) = self.stems_of(language) {
            let stems = stems.embed_document(&text);
            terms.extend(stems.indices.iter().map(|id| stem_id(*id, salt)).zip(stems.values));
        }
        terms.into()
    }

    /// The terms of a text that is searched for.
    pub(super) fn query(&self, text: &str, language: &Language) -> Terms {
        let text = folded_words(text).join(" ");
        let words = self.languages.get(code(language)).map_or(&self.words, |terms| &terms.words);
        let mut terms: BTreeMap<u32, f32> = words.embed_query(&text).indices.into_iter().map(|id| (id, 1.0)).collect();
        if let Some((stems, salt)) = self.stems_of(language) {
            terms.extend(stems.embed_query(&text).indices.iter().map(|id| (stem_id(*id, salt), STEM_WEIGHT)));
        }
        terms.into()
    }

    fn stems_of(&self, language: &Language) -> Option<(&EdgeBm25, u32)> {
        let terms = self.languages.get(code(language))?;
        Some((terms.stems.as_ref()?, terms.salt))
    }
}

impl From<BTreeMap<u32, f32>> for Terms {
    fn from(terms: BTreeMap<u32, f32>) -> Self {
        let (ids, weights) = terms.into_iter().unzip();
        Self { ids, weights }
    }
}

/// Which stop words and stemmer fit, by language and script.
fn code(language: &Language) -> &str {
    let latin = language.as_str().contains("-Latn");
    match language.primary() {
        "hi" | "ur" if latin => LATIN_HINDUSTANI,
        "ar" | "el" | "ru" if latin => "",
        primary => primary,
    }
}

fn stem_id(id: u32, salt: u32) -> u32 {
    (id ^ salt) | STEM_SPACE
}

fn encoder(mean_words: f64, stop_words: &Value, stemmer: Option<&str>) -> Result<EdgeBm25, IndexError> {
    let mut config = json!({
        "avg_len": mean_words,
        "tokenizer": "whitespace",
        "language": stemmer.unwrap_or(WITHOUT_STEMMER),
        "stopwords": stop_words,
    });
    if let Some(stemmer) = stemmer {
        config["stemmer"] = json!({ "type": "snowball", "language": stemmer });
    }
    let config: EdgeBm25Config =
        serde_json::from_value(config).map_err(IndexError::engine("configure search by words"))?;
    EdgeBm25::new(config).map_err(IndexError::engine("configure search by words"))
}

/// The words of a text, with everything folded that people write in more than one way.
fn folded_words(text: &str) -> Vec<String> {
    let folded: String = text.nfkd().filter_map(fold).flat_map(char::to_lowercase).collect();
    folded.unicode_words().map(fold_nasals).collect()
}

/// One letter for those that are written for each other; `None` for marks that are left out.
fn fold(letter: char) -> Option<char> {
    match letter {
        // Accents, Arabic vowel signs and hamzas, tatweel, the Devanagari nukta, joiners, apostrophes.
        '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}' | '\u{6d6}'..='\u{6dc}' => None,
        '\u{93c}' | '\u{200b}'..='\u{200f}' | '\'' | '\u{2018}' | '\u{2019}' => None,
        // Alef wasla; yehs; kafs; hehs and teh marbuta; the dotless noon.
        '\u{671}' => Some('\u{627}'),
        '\u{649}' | '\u{6cc}' => Some('\u{64a}'),
        '\u{6a9}' => Some('\u{643}'),
        '\u{6c1}' | '\u{6be}' | '\u{6c3}' | '\u{6d5}' | '\u{629}' => Some('\u{647}'),
        '\u{6ba}' => Some('\u{646}'),
        // The moon-dot nasal is written as the dot.
        '\u{901}' => Some('\u{902}'),
        'ß' => Some('s'),
        // Digits of other scripts.
        '\u{660}'..='\u{669}' => ascii_digit(letter, '\u{660}'),
        '\u{6f0}'..='\u{6f9}' => ascii_digit(letter, '\u{6f0}'),
        '\u{966}'..='\u{96f}' => ascii_digit(letter, '\u{966}'),
        _ => Some(letter),
    }
}

fn ascii_digit(digit: char, zero: char) -> Option<char> {
    char::from_digit(u32::from(digit) - u32::from(zero), 10)
}

/// `हिन्दी` and `हिंदी` are the same word: a nasal before a consonant of its own row may be written as a dot.
fn fold_nasals(word: &str) -> String {
    const VIRAMA: char = '\u{94d}';
    const DOT: char = '\u{902}';
    let letters: Vec<char> = word.chars().collect();
    let mut folded = String::with_capacity(word.len());
    let mut at = 0;
    while at < letters.len() {
        let row = match letters[at] {
            '\u{919}' => Some('\u{915}'..='\u{918}'),
            '\u{91e}' => Some('\u{91a}'..='\u{91d}'),
            '\u{923}' => Some('\u{91f}'..='\u{922}'),
            '\u{928}' => Some('\u{924}'..='\u{927}'),
            '\u{92e}' => Some('\u{92a}'..='\u{92d}'),
            _ => None,
        };
        let before_its_row = letters.get(at + 1) == Some(&VIRAMA)
            && letters.get(at + 2).is_some_and(|next| row.is_some_and(|row| row.contains(next)));
        folded.push(if before_its_row { DOT } else { letters[at] });
        at += if before_its_row { 2 } else { 1 };
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_same(a: &str, b: &str) {
        assert_eq!(folded_words(a), folded_words(b), "{a} and {b}");
    }

    fn shared(lexicon: &Lexicon, document: (&str, &str), query: (&str, &str)) -> usize {
        let tag = |tag| Language::parse(tag).expect("a valid tag");
        let document = lexicon.document(document.1, &tag(document.0));
        lexicon.query(query.1, &tag(query.0)).ids.iter().filter(|id| document.ids.contains(id)).count()
    }

    #[test]
    fn what_is_written_in_two_ways_is_one_word() {
        check_same("¿Cuánto cuesta?", "cuanto CUESTA");
        check_same("کیا قیمت ہے", "كيا قيمت هے");
        check_same("أَهْلاً", "اهلا");
        check_same("خدمـــة", "خدمه");
        check_same("हिन्दी", "हिंदी");
        check_same("क़ीमत ५०", "कीमत 50");
        check_same("I don’t", "i dont");
    }

    #[test]
    fn words_of_indian_scripts_stay_whole() {
        assert_eq!(folded_words("नमस्ते दुनिया"), ["नमस्ते", "दुनिया"]);
    }

    #[test]
    fn stems_meet_only_within_one_language() {
        let lexicon = Lexicon::new(Collection::Exemplars).expect("a lexicon");
        assert_eq!(shared(&lexicon, ("en", "cancelled bookings"), ("en", "cancel my booking")), 2);
        assert_eq!(shared(&lexicon, ("en", "cancelled bookings"), ("de", "cancel booking")), 0);
        assert_eq!(shared(&lexicon, ("es", "facturas pendientes"), ("es", "factura pendiente")), 2);
        assert_eq!(shared(&lexicon, ("ur-Latn", "bill kab aayega"), ("en", "bill")), 1);
    }

    #[test]
    fn a_query_of_stop_words_asks_for_nothing() {
        let lexicon = Lexicon::new(Collection::Exemplars).expect("a lexicon");
        for (tag, text) in [
            ("en", "what is it"),
            ("hi", "यह क्या है"),
            ("ur", "یہ کیا ہے"),
            ("es", "qué es eso"),
            ("ar", "ما هو"),
            ("hi-Latn", "ye kya hai"),
        ] {
            let language = Language::parse(tag).expect("a valid tag");
            assert!(lexicon.query(text, &language).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_stop_word_is_found_when_the_language_is_unknown() {
        let lexicon = Lexicon::new(Collection::Exemplars).expect("a lexicon");
        assert_eq!(shared(&lexicon, ("en", "who is it"), ("und", "who")), 1);
    }
}
