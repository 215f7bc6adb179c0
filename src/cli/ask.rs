//! `turnwise retrieve` and `turnwise search`: questions of a person.

use crate::cli::answers::{Retrieved, SearchedConversation, SearchedEntry};
use crate::cli::args::{RetrieveArgs, SearchArgs, SearchIn};
use crate::cli::backend::{Backend, Question, Wanted};
use crate::cli::failure::{Exit, Failure};
use crate::cli::print::{Voice, table};
use crate::domain::error::FieldError;
use crate::domain::query::{Limit, QueryText};
use crate::domain::success::SuccessRate;

/// Reads what `retrieve` was told.
///
/// # Errors
/// When the text or the limit cannot be used.
pub fn question(args: &RetrieveArgs) -> Result<Question, Failure> {
    Ok(Question {
        utterance: QueryText::parse("TEXT", &args.text).map_err(usage)?,
        context: args.context.clone(),
        knowledge_type: args.knowledge_type,
        category: args.category.clone(),
        language: args.language.clone(),
        limit: Limit::new(args.limit).map_err(usage)?,
    })
}

/// Reads what `search` was told.
///
/// # Errors
/// When the text or the limit cannot be used, or an outcome is asked of what has none.
pub fn wanted(args: &SearchArgs) -> Result<Wanted, Failure> {
    if args.outcome.is_some() && args.place == SearchIn::Knowledge {
        return Err(Failure::Usage("--outcome is for --in conversations".to_owned()));
    }
    Ok(Wanted {
        text: QueryText::parse("TEXT", &args.text).map_err(usage)?,
        category: args.category.clone(),
        language: args.language.clone(),
        outcome: args.outcome,
        limit: Limit::new(args.limit).map_err(usage)?,
    })
}

/// Asks, and prints the answer.
///
/// # Errors
/// When nobody answers.
pub async fn retrieve(question: Question, explain: bool, backend: &Backend, voice: Voice) -> Result<Exit, Failure> {
    let answer = backend.retrieve(question).await?;
    if voice.json {
        voice.say_json(&answer)?;
        return Ok(Exit::Done);
    }
    print_retrieved(&answer, explain, voice)?;
    Ok(Exit::Done)
}

/// Searches, and prints what was found.
///
/// # Errors
/// When nobody answers.
pub async fn search(wanted: Wanted, place: SearchIn, backend: &Backend, voice: Voice) -> Result<Exit, Failure> {
    match place {
        SearchIn::Knowledge => {
            let found = backend.search_knowledge(&wanted).await?;
            if voice.json {
                voice.say_json(&found)?;
            } else {
                print_entries(&found, voice)?;
            }
        }
        SearchIn::Conversations => {
            let found = backend.search_conversations(&wanted).await?;
            if voice.json {
                voice.say_json(&found)?;
            } else {
                print_conversations(&found, voice)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn print_retrieved(answer: &Retrieved, explain: bool, voice: Voice) -> Result<(), Failure> {
    if answer.abstained {
        let reason = answer.reason.as_deref().unwrap_or("no reason given");
        voice.say(&format!("Nothing is offered: {}.", reason.replace('_', " ")))?;
    }
    for (at, entry) in answer.results.iter().enumerate() {
        let (kind, category) = (entry.knowledge_type, &entry.category);
        let success = tell_success(&entry.success);
        voice.say(&format!("{}. {} ({kind}, {category}; {success})", at + 1, entry.title))?;
        voice.say(&indented(&entry.content))?;
        if explain {
            let (score, similarity) = (entry.score, entry.similarity);
            voice.say(&format!("   like \"{}\"", entry.matched_utterance))?;
            voice.say(&format!("   score {score:.3}, similarity {similarity:.3}, id {}", entry.knowledge_id))?;
        }
    }
    if explain {
        let millis = |micros: u64| format!("{:.2} ms", micros as f64 / 1_000.0);
        let timings = &answer.timings_us;
        let intent = answer.intent.as_ref();
        let intent = intent.map_or("not clear".to_owned(), |it| format!("{} ({:.2})", it.name, it.confidence));
        let degraded = if answer.degraded.is_empty() { "nothing".to_owned() } else { answer.degraded.join(", ") };
        let rows = [
            ("intent", intent),
            ("embed", millis(timings.embed)),
            ("search", millis(timings.search)),
            ("rank", millis(timings.rank)),
            ("total", millis(timings.total)),
            ("missing", degraded),
            ("retrieval", answer.retrieval_id.clone()),
        ];
        voice.say("")?;
        voice.say(&table(&[], rows.map(|(name, value)| vec![name.to_owned(), value]).into()))?;
    }
    Ok(())
}

fn print_entries(found: &[SearchedEntry], voice: Voice) -> Result<(), Failure> {
    if found.is_empty() {
        return voice.say("Nothing was found.");
    }
    let row = |entry: &SearchedEntry| {
        vec![
            format!("{:.3}", entry.similarity),
            entry.knowledge_type.to_string(),
            entry.category.clone(),
            entry.status.to_string(),
            format!("{:.0} %", entry.success.rate * 100.0),
            one_line(&entry.title, 60),
            one_line(&entry.content, 80),
        ]
    };
    let header = ["similarity", "kind", "category", "status", "success", "title", "content"];
    voice.say(&table(&header, found.iter().map(row).collect()))
}

fn print_conversations(found: &[SearchedConversation], voice: Voice) -> Result<(), Failure> {
    if found.is_empty() {
        return voice.say("Nothing was found.");
    }
    for hit in found {
        let head = &hit.conversation;
        let outcome = head.outcome.map_or("outcome not known".to_owned(), |outcome| outcome.to_string());
        voice.say(&format!("{:.3}  {}  {}  {outcome}", hit.similarity, head.external_id, head.started_at))?;
        for turn in &hit.turns {
            voice.say(&format!("       {}: {}", turn.speaker, one_line(&turn.text, 200)))?;
        }
    }
    Ok(())
}

fn tell_success(success: &SuccessRate) -> String {
    let percent = |rate: f64| (rate * 100.0).round();
    let (rate, low, high) = (percent(success.rate), percent(success.low), percent(success.high));
    format!("success {rate} %, {low} to {high} %, {} uses", success.uses)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

fn one_line(text: &str, chars: usize) -> String {
    crate::domain::text::shorten(&crate::domain::text::tidy(text), chars)
}

fn usage(error: FieldError) -> Failure {
    Failure::Usage(error.to_string())
}
