//! One ranking in one world, from the first conversation to the last.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::cli::answers::Standing;
use crate::cli::failure::Failure;
use crate::cli::simulate::played::{Lift, PARTS, Played, STARVED};
use crate::cli::simulate::scenario::{Scenario, Told};
use crate::cli::simulate::server::{Server, Shared};
use crate::cli::simulate::world::{FALLS, Intent, RIVALS, pick};
use crate::domain::dice::dice;
use crate::domain::ranking::SuccessOrder;

/// Share of offers that an agent ignores.
const IGNORED: f64 = 1.0 / 3.0;
/// How often an agent succeeds that has nothing to say.
const ALONE: f64 = 0.3;
/// How often the answer to another intent helps.
const BESIDE: f64 = 0.1;
/// Entries that an agent is offered. It takes the first that answers what was asked: that it can tell, but not what helps.
const OFFERED: usize = 5;
/// How often an agent is mistaken, and says what stands first whatever it is.
const MISTAKEN: f64 = 0.05;
/// Conversations that may wait to be learned from.
const AHEAD: u64 = 25;
/// How often the server is asked whether it has learned.
const POLL: Duration = Duration::from_millis(20);
/// An outcome that is told later is told after so many conversations.
const LATE_BY: u64 = 200;
/// Share of the conversations that get no knowledge in the experiment.
const HELD_OUT: f64 = 0.3;
/// Share of the words of an answer that an agent leaves out; a number it never does.
const LEFT_OUT: f64 = 0.15;
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

/// An answer: of which intent, and which of its answers.
type Answer = (usize, usize);

/// What happens in one conversation.
struct Met {
    number: u64,
    name: String,
    intent: usize,
    question: String,
    /// Whether the agent says nothing of what it is offered.
    ignores: bool,
    /// Whether it takes the first of it without reading.
    is_mistaken: bool,
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
            is_mistaken: dice([seed, number, 6]) < MISTAKEN,
        }
    }

    async fn converse(&mut self, number: u64) -> Result<(), Failure> {
        let (seed, met) = (self.run.seed, self.meet(number));
        let offered = self.ask(&met.question, &met.name).await?;
        let (offers, held_out) = match offered {
            Offered::Entries(offers) => (offers, false),
            Offered::HeldOut => (Vec::new(), true),
        };
        let fits = |(of, _): &&Answer| met.is_mistaken || *of == met.intent;
        let answer = offers.iter().find(fits).copied();
        self.played.offers += u32::from(!offers.is_empty());
        self.played.beside += u32::from(offers.first().is_some_and(|(of, _)| *of != met.intent));
        if let Some((of, answer)) = answer {
            self.offers[of][answer] += 1;
        }
        let used = answer.filter(|_| !met.ignores);
        let rate = used.map_or(ALONE, |answer| self.rate(met.intent, answer, number));
        if !held_out {
            self.treated = (self.treated.0 + rate, self.treated.1 + 1);
        }
        // The same user is as easily helped whoever ranks, so that rankings differ by the answers that they lead to alone.
        let successful = dice([seed, number, 4_000]) < rate;
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
            if matches!(offered, Offered::Entries(of) if of.iter().any(|(of, _)| of + 1 == self.run.world.len())) {
                return Ok(());
            }
            tokio::time::sleep(POLL * 5).await;
        }
        Err(Failure::new("the entries of the simulation were not indexed"))
    }

    /// What an agent is offered, the first first.
    async fn ask(&self, question: &str, conversation: &str) -> Result<Offered, Failure> {
        let Some(server) = &self.server else { return Ok(Offered::Entries(Vec::new())) };
        let body = json!({
            "utterance": question, "conversation_id": conversation, "limit": OFFERED, "deadline_ms": 10_000,
        });
        let answer: Value = server.client.post("/retrieve/", &body).await?;
        if answer["reason"] == "holdout" {
            return Ok(Offered::HeldOut);
        }
        let results = answer["results"].as_array().cloned().unwrap_or_default();
        let ids = results.iter().filter_map(|result| result["knowledge_id"].as_str());
        Ok(Offered::Entries(ids.filter_map(|id| self.known.get(id)).copied().collect()))
    }

    async fn hand_in(&mut self, met: &Met, used: Option<Answer>, successful: bool) -> Result<(), Failure> {
        let Some(server) = &self.server else { return Ok(()) };
        let throw = |what| dice([self.run.seed, met.number, what]);
        let told = self.run.scenario.told(throw(5));
        let said = match used {
            Some(answer) => rephrase(&self.run.world[answer.0].answers[answer.1], answer, throw(4)),
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
    Entries(Vec<Answer>),
    HeldOut,
}

const fn outcome(successful: bool) -> &'static str {
    if successful { "successful" } else { "unsuccessful" }
}

/// What an agent makes of an answer: in one of four ways it leaves out words here and there, and says it with others around.
fn rephrase(text: &str, (of, answer): Answer, throw: f64) -> String {
    let way = pick(throw, PHRASINGS.len());
    let (before, behind) = PHRASINGS[way];
    let is_said = |(at, word): &(usize, &str)| {
        let place = [(of * RIVALS + answer) as u64, way as u64, *at as u64];
        word.contains(|letter: char| letter.is_ascii_digit()) || dice(place) >= LEFT_OUT
    };
    let said: Vec<&str> = text.split_whitespace().enumerate().filter(is_said).map(|(_, word)| word).collect();
    format!("{before}{}{behind}", said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_said_in_other_words_and_with_its_numbers() {
        let answer =
            "You can change the booking until 24 hours before departure for a fee of 15 dollars at any counter";
        let ways: Vec<String> = [0.1, 0.4, 0.6, 0.9].map(|throw| rephrase(answer, (3, 1), throw)).to_vec();
        for way in &ways {
            assert!(!way.contains(answer) && way.contains("24") && way.contains("15"), "{way}");
            let kept = answer.split(' ').filter(|word| way.split(' ').any(|said| said == *word)).count();
            assert!((10..19).contains(&kept), "{way}");
        }
        assert!(ways.iter().all(|way| ways.iter().filter(|other| *other == way).count() == 1), "{ways:?}");
        assert_eq!(ways[0], rephrase(answer, (3, 1), 0.2), "a way is the same each time");
    }
}
