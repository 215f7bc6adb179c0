//! What goes in and what comes out, per format.

use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::cli::conversations_file::ConversationsFile;
use crate::cli::convert::sgd::{SgdLabel, SgdMetadata};
use crate::domain::draft::{MAX_METADATA_BYTES, MAX_TURNS};

const SGD_DEV: &str = "/work/shared/data/sgd/dev.jsonl.gz";
const SGD_SAMPLE: &str = concat!(
    r#"{"id":"1_00000","services":["Restaurants_2"],"turns":["#,
    r#"{"speaker":"user","text":"I want to make a restaurant reservation for 2 people at half past 11 in the morning.","acts":["INFORM","INFORM_INTENT"],"service":"Restaurants_2","intent":"ReserveRestaurant"},"#,
    r#"{"speaker":"agent","text":"What city do you want to dine in? Do you have a preferred restaurant?","acts":["REQUEST"]}],"#,
    r#""completed":true}"#,
    "\n"
);

/// The lines written, and `place: reason` of all that was left out.
fn run(format: Format, given: &[u8]) -> (Vec<String>, Vec<String>) {
    let mut written = Vec::new();
    let mut rejected = Vec::new();
    let report = convert(format, given, &mut written, "test", &mut |part| rejected.push(part.to_string()))
        .expect("memory is readable");
    let lines: Vec<String> = String::from_utf8(written).expect("UTF-8").lines().map(str::to_owned).collect();
    assert_eq!((report.conversations, report.rejected), (lines.len() as u64, rejected.len() as u64));
    (lines, rejected)
}

fn drafts(format: Format, given: &[u8]) -> Vec<ConversationDraft> {
    let (lines, rejected) = run(format, given);
    assert_eq!(rejected, [""; 0]);
    ConversationsFile::new(lines.join("\n").as_bytes())
        .expect("memory is readable")
        .map(|(_, draft)| draft.expect("what is written is read"))
        .collect()
}

/// `speaker: text` of every turn.
fn talk(draft: &ConversationDraft) -> Vec<String> {
    draft.turns.iter().map(|turn| format!("{}: {}", turn.speaker, turn.text)).collect()
}

/// The real dialogues where they are installed, else the first of them.
fn sgd_dialogues() -> Vec<u8> {
    std::fs::read(SGD_DEV).unwrap_or_else(|_| SGD_SAMPLE.as_bytes().to_vec())
}

#[test]
fn every_real_dialogue_is_taken_and_keeps_its_labels() {
    let given = sgd_dialogues();
    let mut plain = String::new();
    crate::cli::input::plain(given.as_slice()).expect("readable").read_to_string(&mut plain).expect("UTF-8");
    let dialogues: Vec<serde_json::Value> =
        plain.lines().map(|line| serde_json::from_str(line).expect("a dialogue")).collect();

    let drafts = drafts(Format::Sgd, &given);
    assert_eq!(drafts.len(), dialogues.len());
    for (draft, dialogue) in drafts.iter().zip(&dialogues) {
        let metadata: SgdMetadata = serde_json::from_value(draft.metadata.clone()).expect("labels");
        let turns = dialogue["turns"].as_array().expect("turns");
        assert_eq!(draft.external_id, format!("sgd-{}", dialogue["id"].as_str().expect("an id")));
        assert_eq!(serde_json::json!(metadata.services), dialogue["services"]);
        assert_eq!((draft.turns.len(), metadata.labels.len()), (turns.len(), turns.len()));
        for (label, turn) in metadata.labels.iter().zip(turns) {
            assert_eq!(serde_json::json!(label.acts), turn["acts"]);
            assert_eq!(serde_json::json!(label.service), turn["service"]);
            assert_eq!(serde_json::json!(label.intent), turn["intent"]);
        }
        let outcome = match dialogue["completed"].as_bool() {
            Some(true) => "successful",
            Some(false) => "unsuccessful",
            None => "unknown",
        };
        assert_eq!(draft.outcome.as_deref(), Some(outcome));
    }
}

