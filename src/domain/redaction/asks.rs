//! What an agent's turn asks the user for, because a bare answer ("Tasha Greene") is an introduction too.

use std::sync::LazyLock;

use crate::domain::redaction::phrases::Phrases;
use crate::domain::redaction::tokens::{Token, ends_sentence};
use crate::domain::redaction::vocabulary;

/// The kinds that an agent has just asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The user's name.
    pub(super) name: bool,
    /// A phone number.
    pub(super) phone: bool,
    /// An e-mail address.
    pub(super) email: bool,
    /// A postal address.
    pub(super) address: bool,
    /// A date of birth.
    pub(super) birth_date: bool,
    /// A payment card.
    pub(super) card: bool,
    /// A bank account.
    pub(super) iban: bool,
    /// The number of an order, invoice, ticket or the like: a fact of the business.
    pub(super) business_number: bool,
}

impl Asked {
    /// What this turn of the agent asks for, after what was `open` before it: "Go ahead" and "Could you repeat that?"
    /// leave the earlier question open.
    pub(super) fn by(tokens: &[Token], open: Self) -> Self {
        let mut asked = Self::default();
        for sentence in sentences(tokens) {
            if is_request(sentence) {
                asked.read(sentence);
            }
        }
        let words = tokens.iter().filter(|token| token.is_word()).count();
        let goes_on = asked == Self::default() && (words <= 3 || GO_ON.any(tokens));
        if goes_on { open } else { asked }
    }

    fn read(&mut self, sentence: &[Token]) {
        let business = BUSINESS_NUMBERS.any(sentence);
        self.business_number |= business;
        self.name |= NAME.any(sentence) && !OTHER_NAMES.any(sentence) && !names_a_thing(sentence);
        self.phone |= PHONE.any(sentence) || !business && NUMBER.any(sentence);
        let email = EMAIL.any(sentence);
        self.email |= email;
        self.address |= ADDRESS.any(sentence) && !email;
        self.birth_date |= BIRTH_DATE.any(sentence);
        self.card |= CARD.any(sentence);
        self.iban |= IBAN.any(sentence);
    }
}

/// Whether the "name" that is asked for has another owner than a person: "the salon name", "the event's name".
fn names_a_thing(sentence: &[Token]) -> bool {
    let at = sentence.iter().position(|token| token.folded == "name");
    at.is_some_and(|at| at > 0 && sentence[at - 1].is_word() && !vocabulary::owns_name(&sentence[at - 1]))
}

fn sentences(tokens: &[Token]) -> Vec<&[Token]> {
    let mut sentences = Vec::new();
    let mut first = 0;
    for at in 0..tokens.len() {
        if ends_sentence(tokens, at) {
            sentences.push(&tokens[first..=at]);
            first = at + 1;
        }
    }
    sentences.push(&tokens[first..]);
    sentences
}

/// A question, a request, or speech that came without punctuation.
fn is_request(sentence: &[Token]) -> bool {
    let Some(last) = sentence.last() else {
        return false;
    };
    let stated = ends_sentence(sentence, sentence.len() - 1) && !last.is_sign("?") && !last.is_sign("؟");
    !stated || REQUEST.any(sentence)
}

static REQUEST: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "please\n(can|could|may|might) (i|you|we)\n(i|we) need\ni'll need\nwe'll need\ntell me\ngive me\nshare\nconfirm\nprovide
        spell\nrepeat\nlet me (have|get|take)\ni'd need\npor favor\n(puede|podría|puedes|me da|me das|me dice|dígame|dime)
        necesito\nfacilíteme\nindíqueme\nممكن\nأعطني\nاعطيني\nمن فضلك\nلو سمحت\nلو سمحتي\nأحتاج\nتزودني\nزودني\nتفضل\nأخبرني
        बताइए\nबताइये\nबता\nबताएं\nबताएँ\nदीजिए\nचाहिए\nकृपया\nबोलिए\nبتائیں\nبتا\nبتائیے\nدیجیے\nدیں\nچاہیے\nبرائے
        bata\nbatain\nbatayein\nbataiye\nbatao\ndein\ndijiye\nchahiye\nfarmayein",
    )
});

static GO_ON: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "go (ahead|on)\nrepeat\nonce more\n(say|spell) (that|it)\ncontinue\nsorry i missed\nadelante\nrepetir\nrepite\nتفضل\nكمل
        एक बार फिर\nदोबारा\nدوبارہ\ndobara\nphir se",
    )
});

static NAME: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "name\nnames\n(who am|whom am|whom do|who do) i\nwho's (calling|this|speaking)\nwho is (calling|this|speaking)\n(who's|who is) (it|this|that) for\nsurname
        nombre\nnombres\napellido\napellidos\n(cómo|como) se llama\n(cómo|como) te llamas\ncon quién (hablo|tengo)
        اسمك\nالاسم\nاسم\nاسم حضرتك\nمن معي\nمين معي\nمع من\n(من|مين) (المتصل|يتكلم|يتحدث)\nنام\nनाम\nnaam\nnam\n(kaun|kon) bol\nकौन बोल\nکون بول",
    )
});

