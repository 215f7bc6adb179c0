//! Recognising the language of a text that came without one.

use crate::domain::language::Language;

/// The language of a text, `und` when it is too short to tell. Outside the Latin script the letters alone leave few
/// languages, so the likeliest is taken.
pub fn recognise_text(sample: &str) -> Language {
    whatlang::detect(sample)
        .filter(|found| found.is_reliable() || (found.script() != whatlang::Script::Latin && sample.len() > 40))
        .map_or_else(Language::undetermined, |found| language(found.lang()))
}

/// The likeliest language of a text, however unsure that is; `und` when it has no letters of any. Alone it decides nothing.
pub fn guess_text(sample: &str) -> Language {
    whatlang::detect_lang(sample).map_or_else(Language::undetermined, language)
}

fn language(lang: whatlang::Lang) -> Language {
    two_letters(lang).and_then(|tag| Language::parse(tag).ok()).unwrap_or_else(Language::undetermined)
}

/// BCP 47 wants the two-letter code where there is one.
fn two_letters(lang: whatlang::Lang) -> Option<&'static str> {
    let tag = match lang.code() {
        "eng" => "en",
        "spa" => "es",
        "ara" => "ar",
        "hin" => "hi",
        "urd" => "ur",
        "fra" => "fr",
        "deu" => "de",
        "ita" => "it",
        "por" => "pt",
        "nld" => "nl",
        "rus" => "ru",
        "ukr" => "uk",
        "pol" => "pl",
        "tur" => "tr",
        "cmn" => "zh",
        "jpn" => "ja",
        "kor" => "ko",
        "pes" => "fa",
        "ben" => "bn",
        "pan" => "pa",
        "mar" => "mr",
        "tam" => "ta",
        "tel" => "te",
        "guj" => "gu",
        "vie" => "vi",
        "ind" => "id",
        "heb" => "he",
        "ell" => "el",
        "swe" => "sv",
        "dan" => "da",
        "nob" => "nb",
        "fin" => "fi",
        "ces" => "cs",
        "slk" => "sk",
        "hun" => "hu",
        "ron" => "ro",
        "bul" => "bg",
        "srp" => "sr",
        "hrv" => "hr",
        "slv" => "sl",
        "lit" => "lt",
        "lav" => "lv",
        "est" => "et",
        "cat" => "ca",
        "tha" => "th",
        "uzb" => "uz",
        "aze" => "az",
        "afr" => "af",
        _ => return None,
    };
    Some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_from_enough_text_only() {
        let spanish = "Hola, quería saber cuánto cuesta el envío a Sevilla y cuándo llega mi pedido, por favor.";
        assert_eq!(recognise_text(spanish).as_str(), "es");
        assert_eq!(recognise_text("मुझे अपना पैसा वापस चाहिए और मैं बहुत परेशान हूँ").as_str(), "hi");
        assert_eq!(recognise_text("ok").as_str(), "und");
    }
}