#[test]
fn the_first_real_dialogue_is_this() {
    let draft = drafts(Format::Sgd, &sgd_dialogues()).swap_remove(0);
    let metadata: SgdMetadata = serde_json::from_value(draft.metadata.clone()).expect("labels");
    assert_eq!(draft.external_id, "sgd-1_00000");
    assert_eq!(draft.category.as_deref(), Some("restaurants"));
    assert_eq!(draft.outcome.as_deref(), Some("successful"));
    assert_eq!(
        talk(&draft)[..2],
        [
            "user: I want to make a restaurant reservation for 2 people at half past 11 in the morning.",
            "agent: What city do you want to dine in? Do you have a preferred restaurant?",
        ]
    );
    assert_eq!(
        metadata.labels[0],
        SgdLabel {
            turn: 0,
            acts: vec!["INFORM".to_owned(), "INFORM_INTENT".to_owned()],
            service: Some("Restaurants_2".to_owned()),
            intent: Some("ReserveRestaurant".to_owned()),
        }
    );
}

#[test]
fn converting_twice_gives_the_same_bytes() {
    let given = sgd_dialogues();
    assert!(run(Format::Sgd, &given) == run(Format::Sgd, &given));
    let chat = br#"[{"messages":[{"role":"user","content":"hi"}]},{"messages":[{"role":"user","content":"ho"}]}]"#;
    let (lines, _) = run(Format::Openai, chat);
    assert_eq!(lines, run(Format::Openai, chat).0);
    assert_ne!(lines[0][..40], lines[1][..40], "ids differ: {lines:?}");
}

#[test]
fn what_is_missing_is_filled_with_fixed_values() {
    let (lines, _) = run(Format::Sgd, SGD_SAMPLE.as_bytes());
    let expected = concat!(
        r#"{"external_id":"sgd-1_00000","agent_id":"converted","channel":"chat","language":"en","category":"restaurants","#,
        r#""started_at":"2000-01-01T00:00:00Z","ended_at":"2000-01-01T00:00:20Z","turns":["#,
        r#"{"speaker":"user","text":"I want to make a restaurant reservation for 2 people at half past 11 in the morning."},"#,
        r#"{"speaker":"agent","text":"What city do you want to dine in? Do you have a preferred restaurant?"}],"#,
        r#""outcome":"successful","metadata":"#,
    );
    let metadata = lines[0].strip_prefix(expected).and_then(|rest| rest.strip_suffix('}')).expect(&lines[0]);
    let metadata: serde_json::Value = serde_json::from_str(metadata).expect("JSON");
    assert_eq!(
        metadata,
        serde_json::json!({
            "source": "sgd",
            "services": ["Restaurants_2"],
            "labels": [
                [0, ["INFORM", "INFORM_INTENT"], "Restaurants_2", "ReserveRestaurant"],
                [1, ["REQUEST"], null, null],
            ],
        })
    );
}

#[test]
fn a_bad_dialogue_is_told_and_the_rest_goes_on() {
    let ghost = SGD_SAMPLE.replace("\"agent\"", "\"ghost\"");
    let empty = r#"{"id":"2","services":[],"turns":[],"completed":null}"#;
    let given = format!("{SGD_SAMPLE}not JSON\n{{\"id\":3}}\n{ghost}{empty}\n{SGD_SAMPLE}");
    let (lines, rejected) = run(Format::Sgd, given.as_bytes());
    assert_eq!(lines.len(), 2);
    assert_eq!(rejected[0], "line 2: must be a JSON object");
    assert_eq!(rejected[1], "line 3: invalid type: integer `3`, expected a string");
    assert!(rejected[2].starts_with("line 4: turns[1].speaker: must be user"), "{}", rejected[2]);
    assert_eq!(rejected[3], "line 5: turns: must hold at least one turn");
}

#[test]
fn labels_that_do_not_fit_are_left_out_at_the_end() {
    let turn = serde_json::json!({"speaker": "user", "text": "hi", "acts": ["INFORM"], "service": "Hotels_2", "intent": "SearchHotel"});
    let dialogue = serde_json::json!({"id": "long", "services": ["Hotels_2"], "turns": vec![turn; MAX_TURNS]});
    let draft = drafts(Format::Sgd, dialogue.to_string().as_bytes()).swap_remove(0);
    let metadata: SgdMetadata = serde_json::from_value(draft.metadata.clone()).expect("labels");
    let bytes = draft.metadata.to_string().len();
    assert!((MAX_METADATA_BYTES * 8 / 10..=MAX_METADATA_BYTES).contains(&bytes), "{bytes}");
    assert_eq!(draft.turns.len(), MAX_TURNS);
    assert!(metadata.labels.iter().enumerate().all(|(at, label)| label.turn == at));
}

