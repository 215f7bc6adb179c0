//! Words that tell a name from the talk around it: common words that end a name, and given names and surnames that are
//! known as such where a text has neither capitals nor a clear introduction.
//!
//! The lists need not be complete: after "my name is" any uncommon word is a name. They decide only where that is open.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::domain::redaction::phrases::word_set;
use crate::domain::redaction::tokens::{Token, fold};

/// Whether a word is a common one, so not a name unless it is written as one.
pub(super) fn is_common(token: &Token) -> bool {
    !is_known_name(token) && COMMON.contains(&token.folded)
}

/// Whether a folded word is a common one.
pub(super) fn is_common_word(folded: &str) -> bool {
    COMMON.contains(folded)
}

/// Whether a word is never part of a name, even with a capital.
pub(super) fn is_never_name(token: &Token) -> bool {
    NEVER.contains(&token.folded)
}

/// Whether a word is known as a given name or surname.
pub(super) fn is_known_name(token: &Token) -> bool {
    NAMES.contains(&token.folded)
}

/// Whether a word only joins parts of a name: `de la`, `bin`, `van`.
pub(super) fn is_particle(token: &Token) -> bool {
    PARTICLES.contains(&token.folded)
}

/// Whether a word before "name" makes it the name of a person: "my", "full", "wife's".
pub(super) fn owns_name(token: &Token) -> bool {
    OWNERS.contains(&token.folded)
}

/// Whether a word is written in a script that has no capitals.
pub(super) fn is_caseless(token: &Token) -> bool {
    !token.folded.chars().any(|c| c.is_ascii_alphabetic())
}

static COMMON: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut common = word_set(COMMON_WORDS);
    for language in ["en", "es", "ar", "hi", "ur"] {
        common.extend(stop_words::lookup(language).unwrap_or_default().iter().map(|word| fold(word)));
    }
    common
});

static NEVER: LazyLock<HashSet<String>> = LazyLock::new(|| word_set(NEVER_WORDS));
static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| word_set(NAME_WORDS));
static PARTICLES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set("de la del los las al el bin ibn bint van von der di da dos ul ur abu abd بن بنت ابن ال أبو آل عبد")
});

static OWNERS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "my your his her their our full first last middle family given legal good complete the a what which whose and or so yes
        hi hello user customer patient guest passenger caller cardholder holder contact wife's husband's son's daughter's
        mother's father's mom's dad's brother's sister's friend's child's kid's baby's patient's guest's customer's partner's
        passenger's is was under by please spell confirm have get take with",
    )
});

const NEVER_WORDS: &str = "
i i'm i've i'd i'll we we're you it's its and but or from the a an my your our this that is was are am so with for at on in
of to please thanks thank hello hi hey yes yeah no not ok okay what when where why how who can could would monday tuesday
wednesday thursday friday saturday sunday today tomorrow date dob phone number email address order account dr doctor doctora
y o pero con por para mi su es soy que hola gracias sí tengo quiero necesito lunes martes miércoles jueves viernes sábado
domingo hoy mañana doctor dra teléfono correo número hai hain aur main mera meri mujhe ji nahi
है हूँ हैं और मैं मेरा मेरी मुझे जी नहीं हाँ से ہے ہوں ہیں اور میں میرا میری مجھے جی نہیں ہاں سے
أنا و من في على إلى هو هي نعم لا رقمي أريد دكتور دكتورة ڈاکٹر डॉक्टर";

