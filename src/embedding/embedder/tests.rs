use super::*;
use crate::domain::error::ErrorClass;
use crate::domain::vectors::dot;
use crate::embedding::testing;

/// What `models/golden/<name>.json` holds: sentences as the fp32 model sees them.
#[derive(serde::Deserialize)]
struct Golden {
    prefix: String,
    sentences: Vec<GoldenSentence>,
}

#[derive(serde::Deserialize)]
struct GoldenSentence {
    text: String,
    tokens: usize,
    embedding: Vec<f32>,
}

fn golden(name: &str) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/golden").join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).expect("the file is part of the repository")).expect("its shape")
}

async fn query(embedder: &Embedder, text: &str) -> Embedded {
    embedder.embed_one(Lane::Live, Role::Query, text, None).await.expect("a vector")
}

/// A second embedder of a model that tests change or count on being alone with.
fn fresh(change: impl FnOnce(&mut EmbeddingSettings)) -> Embedder {
    let mut settings = testing::settings();
    change(&mut settings);
    let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
    match Embedder::open(&settings, spec) {
        Ok(embedder) => embedder,
        Err(error) => panic!("these tests need the models: {error}"),
    }
}

#[tokio::test]
async fn both_models_reproduce_their_golden_vectors() {
    for embedder in [testing::multilingual(), testing::english()] {
        let golden = golden(&embedder.spec().name);
        assert_eq!(golden.prefix, embedder.spec().query_prefix);
        for sentence in golden.sentences {
            for lane in [Lane::Live, Lane::Batch] {
                let texts = [sentence.text.as_str()];
                let embedded = embedder.embed(lane, Role::Query, &texts, None).await.expect("a vector").remove(0);
                let length = dot(&sentence.embedding, &sentence.embedding).sqrt();
                let cosine = dot(&embedded.vector, &sentence.embedding) / length;
                assert!(cosine >= 0.98, "{}: {cosine} for {:?}", embedder.spec().name, sentence.text);
                assert_eq!(embedded.tokens, sentence.tokens, "{:?}", sentence.text);
                assert!((dot(&embedded.vector, &embedded.vector) - 1.0).abs() < 1e-4);
                assert!(!embedded.truncated);
            }
        }
    }
}

#[tokio::test]
async fn the_prefix_of_the_role_matters() {
    let embedder = testing::multilingual();
    let text = "The clinic opens at nine.";
    let passage = embedder.embed_one(Lane::Live, Role::Passage, text, None).await.expect("a vector");
    let cosine = dot(&query(&embedder, text).await.vector, &passage.vector);
    assert!((0.8..0.999).contains(&cosine), "{cosine}");
    assert!(!passage.cached, "the other role is another text to the model");

    let english = testing::english();
    let passage = english.embed_one(Lane::Live, Role::Passage, text, None).await.expect("a vector");
    assert_eq!(query(&english, text).await.vector, passage.vector, "this model has no prefixes");
}

#[tokio::test]
async fn a_paraphrase_in_another_language_is_nearer_than_another_topic() {
    let embedder = testing::multilingual();
    let english = query(&embedder, "I want to cancel my appointment on Friday.").await;
    let other = query(&embedder, "The invoice shows the wrong amount for electricity.").await;
    let paraphrases = [
        ("hi", "मैं शुक्रवार की अपनी अपॉइंटमेंट रद्द करना चाहता हूँ।"),
        ("ur", "میں جمعہ کی اپنی ملاقات منسوخ کرنا چاہتا ہوں۔"),
        ("es", "Quiero cancelar mi cita del viernes."),
        ("ar", "أريد إلغاء موعدي يوم الجمعة."),
    ];
    for (language, paraphrase) in paraphrases {
        let paraphrase = query(&embedder, paraphrase).await;
        let (near, far) = (dot(&paraphrase.vector, &english.vector), dot(&paraphrase.vector, &other.vector));
        assert!(near > far + 0.02, "{language}: {near} and {far}");
    }
}

#[tokio::test]
async fn both_lanes_give_a_text_the_same_vector_in_the_order_of_the_texts() {
    let embedder = fresh(|settings| settings.cache_mb = 0);
    let mut texts: Vec<String> =
        (0..300).map(|number| format!("room {number} {}", "please ".repeat(number % 7))).collect();
    texts.push(texts[0].clone());
    let batch = embedder.embed(Lane::Batch, Role::Query, &texts, None).await.expect("vectors");
    assert_eq!(batch.len(), texts.len());
    assert_eq!(batch[0], batch[300]);
    for position in [0, 1, 150, 255, 256, 299] {
        let alone = query(&embedder, &texts[position]).await;
        assert_eq!(alone.vector, batch[position].vector, "{position}");
    }
}

#[tokio::test]
async fn texts_that_share_a_run_keep_their_vectors_but_for_rounding() {
    let embedder = fresh(|settings| (settings.batch_tokens, settings.cache_mb) = (256, 0));
    let texts: Vec<String> = (0..40)
        .map(|number| format!("please move booking {number} to {}", "the next free day ".repeat(number % 5)))
        .collect();
    let packed = embedder.embed(Lane::Batch, Role::Query, &texts, None).await.expect("vectors");
    let mut moved = 0;
    for (text, packed) in texts.iter().zip(packed) {
        let alone = query(&embedder, text).await;
        let cosine = dot(&packed.vector, &alone.vector);
        assert!(cosine > 0.98, "{cosine} for {text:?}");
        assert_eq!(packed.tokens, alone.tokens);
        moved += usize::from(packed.vector != alone.vector);
    }
    assert!(moved > 0, "sharing a run is visible; were they run alone?");
}

