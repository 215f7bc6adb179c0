//! One ranking in one world, from the first conversation to the last.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::answers::Standing;
use crate::cli::bench::server::Server;
use crate::cli::failure::Failure;
use crate::cli::simulate::world::{Intent, pick};
use crate::config::Config;
use crate::domain::dice::dice;

/// Parts into which the conversations are divided, to see success over time.
pub const PARTS: usize = 5;
/// Share of offers that an agent ignores.
const IGNORED: f64 = 1.0 / 3.0;
/// How often an agent succeeds that has nothing to say.
const ALONE: f64 = 0.3;
/// How often the answer to another intent helps.
const BESIDE: f64 = 0.1;
/// Conversations that may wait to be learned from.
const AHEAD: u64 = 25;
/// How often the server is asked whether it has learned.
const POLL: Duration = Duration::from_millis(20);
/// What agents put in front of what they were given, and behind it.
const PHRASINGS: [(&str, &str); 4] =
    [("Sure. ", ""), ("Let me see. ", " Does that help?"), ("", " Anything else?"), ("Okay, so: ", "")];

/// By what entries are ranked that fit equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranking {
    /// Nothing is asked.
    None,
    /// Success counts nothing.
    Similarity,
    /// As configured.
    Learned,
}

/// What came of some conversations: of those in which an answer was used, or in which there was none to use.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Part {
    /// Conversations.
    pub turns: u32,
    /// Those that succeeded.
    pub successes: u32,
    /// What the best answers would have led to, summed.
    pub best: f64,
    /// The true rates of the answers that were used, summed.
    pub expected: f64,
}

impl Part {
    /// The share that succeeded.
    pub fn rate(&self) -> f64 {
        f64::from(self.successes) / f64::from(self.turns.max(1))
    }
}

/// What came of all conversations, in the order of time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Played {
    /// Part by part.
    pub fifths: [Part; PARTS],
}

impl Played {
    /// The success rate in the last part.
    pub fn at_the_end(&self) -> f64 {
        self.fifths[PARTS - 1].rate()
    }

    /// What the best answers would have led to there.
    pub fn best_at_the_end(&self) -> f64 {
        self.fifths[PARTS - 1].best / f64::from(self.fifths[PARTS - 1].turns.max(1))
    }

    /// Successes that were lost by not giving the best answer, over all parts, in expectation.
    pub fn regret(&self) -> f64 {
        self.fifths.iter().map(|part| part.best - part.expected).sum()
    }
}

/// Plays all conversations with a server of their own.
///
/// # Errors
/// When the server fails.
pub async fn play(
    world: &[Intent],
    config: &Config,
    ranking: Ranking,
    (seed, conversations): (u64, u64),
    bar: &ProgressBar,
) -> Result<Played, Failure> {
    let mut played = Played::default();
    let dir = tempfile::tempdir().map_err(|error| Failure::io("a temporary directory cannot be made", &error))?;
    let mut settings = vec!["learning.distillation=false".to_owned()];
    if ranking == Ranking::Similarity {
        settings.push("retrieval.success_order=similarity".to_owned());
    }
    // Nothing is asked of it, and nothing handed in.
    let server = match ranking {
        Ranking::None => None,
        _ => Some(Server::start_with(config, dir.path(), &settings)?),
    };
    let known = match &server {
        Some(server) => teach(server, world).await?,
        None => HashMap::new(),
    };
    bar.set_message(format!("seed {seed}, {ranking:?}"));
    for number in 0..conversations {
        let intent = pick(dice([seed, number, 1]), world.len());
        let wanted = &world[intent];
        let question = &wanted.questions[pick(dice([seed, number, 2]), wanted.questions.len())];
        let name = format!("simulated-{number}");
        let ignores = dice([seed, number, 3]) < IGNORED;
        let offered = match &server {
            Some(server) => ask(server, question, &name, &known).await?,
            None => None,
        };
        let used = offered.filter(|_| !ignores);
        let rate = match used {
            Some((of, answer)) if of == intent => wanted.rates[answer],
            Some(_) => BESIDE,
            None => ALONE,
        };
        // The same user is helped by the same answer, whoever ranks.
        let luck = dice([seed, number, 10 + used.map_or(99, |(of, answer)| (of * 10 + answer) as u64)]);
        let successful = luck < rate;
        if used.is_some() || (ranking == Ranking::None && !ignores) {
            let part = &mut played.fifths[(number * PARTS as u64 / conversations.max(1)) as usize];
            part.turns += 1;
            part.successes += u32::from(successful);
            part.best += wanted.best();
            part.expected += rate;
        }
        let Some(server) = &server else { continue };
        let said = used.map(|(of, answer)| rephrase(&world[of].answers[answer], dice([seed, number, 4])));
        hand_in(server, &name, question, said.as_deref(), successful).await?;
        if number >= AHEAD {
            wait_for(server, &format!("simulated-{}", number - AHEAD)).await?;
        }
        bar.inc(1);
    }
    Ok(played)
}

