//! One ranking in one world, from the first conversation to the last.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::answers::Standing;
use crate::cli::failure::Failure;
use crate::cli::simulate::scenario::{Scenario, Told};
use crate::cli::simulate::server::{Server, Shared};
use crate::cli::simulate::world::{FALLS, Intent, RIVALS, pick};
use crate::domain::dice::dice;
use crate::domain::ranking::SuccessOrder;

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
const POLL: Duration = Duration::from_millis(5);
/// An outcome that is told later is told after so many conversations.
const LATE_BY: u64 = 200;
/// Share of the conversations that get no knowledge in the experiment.
const HELD_OUT: f64 = 0.3;
/// An answer with a smaller share of the offers for its intent starves.
pub const STARVED: f64 = 0.01;
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

/// One run.
pub struct Run<'a> {
    /// What users want, and what helps.
    pub world: &'a [Intent],
    /// What it is about.
    pub scenario: Scenario,
    /// How it is ranked.
    pub ranking: Ranking,
    /// The seed of chance.
    pub seed: u64,
    /// How many conversations there are.
    pub conversations: u64,
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

/// What the experiment estimates, and what is true.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Lift {
    /// The estimated difference of the success rates, with its interval.
    pub estimate: [f64; 3],
    /// The true one.
    pub truth: f64,
}

impl Lift {
    /// Whether the interval holds the truth.
    pub fn covers(&self) -> bool {
        self.estimate[0] <= self.truth && self.truth <= self.estimate[2]
    }
}

/// What came of all conversations, in the order of time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Played {
    /// Part by part.
    pub fifths: [Part; PARTS],
    /// The smallest share that an answer has in the offers for its intent.
    pub least_share: f64,
    /// Answers with less than [`STARVED`] of them.
    pub starved: usize,
    /// Entries that became suspect.
    pub suspects: usize,
    /// How often the falling answer was used, once it had fallen, until it was suspect.
    pub suspect_after: Option<u32>,
    /// What the experiment told.
    pub lift: Option<Lift>,
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

    /// The success rate over all parts.
    pub fn rate(&self) -> f64 {
        let sum = |of: &dyn Fn(&Part) -> u32| self.fifths.iter().map(of).sum::<u32>();
        f64::from(sum(&|part| part.successes)) / f64::from(sum(&|part| part.turns).max(1))
    }

    /// Successes that were lost by not giving the best answer, over all parts, in expectation.
    pub fn regret(&self) -> f64 {
        self.fifths.iter().map(|part| part.best - part.expected).sum()
    }
}

/// An answer: of which intent, and which of its answers.
type Answer = (usize, usize);

/// What happens in one conversation.
struct Met {
    number: u64,
    name: String,
    intent: usize,
    question: String,
    /// Throws for everything else.
    ignores: bool,
}

/// A run under way.
struct Play<'a> {
    run: &'a Run<'a>,
    server: Option<Server>,
    /// Which answer each entry is.
    known: HashMap<String, Answer>,
    /// How often each answer was offered.
    offers: Vec<[u32; RIVALS]>,
    /// Outcomes that will be told when this conversation has come.
    late: VecDeque<(u64, String, bool)>,
    /// Uses of the falling answer since it fell.
    uses_since: u32,
    /// True chances of success with knowledge, summed, and how many conversations these are.
    treated: (f64, u32),
    played: Played,
}

/// Plays all conversations, on a server of their own.
///
/// # Errors
/// When the server fails.
pub async fn play(run: Run<'_>, shared: &Shared, bar: &ProgressBar) -> Result<Played, Failure> {
    let server = match run.ranking {
        Ranking::None => None,
        Ranking::Similarity => Some(Server::start(shared, SuccessOrder::Similarity).await?),
        Ranking::Learned => Some(Server::start(shared, shared.config.retrieval.success_order).await?),
    };
    let mut play = Play {
        run: &run,
        server,
        known: HashMap::new(),
        offers: vec![[0; RIVALS]; run.world.len()],
        late: VecDeque::new(),
        uses_since: 0,
        treated: (0.0, 0),
        played: Played::default(),
    };
    play.teach().await?;
    let experiment = match run.scenario {
        Scenario::Holdout => Some(play.start_experiment().await?),
        _ => None,
    };
    for number in 0..run.conversations {
        play.converse(number).await?;
        if play.server.is_some() {
            bar.inc(1);
        }
    }
    play.wait_for_all().await?;
    play.count_offers();
    play.played.suspects = play.suspects().await?;
    if let Some(experiment) = experiment {
        play.played.lift = Some(play.lift(&experiment).await?);
    }
    if let Some(server) = play.server {
        server.stop().await;
    }
    Ok(play.played)
}