const COMMON_WORDS: &str = "
call calling called caller speak speaking talk talking here there about regarding wrong right fine good great well sure sorry
happy glad yup nope nah hmm mhm perfect awesome absolutely alright cool excellent wonderful fantastic lovely brilliant
hungry thirsty bored canadian australian irish urgent asap salon afraid happy glad interested looking trying waiting wondering hoping thinking having getting going coming moving planning
need needs needed want wants wanted like liked would love book booking booked buy order ordering ordered pay paying paid
payment bill billing invoice refund cancel cancelling change changing appointment meeting demo trial account login password
username email mail phone mobile cell number address street postcode zip code date birth birthday dob insurance policy plan
premium basic price pricing cost costs money discount offer deal product service support help helping question problem issue
error broken working work works account's customer client patient doctor nurse manager agent owner driver student teacher
engineer company business office store shop clinic hospital bank website app today tomorrow yesterday morning afternoon
evening night monday tuesday wednesday thursday friday saturday sunday week month year back later soon now again still just
also actually really very only maybe perhaps please thanks thank thankyou hello hi hey bye goodbye yes yeah yep nope okay ok
spelled spelt spell spelling letter capital surname lastname firstname first last middle full name names none nothing
anything something everything someone nobody new old existing late early ready available free busy able unable sick ill tired
confused frustrated angry upset pregnant diabetic allergic vegetarian vegan single married english spanish arabic hindi urdu
american british indian pakistani mexican muslim christian german french italian chinese home house flat apartment city town
wait hold moment second minute minutes hour hours call's check checking confirm confirmed correct exactly supposed stuck
locked unable concerned worried surprised impressed done finished listed registered missing misspelled different same
visit visiting see seeing send sending receive received got get give given make made take taken use using used try tried
llamo llamar llama llamada llamando atención hablo habla hablar hablando sobre bien mal cliente clienta nuevo nueva necesito
necesita quiero quisiera quería puedo puede podría tengo tiene cita reserva reservar pedido factura precio cuenta correo
teléfono móvil celular número dirección fecha nacimiento nombre apellido ayuda ayudar problema pregunta gracias favor hola
adiós buenos buenas días tardes noches claro vale bueno sí si español española mexicano mexicana inglés médico doctora
doctor paciente enfermera dueño dueña alérgico alérgica vegetariano lunes martes miércoles jueves viernes sábado domingo hoy
mañana ayer aquí allí ahora después antes listo lista interesado interesada llegar tarde pronto mucho cómo está escribe
letra segundo momento esposo esposa hijo hija madre padre mayor pagar comprar cancelar cambiar empresa negocio
main mai mein men hum ham mujhe mujhko mera meri mere aap apka aapka aapki apki ka ki ke ko ne se par pe hai hain hun hoon hu
ho tha thi the raha rahi rahe bol baat bat kar karna karni kare karein karo karta karti karen chahiye chahta chahti chahte ye
yeh wo woh is us aur or lekin magar kya kyun kaise kab kahan kaun kon kitna kitne kitni ji jee haan han nahi nahin nai theek
thik acha accha achha salam assalam alaikum walaikum namaste shukriya dhanyavaad meherbani bhai behen sahab sahib madam naam
nam number order appointment booking ghar pata kal aaj abhi phir bhi bas hi to toh sirf bohat bahut zyada kam masla
likh likhein likhiye likha galat ghalat sahi badalna badalwana badal change update tabdeel karwana karwani karana likhwana likhna darj pooch puchna poochna chaha lena dena leni deni jana aana wala wali wale liye saath sath urdu angrezi
अपॉइंटमेंट अपॉइन्टमेंट बुक बुकिंग बोल बात कर करना करनी करवाना रहा रही रहे चाहिए चाहता चाहती हूँ हूं है हैं मैं मेरा मेरी मेरे मुझे
जी हाँ हां नहीं ठीक अच्छा नमस्ते धन्यवाद शुक्रिया नाम नंबर नम्बर फोन मोबाइल ईमेल पता ऑर्डर समस्या मदद कल आज अभी सुबह शाम बजे
तारीख जन्म आप आपका आपकी आपके क्या कैसे कब कहाँ कौन कितना कितने में से पर को का की के ने और या लेकिन वो यह ये सर मैडम डॉक्टर
लिखा लिखिए लिखें गलत सही बदलना बदलवाना बदलने बदल चेंज अपडेट जोड़ना हटाना जानना सकता सकती बताइए बता दीजिए खाता बिल कीमत प्लान हिंदी हिन्दी अंग्रेजी उर्दू यहाँ बोलिए साहब पहला पहले
اپوائنٹمنٹ بک بکنگ بول بات کر کرنا کرنی کروانا رہا رہی رہے چاہیے چاہتا چاہتی ہوں ہے ہیں میں میرا میری میرے مجھے جی ہاں نہیں
ٹھیک اچھا سلام السلام علیکم وعلیکم شکریہ نام نمبر فون موبائل ای میل پتہ آرڈر مسئلہ مدد کل آج ابھی صبح شام بجے تاریخ پیدائش آپ
آپکا کا کی کے کو نے سے پر اور یا لیکن وہ یہ سر میڈم ڈاکٹر لکھا لکھیں لکھنا غلط صحیح بدلنا بدلوانا تبدیل درج لکھیے لکھوانا چینج اپڈیٹ سکتا سکتی جاننا بتائیں بتا دیں اکاؤنٹ بل قیمت پلان اردو انگریزی یہاں صاحب
پہلے پہلا کون کیا کیسے کب کہاں کتنا کتنے ہم
اتصل أتصل بتصل أريد اريد بدي عايز عاوز أبغى ابغى أحتاج احتاج ممكن موعد حجز أحجز احجز طلب طلبي فاتورة حساب حسابي مشكلة سؤال
مساعدة رقم رقمي هاتف جوال جوالي بريد ايميل إيميل ايميلي عنوان عنواني تاريخ ميلاد ميلادي اسم اسمي شكرا عفوا مرحبا أهلا اهلا
السلام عليكم وعليكم نعم لا أيوه ايوه طيب تمام اليوم غدا بكرة أمس الآن صباح مساء الخير عميل زبون مريض مريضة طبيب دكتور
دكتورة هنا معك معاك من عن على في الى إلى هل كيف متى أين كم لماذا بخير جديد جديدة موجود مهتم مهتمة تعبان لو سمحت سمحتي
فضلك حضرتك أنا انا احنا نحن وأنا و أو ثم بس لكن عندي عندكم لدي كنت كان يا سيدي استاذ أستاذ مدام المؤسسة الشركة مؤسسة شركة مكتوب الأول الأخير ثلاثي كامل";