/// Writes every answer into the knowledge base; which answer each entry is.
async fn teach(server: &Server, world: &[Intent]) -> Result<HashMap<String, (usize, usize)>, Failure> {
    let mut known = HashMap::new();
    for (intent, wanted) in world.iter().enumerate() {
        for (answer, content) in wanted.answers.iter().enumerate() {
            let entry = json!({
                "knowledge_type": "faq", "category": "simulated", "title": wanted.exemplars.first(),
                "content": content, "trigger_phrases": wanted.exemplars, "language": "en",
            });
            let made = server.client.post("/training/knowledge-base/", &entry).await?;
            known.insert(made["id"].as_str().unwrap_or_default().to_owned(), (intent, answer));
        }
    }
    // They are found once a job has indexed them.
    let question = world.last().and_then(|wanted| wanted.exemplars.last()).cloned().unwrap_or_default();
    for _ in 0..1_000 {
        if ask(server, &question, "before", &known).await?.is_some_and(|(intent, _)| intent + 1 == world.len()) {
            return Ok(known);
        }
        tokio::time::sleep(POLL * 5).await;
    }
    Err(Failure::new("the entries of the simulation were not indexed"))
}

/// What an agent is offered first.
async fn ask(
    server: &Server,
    question: &str,
    conversation: &str,
    known: &HashMap<String, (usize, usize)>,
) -> Result<Option<(usize, usize)>, Failure> {
    let body = json!({"utterance": question, "conversation_id": conversation, "limit": 1});
    let answer: Value = server.client.post("/retrieve/", &body).await?;
    Ok(answer["results"][0]["knowledge_id"].as_str().and_then(|id| known.get(id)).copied())
}

/// What an agent makes of an answer.
fn rephrase(answer: &str, dice: f64) -> String {
    let (before, behind) = PHRASINGS[pick(dice, PHRASINGS.len())];
    format!("{before}{answer}{behind}")
}

async fn hand_in(
    server: &Server,
    name: &str,
    question: &str,
    said: Option<&str>,
    successful: bool,
) -> Result<(), Failure> {
    let said = said.unwrap_or("I am afraid I will have to ask a colleague about that.");
    let conversation = json!({
        "external_id": name, "agent_id": "simulated", "channel": "chat", "language": "en", "category": "simulated",
        "started_at": "2026-09-01T10:00:00Z", "ended_at": "2026-09-01T10:01:00Z",
        "turns": [{"speaker": "user", "text": question}, {"speaker": "agent", "text": said}],
        "outcome": if successful { "successful" } else { "unsuccessful" },
    });
    server.client.post("/conversations/", &conversation).await?;
    Ok(())
}

async fn wait_for(server: &Server, name: &str) -> Result<(), Failure> {
    loop {
        match server.client.standing(name).await? {
            Standing::Learned => return Ok(()),
            Standing::Failed(reason) => return Err(Failure::new(format!("{name} failed: {reason}"))),
            Standing::Gone => return Err(Failure::new(format!("{name} is gone"))),
            Standing::Unfinished => tokio::time::sleep(POLL).await,
        }
    }
}