#[test]
fn a_service_belongs_to_a_family() {
    for (service, family) in [("Hotels_2", "hotels"), ("RideSharing_12", "ridesharing"), ("Home_Search", "home_search")]
    {
        assert_eq!(sgd::service_family(service), family);
    }
}

#[test]
fn chat_messages_become_turns() {
    let given = serde_json::json!({
        "id": 17, "created": 1_788_256_800, "model": "passed over", "outcome": "successful",
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        "metadata": {"ticket": "T-1"},
        "messages": [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "How much"}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "is it?"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "price", "arguments": "{\"sku\":1}"}},
                {"id": "2", "type": "custom", "custom": {"name": "note", "input": "asked"}},
            ]},
            {"role": "tool", "tool_call_id": "1", "content": "29"},
            {"role": "assistant", "content": "29 dollars.", "function_call": {"name": "close", "arguments": {"why": "done"}}},
            {"role": "assistant", "content": null, "refusal": "I cannot do that."},
            {"role": "assistant", "content": null, "audio": {"transcript": "Bye."}},
            {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
        ],
    });
    let draft = drafts(Format::Openai, given.to_string().as_bytes()).swap_remove(0);
    assert_eq!(
        talk(&draft),
        [
            "system: Be kind.",
            "user: How much is it?",
            r#"tool: price({"sku":1})"#,
            "tool: note(asked)",
            "tool: 29",
            "agent: 29 dollars.",
            r#"tool: close({"why":"done"})"#,
            "agent: I cannot do that.",
            "agent: Bye.",
            "user: ",
        ]
    );
    assert_eq!((draft.external_id.as_str(), draft.started_at.as_str()), ("17", "2026-09-01T10:00:00Z"));
    assert_eq!(draft.ended_at, "2026-09-01T10:01:40Z");
    assert_eq!(draft.metadata, serde_json::json!({"ticket": "T-1"}));
    assert_eq!(draft.usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)), Some((5, 7)));
}

#[test]
fn chats_come_as_lines_or_as_a_list_with_or_without_a_wrapping() {
    let bare = r#"[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}]"#;
    let wrapped = format!("{{\"messages\":{bare}}}");
    let one = drafts(Format::Openai, bare.as_bytes());
    assert_eq!(one.len(), 1);
    assert_eq!(talk(&one[0]), ["user: hi", "agent: hello"]);
    assert_eq!(one[0].external_id, "openai-0315daa86db7ce55ca82233858b44f85");
    for two in [
        format!("{bare}\n{wrapped}\n"),
        format!("{wrapped}\n{bare}\n"),
        format!("[{bare},{wrapped}]"),
        format!("[{wrapped},\n{bare}]"),
    ] {
        assert_eq!(drafts(Format::Openai, two.as_bytes()), [one[0].clone(), one[0].clone()], "{two}");
    }
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(bare).expect("JSON"));
    assert_eq!(drafts(Format::Openai, pretty.expect("JSON").as_bytes()), one);
}

#[test]
fn a_bad_chat_is_told_and_the_rest_goes_on() {
    let good = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    let bad = [
        r#"{"messages":[{"role":"ghost","content":"boo"}]}"#,
        r#"{"messages":[{"role":"user","content":7}]}"#,
        r#"{"messages":[]}"#,
        r#"{"prompt":"hi"}"#,
        r#"{"id":{},"messages":[]}"#,
        r#"{"created":"yesterday","messages":[]}"#,
        r#"{"outcome":"won","satisfaction":9,"messages":[{"role":"user","content":"a\u0000b"}]}"#,
        "7",
    ];
    let (lines, rejected) = run(Format::Openai, format!("{good}\n{}\n{good}\n", bad.join("\n")).as_bytes());
    assert_eq!(lines.len(), 2);
    assert!(rejected[0].starts_with("line 2: messages[0].role: must be user, agent"), "{}", rejected[0]);
    assert_eq!(
        rejected[1..],
        [
            "line 3: messages[0].content: must be a text, a list of parts or null",
            "line 4: turns: must hold at least one turn",
            "line 5: messages: must be a list of messages",
            "line 6: an id must be a text or a whole number",
            "line 7: the start: must be a time such as 2026-09-01T10:00:00Z, or seconds since 1970",
            "line 8: outcome: must be one of successful, unsuccessful, partial, unknown, excluded; \
             satisfaction: must be 1 to 5; turns[0].text: must not hold the character U+0000",
            "line 9: must be an object with messages, or a list of messages",
        ]
    );
}

