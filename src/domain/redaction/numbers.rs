//! Numbers as they are written and spoken: digit by digit, "double five", "treinta y cuatro", in any script.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::domain::redaction::phrases::{Phrases, word_set};
use crate::domain::redaction::tokens::{Token, fold};

/// Digits that belong together, with what may stand between them.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// First token.
    pub(super) first: usize,
    /// The token after the last.
    pub(super) end: usize,
    /// The digits, in ASCII.
    pub(super) digits: String,
    /// Length of each group as it was written or said.
    pub(super) groups: Vec<usize>,
    /// Whether any of it was said in words.
    pub(super) spoken: bool,
}

/// Finds every run of digits; a price, a percentage, a time of day or a quantity with its unit is none.
pub(super) fn runs(tokens: &[Token]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(first) = atom(tokens, at, None) else {
            at += 1;
            continue;
        };
        let mut run =
            Run { first: at, end: first.end, spoken: first.spoken, digits: String::new(), groups: Vec::new() };
        run.push(&first);
        while let Some(next) = next_atom(tokens, &run) {
            run.end = next.end;
            run.push(&next);
        }
        at = run.end;
        runs.push(run);
    }
    runs
}

impl Run {
    fn push(&mut self, atom: &Atom) {
        self.digits.push_str(&atom.digits);
        self.groups.push(atom.digits.len());
        self.spoken |= atom.spoken;
    }
}

/// One group of digits or one number word.
struct Atom {
    end: usize,
    digits: String,
    spoken: bool,
}

/// The atom that continues a run, after what people put between digits.
fn next_atom(tokens: &[Token], run: &Run) -> Option<Atom> {
    let mut at = run.end;
    let mut comma = false;
    for _ in 0..3 {
        let token = tokens.get(at)?;
        let joins = match token.folded.as_str() {
            "-" | "–" | "(" | ")" | "/" if token.folded != "/" || run.digits.len() > 4 => true,
            "." => tokens.get(at + 1).is_some_and(|next| next.glued),
            "," | "،" => {
                comma = true;
                true
            }
            word => FILLERS.contains(word),
        };
        if !joins {
            break;
        }
        at += 1;
    }
    let next = atom(tokens, at, Some(run))?;
    let long = |length: usize| length >= 3;
    let lists = comma && !next.spoken && !(long(next.digits.len()) && run.groups.iter().any(|group| long(*group)));
    (!lists).then_some(next)
}

/// The atom at `at`, inside `run` or at its beginning.
fn atom(tokens: &[Token], at: usize, run: Option<&Run>) -> Option<Atom> {
    let token = tokens.get(at)?;
    if token.is_number() {
        let measured = is_measured(tokens, at);
        return (!measured).then(|| Atom { end: at + 1, digits: token.folded.clone(), spoken: false });
    }
    if !token.is_word() {
        return None;
    }
    let word = token.folded.as_str();
    if let Some(times) = REPEATS.get(word) {
        // One step only: "double double double …" would go as deep as it is long.
        let single = tokens.get(at + 1).is_some_and(|next| !REPEATS.contains_key(&next.folded));
        if !single {
            return None;
        }
        let next = atom(tokens, at + 1, None).filter(|next| next.digits.len() == 1)?;
        return Some(Atom { digits: next.digits.repeat(*times), spoken: true, end: next.end });
    }
    if let Some(zeros) = ZEROS.get(word) {
        return run.map(|_| Atom { end: at + 1, digits: "0".repeat(*zeros), spoken: true });
    }
    if let Some(tens) = TENS.get(word) {
        let joined = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|next| next.folded == "y"));
        let unit = tokens.get(joined).and_then(|next| UNITS.get(&next.folded)).filter(|unit| **unit != "0");
        return Some(match unit {
            Some(unit) => Atom { end: joined + 1, digits: format!("{}{unit}", &tens[..1]), spoken: true },
            None => Atom { end: at + 1, digits: (*tens).to_owned(), spoken: true },
        });
    }
    // Short words that mean something else most of the time count only inside a spoken number.
    let weak = WEAK_UNITS.get(word).filter(|_| run.is_some_and(|run| run.spoken));
    // "oh seven seven": a number may also begin with one that is followed by another digit word.
    let leads = || {
        tokens.get(at + 1).is_some_and(|next| UNITS.contains_key(&next.folded) || REPEATS.contains_key(&next.folded))
    };
    let opening = WEAK_UNITS.get(word).filter(|digits| **digits == "0" && run.is_none() && leads());
    let digits = UNITS.get(word).or(weak).or(opening)?;
    Some(Atom { end: at + 1, digits: (*digits).to_owned(), spoken: true })
}