static OTHER_NAMES: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(company|business|product|plan|file|domain|brand|store|shop|item|model|medicine|doctor's|clinic|bank|street) name
        name of (the|your) (company|business|product|plan|store|shop|item|model|medicine|doctor|clinic|bank|file|event|hotel|restaurant|salon|song|movie)
        nombre (de la|del|de su) (empresa|producto|plan|tienda|archivo|médico|banco)\nاسم (الشركة|المنتج|الطبيب|الدواء|البنك)
        (कंपनी|दवा|डॉक्टर|प्रोडक्ट) का नाम\n(کمپنی|دوا|ڈاکٹر|پروڈکٹ) کا نام\n(company|dawa|doctor|product) ka naam",
    )
});

static PHONE: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "phone\nmobile\ncell\ncontact number\nbest number\nwhatsapp\ncallback number\nreach you\nteléfono\ncelular\nmóvil
        الهاتف\nهاتفك\nالجوال\nجوالك\nموبايلك\nالموبايل\nफ़ोन\nमोबाइल\nفون\nموبائل\nواٹس ایپ",
    )
});

static NUMBER: LazyLock<Phrases> = LazyLock::new(|| Phrases::new("number\nnúmero\nرقمك\nرقم\nनंबर\nनम्बर\nنمبر"));

static EMAIL: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "email\ne-mail\nmail id\ncorreo\nبريدك\nالبريد\nالإيميل\nإيميلك\nايميلك\nالايميل\nإيميل\nای میل\nईमेल\nई-मेल\nमेल आईडी",
    )
});

static ADDRESS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "address\nwhere do you live\npostcode\nzip code\nwhere should we (send|deliver|ship)\ndirección\ndomicilio
        dónde (vive|vives)\nعنوانك\nالعنوان\nوين ساكن\nأين تسكن\nपता\nपते\nएड्रेस\nपोस्टल\nپتہ\nپتا\nایڈریس\npata\nkahan rehte\nkahan rehti",
    )
});

static BIRTH_DATE: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "birth\nbirthday\nbirthdate\nborn\ndob\nd.o.b\nnacimiento\nnació\nnaciste\nميلادك\nالميلاد\nميلاد\nولدت\nजन्म\nजन्मतिथि
        जन्मदिन\nجنم\nپیدائش\nپیدا\npaidaish\njanam\njanm",
    )
});

static CARD: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "card number\nnumber on (the|your) card\ndigits (of|on) (the|your) card\nlong number\ncvv\nsecurity code
        número de (la|su|tu) tarjeta\nnúmero de tarjeta\nرقم (البطاقة|بطاقتك)\nकार्ड (नंबर|का नंबर)\nکارڈ (نمبر|کا نمبر)\ncard ka number",
    )
});

static IBAN: LazyLock<Phrases> =
    LazyLock::new(|| Phrases::new("iban\nbank account\nآيبان\nالآيبان\nايبان\nآئی بین\nआईबैन\ncuenta bancaria"));

/// Numbers that the business gives to its orders and papers.
pub(super) static BUSINESS_NUMBERS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "order\ninvoice\nticket\nreference\nref\ntracking\nbooking (number|reference|code|id)\nconfirmation\ncase (number|id)
        model\nserial\nversion\nsku\npart number\nproduct\nitem\nflight\nreceipt\ntransaction\npedido\nfactura\nreferencia
        seguimiento\nreserva número\nnúmero de reserva\nrecibo\nmodelo\nversión\nserie\nالطلب\nطلب\nطلبي\nالفاتورة\nفاتورة
        فاتورتي\nالحجز\nالمرجع\nالتذكرة\nالشحنة\nالإصدار\nऑर्डर\nआर्डर\nइनवॉइस\nचालान\nटिकट\nरसीद\nट्रैकिंग\nآرڈر\nانوائس
        رسید\nٹکٹ\nحوالہ\nٹریکنگ\nرسيد\nورژن\nवर्ज़न",
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::redaction::tokens::tokenise;

    fn asked(text: &str) -> Asked {
        Asked::by(&tokenise(text), Asked::default())
    }

    #[test]
    fn questions_in_six_languages_are_understood() {
        for text in [
            "May I have your name?",
            "¿Me dice su nombre, por favor?",
            "ممكن اسمك؟",
            "आपका नाम क्या है?",
            "آپ کا نام کیا ہے؟",
            "aap ka naam bata dein",
        ] {
            assert!(asked(text).name, "{text}");
        }
        assert!(asked("What is the best number to reach you?").phone);
        let order = asked("Could you give me your order number?");
        assert!(order.business_number && !order.phone);
    }

    #[test]
    fn a_statement_asks_nothing_and_a_nod_leaves_the_question_open() {
        assert_eq!(asked("I have your name on the list."), Asked::default());
        let open = asked("What's your phone number?");
        assert_eq!(Asked::by(&tokenise("Mm-hm."), open), open);
        assert_eq!(Asked::by(&tokenise("Great, you are booked for Monday at nine."), open), Asked::default());
    }
}