#[tokio::test]
async fn what_the_model_cannot_read_is_reported() {
    for embedder in [testing::multilingual(), testing::english()] {
        let limit = embedder.spec().max_tokens;
        let long = query(&embedder, &"appointment tomorrow ".repeat(400)).await;
        assert_eq!((long.tokens, long.truncated), (limit, true));
        let endless = query(&embedder, &"x".repeat(200_000)).await;
        assert!(endless.truncated && endless.tokens <= limit);
        assert!(!query(&embedder, "appointment tomorrow").await.truncated);
    }
}

#[tokio::test]
async fn the_same_text_in_another_spelling_is_known() {
    let embedder = testing::english();
    let first = query(&embedder, "Caf\u{e9} opening hours, please").await;
    let again = query(&embedder, "  Cafe\u{301}\topening \n hours,  please ").await;
    assert!(!first.cached && again.cached);
    assert_eq!(first.vector, again.vector);
}

#[tokio::test]
async fn a_known_text_needs_no_queue_and_no_time() {
    let embedder = testing::english();
    let first = query(&embedder, "is it known already").await;
    let now = Some(Instant::now());
    let again = embedder.embed_one(Lane::Live, Role::Query, "is it known already", now).await.expect("it is known");
    assert_eq!(again, Embedded { cached: true, ..first });

    let new = embedder.embed_one(Lane::Live, Role::Query, "is this one known", now).await;
    assert!(matches!(new, Err(EmbeddingError::DeadlineExceeded)));
}

#[tokio::test]
async fn an_empty_text_is_the_callers_mistake() {
    let embedder = testing::english();
    let error = embedder.embed(Lane::Live, Role::Query, &["hello", " \n\t "], None).await.expect_err("nothing there");
    assert!(matches!(error, EmbeddingError::EmptyText { position: 1 }));
    assert_eq!(error.class(), ErrorClass::Caller);
    assert_eq!(embedder.embed::<&str>(Lane::Live, Role::Query, &[], None).await.expect("no texts"), []);
}

#[tokio::test]
async fn strange_texts_are_embedded() {
    for embedder in [testing::multilingual(), testing::english()] {
        for text in ["\u{0}", "\u{200b}", "👩‍👩‍👧‍👦🎉", "<s></s>[SEP]", "\u{202e}txet", "a\u{301}\u{301}\u{301}"]
        {
            let embedded = query(&embedder, text).await;
            assert_eq!(embedded.vector.len(), embedder.spec().dimension, "{text:?}");
        }
    }
}

#[test]
fn a_text_is_split_into_pieces_that_fit() {
    for embedder in [testing::multilingual(), testing::english()] {
        let text = "user: I need a table for six, on Saturday evening. It is a birthday!\n\n\
                    agent: We have one at seven o'clock. मेज़ बाहर है और बहुत सुंदर है। Shall I book it for you?";
        let pieces = embedder.split(text, 16).expect("pieces");
        assert!(pieces.len() > 2);
        for piece in &pieces {
            let tokens = embedder.count_tokens(&text[piece.clone()]).expect("a count");
            assert!((1..=16).contains(&tokens), "{tokens} tokens in {:?}", &text[piece.clone()]);
        }
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<String>();
        let joined: String = pieces.iter().map(|piece| words(&text[piece.clone()])).collect();
        assert_eq!(joined, words(text), "nothing is lost, nothing doubled");
        assert!(embedder.split("", 16).expect("no pieces").is_empty());
    }
}

#[test]
fn a_missing_model_or_library_is_named_and_so_is_the_remedy() {
    let empty = tempfile::tempdir().expect("a directory");
    let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
    let models_dir = empty.path().to_owned();

    let settings = EmbeddingSettings { models_dir: models_dir.clone(), ..testing::settings() };
    let error = Embedder::open(&settings, spec).expect_err("there is no library").to_string();
    assert!(error.contains("onnxruntime/libonnxruntime.so") && error.contains("make models"), "{error}");

    let settings = EmbeddingSettings { onnxruntime: Some(testing::settings().library()), ..settings };
    let error = Embedder::open(&settings, spec).expect_err("there is no model").to_string();
    assert!(error.contains("all-MiniLM-L6-v2/model.onnx") && error.contains("make models"), "{error}");
}

#[test]
fn a_broken_file_is_named() {
    let broken = tempfile::tempdir().expect("a directory");
    let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
    let directory = broken.path().join(&spec.name);
    std::fs::create_dir(&directory).expect("a directory");
    let whole = testing::settings().models_dir.join(&spec.name);
    for file in std::fs::read_dir(whole).expect("the models are there") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), directory.join(file.file_name())).expect("a copy");
    }
    let library = Some(testing::settings().library());
    let models_dir = broken.path().to_owned();
    let settings = EmbeddingSettings { models_dir, onnxruntime: library, ..testing::settings() };
    Embedder::open(&settings, spec).expect("the copy is whole");

    for file in ["tokenizer.json", "model.onnx"] {
        let path = directory.join(file);
        let bytes = std::fs::read(&path).expect("the file");
        std::fs::remove_file(&path).expect("the copy may be removed");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("the file");
        let error = Embedder::open(&settings, spec).expect_err("the file is broken");
        assert!(matches!(&error, EmbeddingError::BadFile { .. }), "{error:?}");
        assert!(error.to_string().contains(file) && error.to_string().contains("make models"), "{error}");
        std::fs::write(&path, &bytes).expect("the file");
    }
}

#[test]
fn another_library_in_the_same_process_is_refused() {
    testing::english();
    let other = tempfile::NamedTempFile::new().expect("a file");
    let settings = EmbeddingSettings { onnxruntime: Some(other.path().to_owned()), ..testing::settings() };
    let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
    let error = Embedder::open(&settings, spec).expect_err("one library is loaded already");
    assert!(matches!(error, EmbeddingError::LibraryLoaded { .. }), "{error:?}");
}
