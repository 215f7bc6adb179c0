//! The words that introduce, make up and end a postal address, in six languages.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::domain::redaction::phrases::{Phrases, word_set};

pub(super) static ADDRESS_IS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "my (home|postal|mailing|shipping|delivery|billing|street|new|) address (is|)\naddress is\naddress:\nthe address is
        mi (nueva|) dirección (es|)\nla dirección es\ndirección:\nmi domicilio (es|)\nعنواني (هو|)\nالعنوان (هو|)
        मेरा (पता|एड्रेस) (है|)\nघर का पता\nपता है\nمیرا (پتہ|پتا|ایڈریس) (ہے|)\nگھر کا پتہ\nmera (pata|address) (hai|)\nghar ka (pata|address)",
    )
});

pub(super) static LIVES_AT: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(i|we) (live|stay) (at|on|in)\ni'm at\n(deliver|ship|send|bring|come|delivered|shipped|sent) (it|them|this|that|everything|) to
        (drop|leave) (it|them|this) (off|) at\n(moved|moving|delivery) to\n(my|our) (house|home|place|flat|apartment) is (at|on)
        pick me up (at|from)\n(vivo|vivimos|resido|residimos) en\n(mi|nuestra) (casa|vivienda) (está|es|queda) en\na domicilio en
        (enviar|envíe|envíelo|envíen|envíenlo|mandar|mándelo|manden|mándenlo|entregar|entréguenlo|recójanlo|recoger) (lo|) (a|en)
        (أسكن|ساكن|ساكنة|نسكن|أعيش|عايش|أقيم|مقيم|مقيمة) في\n(بيتي|منزلي|شقتي|سكني) في
        (توصيل|التوصيل|وصلوا|وصلوها|وصلوه|توصلون|أرسلوا|أرسلوها|أرسلوه|ابعتوا|ابعتوها|ابعتوه) (إلى|على)
        mera ghar\nमेरा घर\nमैरा मकान\nमेरा मकान\nمیرا (گھر|مکان)\nपता\nएड्रेस\nپتہ\nایڈریس\npata\naddress\ndirección",
    )
});

/// The address of a delivery, a home or a thing: "का पता".
pub(super) static ITS_ADDRESS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(का|नया|पूरा) (पता|एड्रेस) (है|)\n(کا|نیا|پورا) (پتہ|پتا|ایڈریس) (ہے|)\n(ka|naya|poora|delivery|shipping|billing|home|postal) (pata|address) (hai|)",
    )
});

pub(super) static LIVES_AFTER: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(में|पर) (रहता|रहती|रहते)\n(میں|پر) (رہتا|رہتی|رہتے)\n(mein|me|main|men|par|pe) (rehta|rehti|rehte|rahta|rahti)",
    )
});

pub(super) static YOURS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "your (home|postal|mailing|shipping|delivery|billing|) address (is|as|)\nsu dirección (es|)\nعنوانك (هو|)\nआपका पता\nآپ کا پتہ
        (aap ka|apka|aapka) (pata|address)",
    )
});

/// The place of the business in a user's words.
pub(super) static YOUR_PLACE: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(clinic|office|shop|store|branch|hospital|pharmacy|restaurant|warehouse|showroom) (still|) (is|at|on|in)
        your (shop|office|store|clinic|branch|showroom|restaurant)
        (su|tu|la|vuestra) (tienda|sucursal|oficina|clínica|sede|farmacia) (de|en|está en|) (la|el|)
        (فرعكم|محلكم|مكتبكم|عيادتكم|متجركم|الفرع|المحل|العيادة) (في|)\n(आपकी|आपका) (दुकान|शाखा|दफ़्तर|क्लिनिक|शोरूम)
        آپ (کی|کا) (دکان|برانچ|دفتر|کلینک|شوروم)\n(aap ki|aap ka|apki|apka|aapki|aapka) (dukan|branch|office|clinic|shop|showroom)",
    )
});

/// A word right before a street that makes it the other side's: "your 12 Mill Lane branch".
pub(super) static YOUR: LazyLock<Phrases> =
    LazyLock::new(|| Phrases::new("your\nsu\nvuestra\nआपकी\nआपके\nآپ کی\nآپ کے\n(aap|ap) (ki|ke)\naapki\napki"));

pub(super) static BREAKS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "and (i|i'm|my|can|could|please|the|then|it|if)\nso\nplease\n(can|could|would|do|will) (you|i|we)\nbut\nbecause\nwhich\nthanks\nthank\nmy\nphone
        i (need|want|would|am|have)\npero\npor favor\ngracias\ny (mi|quiero|necesito|el)\nmi\nو رقمي\nورقمي\nوأريد\nشكرا\nلو سمحت\nमेरा\nऔर (मुझे|मेरा|मैं)
        मुझे\nاور (مجھے|میرا|میں)\nمجھے\nمیرا\naur (mujhe|mera|main)\nmujhe\nmera\nshukriya\nशुक्रिया\nشکریہ\nfor (the|my|delivery)\non (monday|tuesday|wednesday|thursday|friday|saturday|sunday)\nby (monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow)\ntomorrow\ntoday\nand the
        भेज\nभिजवा\nपहुँचा\nकर (दें|दो|दीजिए|दीजिये)\nपर\nبھیج\nبھجوا\nپہنچا\nکر دیں\nپر\nbhej\nbhijwa\npohancha\npahuncha\nkar (dein|do|dijiye|den)\npar",
    )
});

pub(super) static LEAD_INS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        ", : - uh um eh yes yeah sure okay ok its it's it is that's sí claro es نعم هو جی ہاں جی जी हाँ हां है ہے ji haan hai at i live la el the los las",
    )
});