/// Whether the number at `at` is a price, a share, a time of day or a quantity.
pub(super) fn is_measured(tokens: &[Token], at: usize) -> bool {
    let number = &tokens[at];
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    let after = tokens.get(at + 1);
    let short = number.folded.len() <= 2;
    let clock = |sign: Option<&Token>, glued: bool| glued && sign.is_some_and(|sign| sign.is_sign(":"));
    let decimals = |token: &Token| token.is_sign(".") || token.is_sign(",");
    // "1,500.50 dollars": the unit stands after the last group.
    let unit_at = |mut place: usize| {
        while tokens.get(place).is_some_and(|sign| decimals(sign) && sign.glued)
            && tokens.get(place + 1).is_some_and(|next| next.glued && next.is_number() && next.folded.len() <= 3)
        {
            place += 2;
        }
        tokens.get(place)
    };
    number.folded.len() <= 7
        && (before.is_some_and(|word| CURRENCIES.contains(&word.folded))
            || unit_at(at + 1)
                .is_some_and(|word| CURRENCIES.contains(&word.folded) || UNIT_WORDS.contains(&word.folded))
            || short && after.is_some_and(|word| HOURS.contains(&word.folded))
            || short && clock(after, after.is_some_and(|sign| sign.glued))
            || short && clock(before, number.glued))
}

/// Whether digits are written as an amount with thousands separators: `1,500,000` or `12,50,000`.
pub(super) fn is_grouped_amount(tokens: &[Token], run: &Run) -> bool {
    let inside = &tokens[run.first..run.end];
    inside.len() > 1
        && inside.iter().skip(1).all(|token| token.glued && (token.is_number() || token.is_sign(",")))
        && run.groups.last() == Some(&3)
        && run.groups[0] <= 3
}

/// The numbers and number words in the tokens, each as its value; `nineteen ninety` becomes `1990`.
pub(super) fn values(tokens: &[Token]) -> Vec<u32> {
    let mut values: Vec<u32> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let ordinal = ORDINALS.get(tokens[at].folded.as_str()).copied();
        let month = month(&tokens[at]);
        let number = atom(tokens, at, None);
        let step = number.as_ref().map_or(at + 1, |number| number.end);
        let value = ordinal.or(month).or_else(|| number.and_then(|number| number.digits.parse().ok()));
        match (value, values.last_mut()) {
            (Some(value @ 0..=99), Some(century @ (19 | 20))) if month.is_none() => *century = *century * 100 + value,
            (Some(value), _) => values.push(value),
            (None, _) => {}
        }
        at = step;
    }
    values
}

/// Whether a token is a number in digits or in words, ordinals included.
pub(super) fn is_numeric(tokens: &[Token], at: usize) -> bool {
    atom(tokens, at, None).is_some() || tokens.get(at).is_some_and(|token| ORDINALS.contains_key(&token.folded))
}

/// The month that a token names, from 1.
pub(super) fn month(token: &Token) -> Option<u32> {
    MONTHS.get(&token.folded).copied()
}

/// Phrases after which digits are the end of a number that was said before.
pub(super) static ENDINGS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(ending|ends|end) (in|with)\nlast (four|three|two|4|3|2|) digits (are|is|of|)\nlast (four|4)\n(termina|terminado|terminada) en
        آخر\nآخری\nआखिरी\nअंतिम\naakhri\nakhri\nينتهي ب",
    )
});

static FILLERS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("dash hyphen guion guión uh um umm eh then plus ڈیش डैश شرطة"));

static CURRENCIES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "$ € £ ¥ ₹ ₨ rs pkr usd eur gbp inr sar aed mxn dollar dollars buck bucks euro euros pound pounds rupee rupees rupay
        rupaye rupiye rupya cent cents dolar dólares pesos peso riyal riyals dirham dirhams ريال ريالات درهم دراهم دينار
        جنيه جنيها دولار دولارا يورو روپے روپیہ روپیے ڈالر ریال درہم रुपये रुपए रुपया रुपयों डॉलर यूरो lakh lakhs crore
        million لاکھ लाख मिलियन مليون",
    )
});

static UNIT_WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "% ٪ percent kg kilo kilos km cm mm ml litres liters grams pieces units users people minutes minute mins hours hour days weeks
        months years calls employees items gb mb tb minutos horas días semanas meses años personas unidades دقيقة ساعة أيام
        يوم شخص منٹ گھنٹے دن लोग मिनट घंटे दिन किलो फीसदी प्रतिशत टिकट کلو فیصد ٹکٹ كيلو كيلوغرام قطع ليال ليلة نسخ ghante din log mahine saal",
    )
});

static HOURS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("am pm a.m p.m o'clock oclock noon baje bajay بجے बजे"));

static REPEATS: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let times = [("double doble ڈبل डबल دبل dabal", 2), ("triple triple ٹرپل ट्रिपल تريبل tripal", 3)];
    spread(&times)
});

static ZEROS: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    // No "thousand": whoever says it counts something.
    spread(&[("hundred sau सौ سو cientos مية مائة", 2)])
});