const NAME_WORDS: &str = "
sara sarah tasha john james robert michael david william richard joseph thomas charles daniel matthew anthony steven paul
andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric jonathan stephen
larry justin scott brandon benjamin samuel gregory alexander patrick jack dennis jerry tyler aaron adam henry nathan peter
kyle ethan noah liam oliver lucas emma olivia sophia isabella mia charlotte amelia emily hannah mary patricia jennifer linda
elizabeth barbara susan jessica karen lisa nancy margaret sandra ashley kimberly donna michelle carol amanda melissa deborah
stephanie rebecca laura helen sharon cynthia kathleen amy angela anna ruth brenda pamela nicole katherine samantha christine
rachel julia lauren megan chloe lucy alice claire priya smith johnson williams jones garcia miller davis wilson anderson
taylor thompson roberts evans edwards collins greene murphy kelly
maría maria josé jose juan carlos luis miguel jorge pedro pablo diego alejandro fernando javier sergio ricardo roberto
eduardo francisco manuel antonio andrés rafael alberto raúl óscar rubén enrique mario víctor álvaro ana lucía sofía carmen
isabel elena marta paula andrea patricia rosa laura cristina beatriz gabriela valentina camila daniela mariana fernanda
alejandra verónica guadalupe silvia gloria martínez lópez hernández gonzález pérez rodríguez sánchez ramírez torres flores
díaz gómez fernández ruiz ortega castillo morales vargas jiménez navarro
ali ahmed ahmad muhammad mohammad mohammed hassan hasan hussain hussein usman umar omar bilal imran faisal kamran asad hamza
zain saad fahad tariq khalid rashid nasir adnan salman shahid waqas junaid danish arslan zeeshan rizwan sajid ayesha aisha
fatima zainab maryam mariam khadija sana hina nadia saima rabia amna iqra mehwish sadia bushra noreen kiran farah samina
khan malik butt chaudhry sheikh qureshi siddiqui mirza raza iqbal akhtar javed bhatti ansari hashmi abbasi shah rehman
abdullah ibrahim youssef yousef mustafa mahmoud karim nasser layla leila yasmin huda salma mona rania samir walid
rahul rohit amit sumit ankit vikas rajesh suresh ramesh mahesh sanjay vijay ajay arjun karan rohan aditya nikhil anil sunil
deepak manoj pankaj vivek anjali pooja neha sneha kavita sunita anita meena rekha geeta divya shreya nisha swati ritu
sharma verma gupta singh kumar patel mehta joshi iyer reddy nair yadav mishra pandey agarwal desai kapoor chopra kaur
सारा राहुल रोहित अमित सुमित विकास राजेश सुरेश रमेश संजय विजय अजय अर्जुन करण रोहन आदित्य अनिल सुनील दीपक मनोज पंकज विवेक
प्रिया अंजलि पूजा नेहा स्नेहा कविता सुनीता अनीता मीना रेखा गीता दिव्या श्रेया निशा शर्मा वर्मा गुप्ता सिंह कुमार पटेल मेहता जोशी
यादव मिश्रा पांडे कपूर खान अली आयशा फातिमा इमरान सलमान
علی احمد محمد حسن حسین عثمان عمر بلال عمران فیصل کامران اسد حمزہ سعد فہد طارق خالد راشد ناصر عدنان سلمان شاہد وقاص جنید
زین عائشہ فاطمہ زینب مریم خدیجہ ثنا حنا نادیہ صائمہ رابعہ آمنہ سعدیہ بشریٰ کرن سارہ خان ملک بٹ چوہدری شیخ قریشی صدیقی مرزا
رضا اقبال اختر جاوید بھٹی انصاری ہاشمی عباسی شاہ رحمان
عبدالله عبدالرحمن إبراهيم يوسف مصطفى محمود كريم عائشة فاطمة ليلى ياسمين هدى سلمى منى رانيا سمير وليد سارة نورة ريم دانة
القحطاني العتيبي الشمري الغامدي الحربي الزهراني المطيري الدوسري حداد خوري منصور سليمان هند لطيفة جاسم راشد سلطان";