pub(super) static TAILS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("है हैं ہے ہیں hai hain में میں mein and y و और اور aur"));

pub(super) static SUBJECTS: LazyLock<HashSet<String>> = LazyLock::new(|| word_set("मैं हम میں ہم main mai hum"));

pub(super) static STREETS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set("street st road rd avenue ave lane boulevard blvd terrace crescent स्ट्रीट रोड سٹریٹ اسٹریٹ روڈ")
});

/// Words that are streets only with a capital: "10 Park Drive", but "a 10 minute drive".
pub(super) static TITLE_STREETS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set("drive way close court place square gardens park row hill grove walk quay parade circle")
});

pub(super) static NOT_STREETS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "the on in of for at and or to from with minutes minute hours hours days people a my your this is are off we i you down de para con por",
    )
});

pub(super) static STREETS_FIRST: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "calle c avenida avda av paseo plaza carrera camino carretera ronda rambla glorieta travesía alameda bulevar callejón pasaje calzada شارع طريق حي street",
    )
});

pub(super) static DWELLINGS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "house flat apartment apt unit makan ghar piso apartamento departamento depto building plot bungalow villa casa chalet bloque edificio شقة عمارة فيلا بناية منزل بيت برج قطعة مكان مکان فلیٹ گھر پلاٹ کوٹھی بنگلہ मकान फ्लैट फ़्लैट घर प्लॉट बंगला कोठी",
    )
});

pub(super) static COUNTS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("number no # num número numero nº رقم نمبر नंबर नम्बर"));

pub(super) static QUARTERS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "gali mohallah bagh market bazaar bazar chowk plaza tower towers heights residency apartments enclave vihar bloque escalera puerta urbanización polígono gali block sector colony phase town society mohalla nagar postcode piso portal colonia barrio حي الحي الدور طابق الطابق गली ब्लॉक
        अपार्टमेंट अपार्टमेंट्स टावर प्लाज़ा सोसाइटी सोसायटी विहार एन्क्लेव बाज़ार चौक मार्ग बाग सेक्टर कॉलोनी नगर मोहल्ला गांव اپارٹمنٹ اپارٹمنٹس ٹاور پلازہ بازار چوک باغ گلی بلاک سیکٹر کالونی فیز ٹاؤن محلہ سوسائٹی",
    )
});

/// Floors that are counted: "second floor", "तीसरी मंज़िल".
pub(super) static FLOORS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("floor storey story planta piso मंज़िल मंजिल फ्लोर منزل فلور manzil"));

/// Which floor it is.
pub(super) static FLOOR_ORDINALS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "ground first second third fourth fifth sixth seventh eighth ninth tenth top primera segunda tercera cuarta quinta sexta séptima
        الأول الثاني الثالث الرابع الخامس السادس السابع الثامن التاسع العاشر الأرضي الأخير
        पहली दूसरी तीसरी चौथी पांचवीं पाँचवीं छठी ग्राउंड پہلی دوسری تیسری چوتھی پانچویں چھٹی گراؤنڈ pehli doosri dusri teesri chauthi panchvi",
    )
});

/// Floors and sides of Spanish houses, which stand alone: "segundo derecha".
pub(super) static SIDES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "bajo bajos entresuelo ático sótano primero segundo tercero cuarto quinto sexto séptimo octavo noveno décimo izquierda
        derecha izq izqda dcha interior exterior",
    )
});

/// Letters by their names.
pub(super) static LETTERS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("ए बी सी डी ई एफ जी एच जे एम एन اے بی سی ڈی ای ایف جی ایچ جے ایم این"));

/// Large towns where the six languages are spoken; needed only where an address is said without capitals or commas.
pub(super) static TOWNS: LazyLock<Phrases> =
    LazyLock::new(|| Phrases::new(&TOWN_NAMES.replace(' ', "\n").replace('_', " ")));

const TOWN_NAMES: &str = "london manchester birmingham leeds liverpool glasgow bristol dublin new_york los_angeles chicago houston dallas austin \
phoenix denver seattle boston miami atlanta toronto sydney melbourne madrid barcelona valencia sevilla zaragoza málaga bilbao \
granada murcia alicante buenos_aires bogotá medellín lima quito caracas santiago guadalajara monterrey puebla \
karachi lahore islamabad rawalpindi faisalabad multan peshawar quetta hyderabad sialkot gujranwala bahawalpur sukkur abbottabad \
delhi new_delhi mumbai bangalore bengaluru chennai kolkata pune ahmedabad jaipur lucknow kanpur nagpur indore bhopal patna \
gurgaon gurugram noida chandigarh ludhiana surat dehradun \
الرياض جدة مكة المدينة_المنورة الدمام الخبر الطائف تبوك أبها دبي أبوظبي الشارقة عجمان الدوحة المنامة مسقط الكويت عمان إربد \
بيروت طرابلس دمشق حلب بغداد البصرة أربيل القاهرة الجيزة الإسكندرية المنصورة طنطا الخرطوم تونس الجزائر وهران الرباط مراكش فاس \
दिल्ली नई_दिल्ली मुंबई मुम्बई पुणे बेंगलुरु बैंगलोर चेन्नई कोलकाता हैदराबाद अहमदाबाद जयपुर लखनऊ कानपुर नागपुर इंदौर भोपाल पटना \
गुड़गांव गुरुग्राम नोएडा गाज़ियाबाद चंडीगढ़ लुधियाना सूरत देहरादून ठाणे वाराणसी आगरा मेरठ \
کراچی لاہور اسلام_آباد راولپنڈی فیصل_آباد ملتان پشاور کوئٹہ حیدرآباد سیالکوٹ گوجرانوالہ بہاولپور سکھر ایبٹ_آباد دہلی دلی ممبئی لکھنؤ";
