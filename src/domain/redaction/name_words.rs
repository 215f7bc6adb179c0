//! The words that introduce a name, stand around one or close it, in six languages.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::domain::redaction::phrases::{Phrases, word_set};

pub(super) static STRONG: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "name is\nname's\nmy names\nmy name\n(first|last|middle|given|family|full) name\nname was\nname on (the|my) (account|card|booking|order|policy|reservation) is\n(under|in) the name (of|)\n(booking|reservation|appointment) under
        on behalf of\nme llamo\nmi nombre es\nnombre (completo|) es\nnombre:\na nombre de\nmi apellido es\nname:
        اسمي\nإسمي\nاسمه\nاسمها\nباسم\nاسمي هو\nالاسم\nاسم (المريض|المريضة|العميل|العميلة|الضيف|الضيفة|المسافر|المسافرة|الطفل|الطفلة|زوجي|زوجتي|ابني|ابنتي|بنتي|والدي|والدتي|أمي|أبي|أخي|أختي)\nमेरा नाम\nनाम है\nशुभ नाम\nनाम\nمیرا نام\nنام\nmera (naam|nam)
        (naam|nam) (hai|)\n(uska|unka|iska) (naam|nam)",
    )
});

pub(super) static WEAK: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "i am\nthe name of\ni'm\nim\nthis is\nsoy\nhabla\nle habla\nmi (esposa|esposo|hijo|hija|madre|padre) (se llama|)
se llama
call me
        (my|his|her) (wife's|husband's|son's|daughter's|mother's|father's|mom's|mum's|dad's|brother's|sister's|partner's|friend's) name
        أنا\nانا\nمعك\nمعاك\nمعكم\nमैं\nمیں\nmain\nmai",
    )
});

pub(super) static RELATIVES: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "my (wife|husband|son|daughter|mother|father|mom|mum|dad|brother|sister|uncle|aunt|grandmother|grandfather|partner|fiancé|friend)
        (زوجي|زوجتي|ابني|ابنتي|بنتي|والدي|والدتي|أمي|أبي|أخي|أختي|صديقي|صديقتي)
        (मेरा|मेरे) (बेटा|बेटे|भाई|पति|पिता|पापा|दोस्त)\nमेरी (बेटी|बहन|पत्नी|माँ|मां|माता|मम्मी|दोस्त|वाइफ)
        (میرا|میرے) (بیٹا|بیٹے|بھائی|شوہر|والد|ابو|دوست)\nمیری (بیٹی|بہن|بیوی|والدہ|امی|دوست|وائف)
        (mera|mere) (beta|bete|bhai|husband|shohar|shauhar|pati|walid|abbu|papa|dost)
        meri (beti|behen|biwi|wife|patni|walida|ammi|mummy|maa|dost)",
    )
});

pub(super) static OWNING: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("ka ki ke ko ne का की के को ने کا کی کے کو نے"));

pub(super) static BOOKED_UNDER: LazyLock<Phrases> = LazyLock::new(|| Phrases::new("under"));

pub(super) static BOOKINGS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new("booking\nbooked\nreservation\nreserved\nappointment\ntable\nroom\nit's\nit is\naccount")
});

pub(super) static WITH_YOU: LazyLock<Phrases> = LazyLock::new(|| Phrases::new("معك\nمعاك\nمعكم"));

/// What ends "… is sixty", "… is a patient" after a relative.
pub(super) static STATES: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("hai hain tha thi mareez mareeza है हैं था थी मरीज़ ہے ہیں تھا تھی مریض مریضہ"));

pub(super) static CALLING: LazyLock<Phrases> = LazyLock::new(|| Phrases::new("calling"));

pub(super) static HINT: LazyLock<Phrases> = LazyLock::new(|| Phrases::new("it's\nit is\nthat's\nes\nهذا\nهذه"));

pub(super) static AFTER: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "speaking\nhere\nbol (raha|rahi|rahe)\nbaat kar (raha|rahi)\nbaat kr (raha|rahi)\nke (naam|nam) (se|par|pe)\n(naam|nam) hai
        बोल (रहा|रही|रहे)\nबात कर (रहा|रही)\nके नाम (से|पर)\nनाम है\nبول (رہا|رہی|رہے)\nبات کر (رہا|رہی)\nکے نام (سے|پر)\nنام ہے
        al (habla|teléfono)\nيتحدث\nيتكلم",
    )
});

pub(super) static ADDRESSED: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(speaking|talking) (with|to)\nis this\n(hablo|hablando) con\nأتحدث مع\nأتكلم مع\nاتكلم مع\nक्या मेरी बात\nکیا میری بات\nkya meri baat",
    )
});

pub(super) static SPELLING: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "spelled\nspelt\nspell\nspelling\nthat's\nthat is\nse escribe\ndeletreo\nتهجئة\nحروفه\nस्पेलिंग\nسپیلنگ\nspelling hai",
    )
});

pub(super) static BARE: LazyLock<HashSet<String>> = LazyLock::new(|| word_set("नाम نام الاسم naam nam"));

pub(super) static GREETINGS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "hi hey hello morning afternoon evening hola buenas buenos tardes salam alaikum مرحبا أهلا أهلين السلام عليكم الخير",
    )
});

/// Words that go on after somebody has said who he is.
pub(super) static FOLLOWS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("i i'm and from calling here speaking with my y de quiero tengo hun"));

/// Words before "… name is" that make it the name of something else.
pub(super) static OTHERS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "company business product file domain plan brand store shop app model item street medicine bank clinic doctor's doctor
        agent's manager's clinic's project hospital website empresa producto tienda plan médico doctora الشركة المنتج الطبيب
        कंपनी दवा डॉक्टर प्लान کمپنی دوا ڈاکٹر پلان dawa",
    )
});

pub(super) static LEAD_INS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        ", : - \" ' “ … uh um umm uhm er eh ah oh mmm pues este yes yeah sure okay ok of course its it's it is this that's i'm im i am my name
        name's with con مع mr mrs ms miss sir señor señora señorita sr sra don doña sí si claro es soy me llamo mi nombre بالطبع أكيد
        نعم ايوه أيوه اسمي أنا انا هو السيد السيدة استاذ जी हाँ हां हाँजी मेरा नाम मैं श्री श्रीमती جی ہاں میرا نام میں ہے
        ji jee haan han mera naam nam main mai hai is first last full",
    )
});

pub(super) static POSTPOSITIONS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("se mein me ka ki ke ko par pe ne से में का की के को पर ने سے میں کا کی کے کو پر نے"));

pub(super) static CLOSING: LazyLock<HashSet<String>> = LazyLock::new(|| word_set("है हूँ ہے ہوں hai hun hoon"));

/// Words that open a clause whose subject is the speaker.
pub(super) static OPENERS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("main mai mein i'm am this is yeh मैं हाँ जी میں یہ ji jee under मेरी میری"));

pub(super) static DOCTORS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("dr doctor doctora dra nurse डॉक्टर डॉ ڈاکٹر دكتور دكتورة الدكتور الدكتورة د"));