static UNITS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    spread(&[
        ("zero cero sifar sifer zeero صفر زيرو زیرو शून्य ज़ीरो जीरो सिफर", "0"),
        ("one uno ek aik ایک एक واحد واحدة ون वन", "1"),
        ("two dos دو दो اثنين اتنين اثنان اثنتين ٹو टू", "2"),
        ("three tres teen تین तीन ثلاثة تلاتة ثلاث تھری थ्री", "3"),
        ("four cuatro chaar char چار चार أربعة اربع فور फोर", "4"),
        ("five cinco paanch panch پانچ पांच पाँच خمسة خمس فائیو फाइव", "5"),
        ("six seis chhe chay chhay چھ چھے छह छः छे छ ستة ست سکس सिक्स", "6"),
        ("seven siete saat سات सात سبعة سبع سیون सेवन", "7"),
        ("eight ocho aath آٹھ आठ ثمانية تمانية ثماني ایٹ एट", "8"),
        ("nine nueve nau نو नौ تسعة تسع نائن नाइन", "9"),
        ("ten diez das", "10"),
        ("eleven once gyarah", "11"),
        ("twelve doce barah", "12"),
        ("thirteen trece", "13"),
        ("fourteen catorce", "14"),
        ("fifteen quince", "15"),
        ("sixteen dieciséis", "16"),
        ("seventeen diecisiete", "17"),
        ("eighteen dieciocho", "18"),
        ("nineteen diecinueve", "19"),
        ("veintiuno", "21"),
        ("veintidós", "22"),
        ("veintitrés", "23"),
        ("veinticuatro", "24"),
        ("veinticinco", "25"),
        ("veintiséis", "26"),
        ("veintisiete", "27"),
        ("veintiocho", "28"),
        ("veintinueve", "29"),
    ])
});

static WEAK_UNITS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    spread(&[
        ("o oh nil", "0"),
        ("un una", "1"),
        ("do", "2"),
        ("che chhay", "6"),
        ("sat", "7"),
        ("ath", "8"),
        ("no", "9"),
    ])
});

static TENS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    spread(&[
        ("twenty veinte", "20"),
        ("thirty treinta", "30"),
        ("forty cuarenta", "40"),
        ("fifty cincuenta", "50"),
        ("sixty sesenta", "60"),
        ("seventy setenta", "70"),
        ("eighty ochenta", "80"),
        ("ninety noventa", "90"),
    ])
});

static ORDINALS: LazyLock<HashMap<String, u32>> = LazyLock::new(|| {
    let words = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth \
                 fifteenth sixteenth seventeenth eighteenth nineteenth twentieth";
    let mut ordinals: HashMap<String, u32> = words.split_whitespace().map(str::to_owned).zip(1..).collect();
    ordinals.extend([("thirtieth".to_owned(), 30), ("primero".to_owned(), 1)]);
    ordinals
});

static MONTHS: LazyLock<HashMap<String, u32>> = LazyLock::new(|| {
    spread(&[
        ("january jan enero ene يناير كانون جنوری जनवरी janvari januari", 1),
        ("february feb febrero فبراير فروری फरवरी farvari", 2),
        ("march mar marzo مارس مارچ मार्च", 3),
        ("april apr abril أبريل ابريل اپریل अप्रैल", 4),
        ("may mayo مايو مئی मई", 5),
        ("june jun junio يونيو جون जून", 6),
        ("july jul julio يوليو جولائی जुलाई julai", 7),
        ("august aug agosto أغسطس اگست अगस्त agast", 8),
        ("september sep sept septiembre سبتمبر ستمبر सितंबर सितम्बर sitambar", 9),
        ("october oct octubre أكتوبر اکتوبر अक्टूबर aktubar", 10),
        ("november nov noviembre نوفمبر نومبر नवंबर navambar", 11),
        ("december dec diciembre ديسمبر دسمبر दिसंबर disambar", 12),
    ])
});

/// A map from each folded word of the lists to the value beside its list.
fn spread<V: Copy>(lists: &[(&str, V)]) -> HashMap<String, V> {
    lists.iter().flat_map(|(words, value)| words.split_whitespace().map(|word| (fold(word), *value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::redaction::tokens::tokenise;

    fn digits(text: &str) -> Vec<String> {
        runs(&tokenise(text)).into_iter().map(|run| run.digits).collect()
    }

    #[test]
    fn numbers_are_read_as_they_are_said() {
        assert_eq!(digits("double five five oh one two"), ["555012"]);
        assert_eq!(digits("صفر تین سو ایک دو تین"), ["0300123"]);
        assert_eq!(digits("शून्य नौ आठ डबल सात"), ["09877"]);
        assert_eq!(digits("seis doce treinta y cuatro cincuenta"), ["6123450"]);
        assert_eq!(digits("صفر خمسة خمسة واحد"), ["0551"]);
        assert_eq!(digits("+٩٢ ۳۰۰-१२३"), ["92300123"]);
    }

    #[test]
    fn prices_times_and_lists_are_no_numbers_of_people() {
        assert_eq!(digits("29 dollars, $1500 or 1,500.50 euros at 5:30, 20%"), Vec::<String>::new());
        assert_eq!(digits("sizes 8, 10, 12"), ["8", "10", "12"]);
    }

    #[test]
    fn spoken_years_have_their_value() {
        assert_eq!(values(&tokenise("fifth of march nineteen ninety")), [5, 3, 1990]);
    }
}
