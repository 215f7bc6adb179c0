//! Moving in: files of questions and answers, and a dump of the old Django system.

use serde_json::{Value, json};

use super::process::{Ended, Installation};

const CSV: &str = "Question;Answer;Topic;Success rate;Examples\n\
    Do you have parking at the clinic?;\"Yes, behind the building;\nfree for patients.\";visit;0,85;\n\
    Can I bring my dog to the clinic?;No animals are allowed inside.;visit;0.85;dog | cat\n\
    ;Nobody asked.;visit;;\n";
const JSONL: &str = r#"{"title": "Opening hours", "question": "When do you open on Sundays?", "content": "From nine to six.", "language": "en"}
{"title": "Broken"
"#;
const MARKDOWN: &str = "# Clinic\n\n## Billing\n\n### How do I get a refund?\n\nIt is paid back to your card within five \
    working days.\n\n### What is not answered?\n";

/// Created, updated, unchanged, rejected.
#[track_caller]
fn counts(ended: &Ended, expected: [u64; 4]) {
    let summary = ended.json();
    assert_eq!(summary["event"], "summary");
    let counted = ["created", "updated", "unchanged", "rejected"].map(|name| summary[name].as_u64().expect("a number"));
    assert_eq!(counted, expected, "{ended:#?}");
}

fn places(ended: &Ended) -> Vec<Value> {
    let rejected = ended.json_lines().into_iter().filter(|event| event["event"] == "rejected");
    rejected.map(|event| json!([event["place"], event["errors"][0]["field"]])).collect()
}

#[test]
fn files_of_questions_and_answers_are_taken_over_twice_and_found() {
    let installation = Installation::new();
    let csv = installation.write("faq.csv", CSV);
    let jsonl = installation.write("faq.jsonl", JSONL);
    let markdown = installation.write("faq.md", MARKDOWN);

    let dry = installation.run(&["import", &csv, "--dry-run", "--json"]).code(3);
    counts(&dry, [1, 0, 0, 2]);
    assert_eq!(dry.json()["dry_run"], json!(true));
    for (created, unchanged) in [(1, 0), (0, 1)] {
        let ended = installation.run(&["import", &csv, "--json"]).code(3);
        counts(&ended, [created, 0, unchanged, 2]);
        assert_eq!(places(&ended), [json!(["line 2", "success_rate"]), json!(["line 5", "title"])]);
        let ended = installation.run(&["import", &jsonl, "--json"]).code(3);
        counts(&ended, [created, 0, unchanged, 1]);
        assert_eq!(places(&ended), [json!(["line 2", "object"])]);
        let ended = installation.run(&["import", &markdown, "--json", "--language", "en"]).code(3);
        counts(&ended, [created, 0, unchanged, 1]);
        assert_eq!(places(&ended), [json!(["line 9", "content"])]);
    }

    let told = installation.run(&["import", &csv]).code(3);
    assert!(told.stderr.contains("line 2: success_rate: must be a number"), "{told:#?}");
    assert!(told.stdout.starts_with("0 created, 0 updated, 1 unchanged, 2 rejected\n"), "{told:#?}");
    let answer = installation.run(&["retrieve", "may my dog come with me to the clinic?", "--json"]).code(0).json();
    let found = &answer["results"][0];
    assert_eq!((&found["category"], &found["success"]["rate"]), (&json!("visit"), &json!(0.85)), "{answer:#}");
    assert!(found["content"].as_str().expect("a text").starts_with("No animals"), "{answer:#}");
    let answer = installation.run(&["retrieve", "how can I get a refund?", "--json"]).code(0).json();
    assert_eq!(answer["results"][0]["category"], "Billing", "{answer:#}");
}

#[test]
fn a_dump_of_the_old_system_is_taken_over_also_by_a_server() {
    let dump = json!([
        {"model": "contenttypes.contenttype", "pk": 1, "fields": {}},
        {"model": "voice.agentknowledgebase", "pk": 7, "fields": {
            "knowledge_type": "response_template", "category": "sales", "title": "Questions about the price",
            "content": "The premium plan is 49 dollars a month.", "success_rate": "0.850", "is_active": true,
            "trigger_phrases": "[\"what does the premium plan cost\", \"price\"]"}},
        {"model": "voice.AgentKnowledgeBase", "pk": 8, "fields": {
            "knowledge_type": "poem", "category": "sales", "title": "Roses", "content": "are red",
            "trigger_phrases": ["roses"], "success_rate": null}},
        {"model": "voice.conversationtrainingdata", "pk": 3, "fields": {
            "ai_conversation": 17, "conversation_category": "sales", "outcome": "successful", "success_score": "0.90",
            "key_phrases": ["premium plan"], "user_intents": ["booking", "information"]}},
        {"model": "voice.conversationtrainingdata", "pk": 4, "fields": {
            "ai_conversation": 17, "conversation_category": "sales", "outcome": "partial", "success_score": 0.5,
            "key_phrases": [], "user_intents": []}},
    ]);
    let text = serde_json::to_string_pretty(&dump).expect("JSON");
    let line = |pk: &str| {
        let at = text.lines().position(|line| line.trim().starts_with(pk)).expect("it is there");
        let before: Vec<&str> = text.lines().take(at).collect();
        before.iter().rposition(|line| *line == "  {").expect("it begins") + 1
    };
    let installation = Installation::new();
    let file = installation.write("dump.json", &text);

    let ended = installation.run(&["import", "--django", &file, "--json"]).code(3);
    counts(&ended, [2, 0, 0, 2]);
    let expected = [
        json!([format!("line {} (pk 8)", line("\"pk\": 8")), "knowledge_type"]),
        json!([format!("line {} (pk 4)", line("\"pk\": 4")), "ai_conversation"]),
    ];
    assert_eq!(places(&ended), expected);
    let summary = ended.json();
    assert_eq!((&summary["entries"], &summary["records"], &summary["passed_over"]), (&json!(1), &json!(1), &json!(1)));

    let server = installation.serve();
    let again = installation.run(&["import", "--django", &file, "--json"]).code(3);
    counts(&again, [0, 0, 2, 2]);
    let answer = installation.run(&["retrieve", "what is the cost of the premium plan?", "--json"]).code(0).json();
    let found = &answer["results"][0];
    assert_eq!((&found["knowledge_type"], &found["success"]["rate"]), (&json!("response_pattern"), &json!(0.85)));
    assert_eq!(found["success"]["uses"], json!(0));
    server.terminate();
}

#[test]
fn what_cannot_be_imported_at_all_is_told_before_anything_is_made() {
    let installation = Installation::bare();
    let text = installation.write("notes.txt", "nothing");
    let ended = installation.run(&["import", &text]).code(2);
    assert!(ended.stderr.contains("--format"), "{ended:#?}");
    let missing = installation.path("faq.csv").display().to_string();
    let ended = installation.run(&["import", &missing]).code(1);
    assert!(ended.stderr.contains("cannot be read"), "{ended:#?}");
    assert!(!installation.data_dir().exists(), "nothing was made");
}

#[test]
fn no_text_is_lost_without_a_word() {
    let installation = Installation::new();
    let beside = "Before all.\n\n# Visiting\n## Where is the toilet?\nDown the hall.\n\nQ: What time do you open?\nA: At \
        nine.\n\n# Hours\nWe open at nine.\n## Sundays?\nClosed.\n";
    let file = installation.write("faq.md", beside);
    let ended = installation.run(&["import", &file, "--json", "--dry-run", "--language", "en"]).code(3);
    counts(&ended, [4, 0, 0, 1]);
    assert_eq!(places(&ended), [json!(["line 1", "text"])]);

    let long = "Is it? ".repeat(43);
    let lines = [
        json!({"question": 5, "answer": "x"}).to_string(),
        json!({"question": "Why?", "answer": "x", "trigger_phrases": ["a", 5]}).to_string(),
        "not json".to_owned(),
        json!({"question": long, "answer": "Yes."}).to_string(),
    ];
    let file = installation.write("faq.jsonl", &lines.join("\n"));
    let ended = installation.run(&["import", &file, "--json", "--dry-run"]).code(3);
    counts(&ended, [1, 0, 0, 3]);
    let expected = [["line 1", "question"], ["line 2", "trigger_phrases[1]"], ["line 3", "object"]];
    assert_eq!(places(&ended), expected.map(|place| json!(place)));
    let told = installation.run(&["import", &file, "--dry-run"]).code(3);
    for part in ["line 1: question: must be a text", "is not a JSON object (column 2)", "line 4: the title of 300"] {
        assert!(told.stderr.contains(part), "{part} is missing: {told:#?}");
    }

    let file = installation.write("faq.csv", "question,answer,Question\nWhy?,x,How?\n");
    let ended = installation.run(&["import", &file]).code(1);
    assert!(ended.stderr.contains("\"question\" and \"Question\""), "{ended:#?}");
    assert_eq!(ended.stdout, "", "nothing was read, so nothing is counted");
}

#[test]
fn short_texts_get_the_language_of_their_file() {
    let installation = Installation::new();
    let long = "There are places behind the building, which are free of charge for everybody who visits us, and you can \
        leave your car there for as long as your appointment with the doctor takes.";
    let text = format!("question,answer\nWhere can I leave my car when I come to see you?,\"{long}\"\nok,ok\n");
    let file = installation.write("faq.csv", &text);
    let summary = installation.run(&["import", &file, "--json", "--dry-run"]).code(0).json();
    assert_eq!((&summary["language"], &summary["language_of_file"]), (&json!("en"), &json!(1)), "{summary:#}");
    let told = installation.run(&["import", &file, "--dry-run"]).code(0);
    assert!(told.stdout.contains("language en, ") && told.stdout.contains("--language"), "{told:#?}");
    let given = installation.run(&["import", &file, "--json", "--dry-run", "--language", "de"]).code(0).json();
    assert_eq!(given["language_of_file"], json!(0), "{given:#}");
}