impl Play<'_> {
    fn is_fallen(&self, number: u64) -> bool {
        self.run.scenario == Scenario::Drop && number * 2 >= self.run.conversations
    }

    /// The true rate of an answer for who wants `intent`.
    fn rate(&self, intent: usize, (of, answer): Answer, number: u64) -> f64 {
        if of != intent {
            BESIDE
        } else if (of, answer) == (0, 0) && self.is_fallen(number) {
            FALLS.1
        } else {
            self.run.world[of].rates[answer]
        }
    }

    fn best(&self, intent: usize, number: u64) -> f64 {
        (0..RIVALS).map(|answer| self.rate(intent, (intent, answer), number)).fold(0.0, f64::max)
    }

    fn meet(&self, number: u64) -> Met {
        let (seed, world) = (self.run.seed, self.run.world);
        let intent = pick(dice([seed, number, 1]), world.len());
        let questions = &world[intent].questions;
        Met {
            number,
            name: format!("simulated-{number}"),
            intent,
            question: questions[pick(dice([seed, number, 2]), questions.len())].clone(),
            ignores: dice([seed, number, 3]) < IGNORED,
        }
    }

    async fn converse(&mut self, number: u64) -> Result<(), Failure> {
        let (seed, met) = (self.run.seed, self.meet(number));
        let offered = self.ask(&met.question, &met.name).await?;
        let (answer, held_out) = match offered {
            Offered::Entry(answer) => (Some(answer), false),
            Offered::Nothing => (None, false),
            Offered::HeldOut => (None, true),
        };
        if let Some((of, answer)) = answer {
            self.offers[of][answer] += 1;
        }
        let used = answer.filter(|_| !met.ignores);
        let rate = used.map_or(ALONE, |answer| self.rate(met.intent, answer, number));
        if !held_out {
            self.treated = (self.treated.0 + rate, self.treated.1 + 1);
        }
        // The same user is helped by the same answer, whoever ranks.
        let luck = dice([seed, number, 10 + used.map_or(9_999, |(of, answer)| (of * 10 + answer) as u64)]);
        let successful = luck < rate;
        if used.is_some() || (self.run.ranking == Ranking::None && !met.ignores) {
            let best = self.best(met.intent, number);
            let part = &mut self.played.fifths[(number * PARTS as u64 / self.run.conversations.max(1)) as usize];
            part.turns += 1;
            part.successes += u32::from(successful);
            part.best += best;
            part.expected += rate;
        }
        // How similar entries are does not depend on what becomes of conversations.
        if self.run.ranking != Ranking::Learned {
            return Ok(());
        }
        self.hand_in(&met, used, successful).await?;
        if number.is_multiple_of(AHEAD) && number > 0 {
            self.wait_for(number - AHEAD).await?;
        }
        if used == Some((0, 0)) && self.is_fallen(number) && self.played.suspect_after.is_none() {
            self.uses_since += 1;
            self.wait_for(number).await?;
            if self.is_suspect((0, 0)).await? {
                self.played.suspect_after = Some(self.uses_since);
            }
        }
        Ok(())
    }

    /// Writes every answer into the knowledge base, and waits until it is found.
    async fn teach(&mut self) -> Result<(), Failure> {
        let Some(server) = &self.server else { return Ok(()) };
        for (intent, wanted) in self.run.world.iter().enumerate() {
            for (answer, content) in wanted.answers.iter().enumerate() {
                let entry = json!({
                    "knowledge_type": "faq", "category": "simulated", "title": format!("answer {answer} to intent {intent}"),
                    "content": content, "trigger_phrases": wanted.exemplars, "language": "en",
                });
                let made = server.client.post("/training/knowledge-base/", &entry).await?;
                self.known.insert(made["id"].as_str().unwrap_or_default().to_owned(), (intent, answer));
            }
        }
        // They are found once a job has indexed them.
        let question = self.run.world.last().and_then(|wanted| wanted.exemplars.last()).cloned().unwrap_or_default();
        for _ in 0..2_000 {
            let offered = self.ask(&question, "before").await?;
            if matches!(offered, Offered::Entry((intent, _)) if intent + 1 == self.run.world.len()) {
                return Ok(());
            }
            tokio::time::sleep(POLL * 10).await;
        }
        Err(Failure::new("the entries of the simulation were not indexed"))
    }

    /// What an agent is offered first.
    async fn ask(&self, question: &str, conversation: &str) -> Result<Offered, Failure> {
        let Some(server) = &self.server else { return Ok(Offered::Nothing) };
        let body = json!({"utterance": question, "conversation_id": conversation, "limit": 1, "deadline_ms": 10_000});
        let answer: Value = server.client.post("/retrieve/", &body).await?;
        if answer["reason"] == "holdout" {
            return Ok(Offered::HeldOut);
        }
        let id = answer["results"][0]["knowledge_id"].as_str();
        Ok(id.and_then(|id| self.known.get(id)).map_or(Offered::Nothing, |answer| Offered::Entry(*answer)))
    }

    async fn hand_in(&mut self, met: &Met, used: Option<Answer>, successful: bool) -> Result<(), Failure> {
        let Some(server) = &self.server else { return Ok(()) };
        let throw = |what| dice([self.run.seed, met.number, what]);
        let told = self.run.scenario.told(throw(5));
        let said = match used {
            Some((of, answer)) => rephrase(&self.run.world[of].answers[answer], throw(4)),
            None => "I am afraid I will have to ask a colleague about that.".to_owned(),
        };
        let conversation = json!({
            "external_id": met.name, "agent_id": "simulated", "channel": "chat", "language": "en",
            "category": "simulated", "started_at": "2026-09-01T10:00:00Z", "ended_at": "2026-09-01T10:01:00Z",
            "turns": [{"speaker": "user", "text": met.question}, {"speaker": "agent", "text": said}],
            "outcome": if told == Told::AtOnce { outcome(successful) } else { "unknown" },
        });
        server.client.post("/conversations/", &conversation).await?;
        if told == Told::Later {
            self.late.push_back((met.number + LATE_BY, met.name.clone(), successful));
        }
        while self.late.front().is_some_and(|(due, ..)| *due <= met.number) {
            if let Some((_, name, successful)) = self.late.pop_front() {
                let told = json!({"conversation_id": name, "outcome": outcome(successful)});
                server.client.post("/outcomes/", &told).await?;
            }
        }
        Ok(())
    }

    async fn wait_for_all(&self) -> Result<(), Failure> {
        match (self.run.ranking, self.run.conversations) {
            (Ranking::Learned, 1..) => self.wait_for(self.run.conversations - 1).await,
            _ => Ok(()),
        }
    }

    async fn wait_for(&self, number: u64) -> Result<(), Failure> {
        let Some(server) = &self.server else { return Ok(()) };
        let name = format!("simulated-{number}");
        loop {
            match server.client.standing(&name).await? {
                Standing::Learned => return Ok(()),
                Standing::Failed(reason) => return Err(Failure::new(format!("{name} failed: {reason}"))),
                Standing::Gone => return Err(Failure::new(format!("{name} is gone"))),
                Standing::Unfinished => tokio::time::sleep(POLL).await,
            }
        }
    }

    fn count_offers(&mut self) {
        let asked = self.offers.iter().filter(|rivals| rivals.iter().sum::<u32>() > 0);
        let shares = asked.flat_map(|rivals| {
            let sum: u32 = rivals.iter().sum();
            rivals.map(|offers| f64::from(offers) / f64::from(sum))
        });
        self.played.least_share = shares.clone().fold(1.0, f64::min);
        self.played.starved = shares.filter(|share| *share < STARVED).count();
    }

    async fn is_suspect(&self, answer: Answer) -> Result<bool, Failure> {
        let Some(server) = &self.server else { return Ok(false) };
        let id = self.known.iter().find(|(_, known)| **known == answer).map(|(id, _)| id.as_str()).unwrap_or_default();
        let entry = server.client.get(&format!("/training/knowledge-base/{id}/")).await?;
        Ok(entry["status"] == "suspect")
    }

    /// How many entries became suspect.
    async fn suspects(&self) -> Result<usize, Failure> {
        let Some(server) = &self.server else { return Ok(0) };
        let cases = server.client.get("/cases/?kind=suspect&limit=1").await?;
        Ok(cases["count"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default())
    }

    async fn start_experiment(&self) -> Result<String, Failure> {
        let Some(server) = &self.server else { return Ok(String::new()) };
        let experiment = json!({
            "name": "does knowledge help", "kind": "holdout",
            "arms": [
                {"name": "without", "share": HELD_OUT, "settings": {"holdout": true}},
                {"name": "with", "share": 1.0 - HELD_OUT, "settings": {}},
            ],
        });
        let made = server.client.post("/experiments/", &experiment).await?;
        let id = made["id"].as_str().unwrap_or_default().to_owned();
        server.client.post(&format!("/experiments/{id}/start/"), &json!({})).await?;
        Ok(id)
    }

    async fn lift(&self, experiment: &str) -> Result<Lift, Failure> {
        let Some(server) = &self.server else { return Err(Failure::new("there is no server to ask")) };
        let results = server.client.get(&format!("/experiments/{experiment}/results/")).await?;
        let arms = results["arms"].as_array().cloned().unwrap_or_default();
        let lift = arms.iter().map(|arm| &arm["lift"]).find(|lift| !lift.is_null());
        let Some(lift) = lift else { return Err(Failure::new(format!("the experiment tells no lift: {results}"))) };
        let number = |name: &str| lift[name].as_f64().unwrap_or(f64::NAN);
        let (sum, count) = self.treated;
        Ok(Lift {
            estimate: [number("low"), number("absolute"), number("high")],
            truth: sum / f64::from(count.max(1)) - ALONE,
        })
    }
}

/// What an agent was answered.
enum Offered {
    Entry(Answer),
    Nothing,
    HeldOut,
}

const fn outcome(successful: bool) -> &'static str {
    if successful { "successful" } else { "unsuccessful" }
}

/// What an agent makes of an answer.
fn rephrase(answer: &str, dice: f64) -> String {
    let (before, behind) = PHRASINGS[pick(dice, PHRASINGS.len())];
    format!("{before}{answer}{behind}")
}