#[test]
fn a_long_prompt_is_cut_and_a_long_answer_is_refused() {
    let long = "word ".repeat(MAX_TURN_CHARS / 4);
    let chat = |role: &str| serde_json::json!({"messages": [{"role": role, "content": long}]}).to_string();
    let draft = drafts(Format::Openai, chat("system").as_bytes()).swap_remove(0);
    assert!(draft.turns[0].text.ends_with('…'));
    let (_, rejected) = run(Format::Openai, chat("assistant").as_bytes());
    assert_eq!(rejected, ["line 1: turns[0].text: must be at most 20000 characters"]);
}

#[test]
fn rows_of_a_conversation_need_not_stand_together() {
    let given = "\u{feff}Conversation ID;Role;Message;Date;Outcome;CSAT;Extra\r\n\
        b;customer;\"How much; please?\";2026-09-01 10:00:05;;;x\r\n\
        a;Human;Hi;;Successful;4;x\r\n\
        b;bot;29 dollars;2026-09-01T12:00:09+02:00;;;x\r\n\
        a;assistant;\"Hello \"\"you\"\"\";;partial;2;x\r\n\
        b;;;;unknown;5.0;x\r\n";
    let drafts = drafts(Format::Csv, given.as_bytes());
    assert_eq!(drafts.iter().map(|draft| draft.external_id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(talk(&drafts[0]), ["user: How much; please?", "agent: 29 dollars"]);
    assert_eq!(
        (drafts[0].started_at.as_str(), drafts[0].ended_at.as_str()),
        ("2026-09-01T10:00:05Z", "2026-09-01T10:00:09Z")
    );
    assert_eq!((drafts[0].outcome.as_deref(), drafts[0].satisfaction), (Some("unknown"), Some(5)));
    assert_eq!(talk(&drafts[1]), ["user: Hi", "agent: Hello \"you\""]);
    assert_eq!((drafts[1].outcome.as_deref(), drafts[1].satisfaction), (Some("successful"), Some(4)));
    assert_eq!(drafts[1].ended_at, "2000-01-01T00:00:20Z");
}

#[test]
fn the_newest_first_is_turned_around() {
    let given =
        "conversation_id,speaker,text,timestamp\nc,agent,29 dollars,1788256860000\nc,user,how much,1788256800\n";
    assert_eq!(talk(&drafts(Format::Csv, given.as_bytes())[0]), ["user: how much", "agent: 29 dollars"]);
}

#[test]
fn a_bad_row_is_told_and_the_rest_goes_on() {
    let mut given = b"conversation_id,speaker,text,at,satisfaction\n\
        c,user,hi,,\n\
        c,ghost,boo,,\n\
        ,user,whose,,\n\
        c,user,one, too many,,\n\
        c,user,when,01/02/2026,\n\
        c,agent,\"a stray quote,,\n\
        d,user,hi,,good\n\
        c,agent,hello,,\n"
        .to_vec();
    given.extend_from_slice(b"c,user,\xff,,\n");
    let (lines, rejected) = run(Format::Csv, &given);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(r#""turns":[{"speaker":"user","text":"hi"},{"speaker":"agent","text":"hello"}]"#));
    assert!(rejected[0].starts_with("line 3: speaker: must be user"), "{}", rejected[0]);
    assert_eq!(
        rejected[1..],
        [
            "line 4: conversation_id: must not be empty",
            "line 5: has 6 fields, but the header has 5",
            "line 6: timestamp: must be a time such as 2026-09-01T10:00:00Z or 2026-09-01 10:00:00, or seconds since 1970",
            "line 7: a quote is never closed",
            "line 10: is not UTF-8",
            "line 8: satisfaction: must be a whole number from 1 to 5",
        ]
    );
}

#[test]
fn a_table_without_its_columns_or_too_large_is_refused() {
    let fails = |given: &str, limit: usize| {
        let mut on_rejected = |_: &Rejected| {};
        let mut output = Output {
            writer: Vec::new(),
            name: "t.csv",
            report: ConvertReport::default(),
            on_rejected: &mut on_rejected,
        };
        csv::convert_rows(given.as_bytes(), limit, &mut output).map_err(|error| error.to_string())
    };
    let missing = fails("conversation_id,text\na,b\n", 1 << 20).expect_err("no speaker");
    assert!(missing.starts_with("t.csv: the header has no column speaker (also understood: role, "), "{missing}");
    let rows = format!("id,conversation_id,speaker,text\n{}", "1,c,user,some words\n".repeat(100));
    assert!(fails(&rows, 1 << 20).is_ok());
    assert!(fails(&rows, 1 << 10).expect_err("too large").contains("holds more than 1024 bytes"));
}

#[test]
fn times_are_read_as_programs_write_them() {
    for (given, expected) in [
        ("2026-09-01T12:00:00.5+02:00", Some("2026-09-01T10:00:00.500Z")),
        (" 2026-09-01 10:00 ", Some("2026-09-01T10:00:00Z")),
        ("2026-09-01", Some("2026-09-01T00:00:00Z")),
        ("1788256800.25", Some("2026-09-01T10:00:00.250Z")),
        ("1788256800000", Some("2026-09-01T10:00:00Z")),
        ("-1", None),
        ("1e300", None),
        ("NaN", None),
        ("09/01/2026", None),
    ] {
        assert_eq!(parse_moment(given).map(|moment| moment.to_string()).as_deref(), expected, "{given}");
    }
}

#[test]
fn a_file_is_converted_into_a_file_but_never_into_itself() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, output) = (folder.path().join("given.jsonl"), folder.path().join("made.jsonl"));
    std::fs::write(&file, SGD_SAMPLE).expect("writable");
    let mut args = ConvertArgs { format: Format::Sgd, file: file.clone(), output: Some(output.clone()) };
    let report = convert_file(&args, &mut |_| {}).expect("converted");
    assert_eq!(report, ConvertReport { conversations: 1, turns: 2, rejected: 0 });
    assert_eq!(ConversationsFile::open(&output).expect("readable").filter(|(_, draft)| draft.is_ok()).count(), 1);

    args.output = Some(folder.path().join(".").join("given.jsonl"));
    assert!(matches!(convert_file(&args, &mut |_| {}), Err(ConvertError::SameFile { .. })));
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), SGD_SAMPLE);
    args.file = folder.path().join("missing");
    assert!(matches!(convert_file(&args, &mut |_| {}), Err(ConvertError::Read { .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in [Format::Sgd, Format::Openai, Format::Csv] {
            // A table without a header is an error, and that is fine.
            drop(convert(format, bytes.as_slice(), io::sink(), "test", &mut |_| {}));
        }
    }

    #[test]
    fn any_rows_are_survived_and_what_is_written_is_taken(rows in "([ab;,\"\n]|c,user,x\n|c,bot,\"y\"\n){0,40}") {
        let (lines, _) = run(Format::Csv, format!("conversation_id,speaker,text\n{rows}").as_bytes());
        for line in lines {
            let draft: ConversationDraft = serde_json::from_str(&line).expect("a draft");
            prop_assert!(draft.check(ConversationId(Uuid::nil()), &CallerKey::new(Vec::new())).is_ok());
        }
    }

    #[test]
    fn any_damage_to_a_chat_is_survived(at in 0_usize..60, with in any::<char>()) {
        let good = r#"{"id":"a","messages":[{"role":"user","content":["x",{"text":"y"}]}]}"#;
        let damaged: String = good.chars().enumerate().map(|(n, c)| if n == at { with } else { c }).collect();
        let (lines, rejected) = run(Format::Openai, format!("{good}\n{}\n{good}", damaged.replace('\n', " ")).as_bytes());
        prop_assert!(lines.len() >= 2 && lines.len() + rejected.len() == 3);
    }
}
