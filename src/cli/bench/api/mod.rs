//! `turnwise bench api`: how long lists, analytics and summaries take when there is much behind them.

mod around;
mod requests;
mod rows;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Parts};
use crate::cli::bench::api::requests::{Request, requests};
use crate::cli::bench::api::rows::fill;
use crate::cli::bench::quantile;
use crate::cli::client::Client;
use crate::cli::desk::cursor_of;
use crate::cli::failure::{Exit, Failure};
use crate::cli::loopback::Loopback;
use crate::cli::print::{Voice, table};
use crate::cli::serve::StartHttp;
use crate::config::Config;
use crate::domain::ids::{CountingIds, TenantId};
use crate::domain::period::Calendar;
use crate::store::Store;
use crate::store::plans::Plan;

/// What half of the answers must not take longer than, in milliseconds.
const BOUND_MS: f64 = 100.0;

/// Options of `bench api`.
#[derive(Clone, Debug, Args)]
pub struct ApiArgs {
    /// Entries that were shown to agents; a tenth of them conversations, a hundredth entries, over 90 days
    #[arg(long, default_value_t = 1_000_000)]
    pub exposures: u64,
    /// An empty database, `postgres://…`; without it, SQLite in a temporary directory
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// How often each request is made
    #[arg(long, default_value_t = 30)]
    pub runs: usize,
    /// Shows how the database carries out the requests whose median is at least this, in milliseconds; 0: all
    #[arg(long, value_name = "MS")]
    pub plans: Option<f64>,
}

/// How long a request took.
struct Measured {
    request: Request,
    p50_ms: f64,
    p95_ms: f64,
    plans: Vec<Plan>,
}

/// Runs the benchmark: fills a database, sums up its days, and asks every list over HTTP, one request at a time.
///
/// # Errors
/// When the database holds something already, or a part fails; [`Exit::Rejected`] when a median is above the bound.
pub async fn run(args: &ApiArgs, config: &Config, start_http: StartHttp, voice: Voice) -> Result<Exit, Failure> {
    let dir = tempfile::tempdir().map_err(|error| Failure::io("a temporary directory cannot be made", &error))?;
    let app = open(args, config, dir.path()).await?;
    let ended = measure(args, &app, start_http, voice).await;
    app.close(None).await;
    ended
}

async fn open(args: &ApiArgs, config: &Config, dir: &Path) -> Result<App, Failure> {
    let mut config = config.clone();
    // Classifiers that were fitted once serve every installation.
    config.learning.cache_dir.get_or_insert_with(|| config.data.dir.join("understanding"));
    config.data.dir = dir.to_owned();
    let file = || format!("sqlite:{}", dir.join("turnwise.db").display());
    config.store.url = args.postgres.clone().unwrap_or_else(file);
    // The same ids each time, so that the same rows lie in the same places.
    let parts = Parts { ids: Arc::new(CountingIds::default()), ..Parts::default() };
    Ok(App::build(config, parts).await?)
}

async fn measure(args: &ApiArgs, app: &App, start_http: StartHttp, voice: Voice) -> Result<Exit, Failure> {
    let (store, tenant) = (&app.engine.store, TenantId::default_tenant());
    if store.count_conversations(&tenant).await? > 0 {
        return Err(Failure::Usage("--postgres must name a database that is empty, because it is filled".to_owned()));
    }
    let began = Instant::now();
    let known = fill(&app.engine, args.exposures, voice).await?;
    let filled_s = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let calendar = Calendar::new(app.config.metrics.zones().of(&tenant));
    roll_up(store, &tenant, &calendar).await?;
    store.vacuum().await?;
    let rolled_up_s = began.elapsed().as_secs_f64();

    let (client, loopback) = Loopback::open(app, start_http).await?;
    let mut measured = Vec::new();
    for request in requests(&known) {
        measured.push(time(&client, store, request, args).await?);
    }
    // A page that is reached by following `next`.
    let deep = deep_page(&client).await?;
    measured.push(time(&client, store, deep, args).await?);
    // Its connections would be waited for.
    drop(client);
    loopback.close().await;

    let is_fast = measured.iter().all(|one| one.p50_ms < BOUND_MS);
    if voice.json {
        voice.say_json(&json!({
            "database": store.database(), "exposures": args.exposures, "runs": args.runs, "filled_s": filled_s,
            "rolled_up_s": rolled_up_s, "under_100_ms": is_fast,
            "requests": measured.iter().map(Measured::json).collect::<Vec<_>>(),
        }))?;
    } else {
        voice.say(&format!(
            "{}: {} exposures, filled in {filled_s:.0} s, days summed up in {rolled_up_s:.0} s\n",
            store.database(),
            args.exposures
        ))?;
        let lines = measured.iter().map(Measured::line).collect();
        voice.say(&table(&["GET", "median ms", "p95 ms", "under 100 ms"], lines))?;
        for one in &measured {
            one.say_plans(voice)?;
        }
    }
    Ok(if is_fast { Exit::Done } else { Exit::Rejected })
}

/// Sums up all days, as the job would do within some minutes.
async fn roll_up(store: &Store, tenant: &TenantId, calendar: &Calendar) -> Result<(), Failure> {
    loop {
        let run = store.prepare_roll_up(tenant, calendar).await?;
        let mut tx = store.begin().await?;
        if !tx.write_roll_up(tenant, &run).await? {
            tx.rollback().await?;
            return Err(Failure::new("somebody else works in this database"));
        }
        tx.commit().await?;
        if !run.has_more() {
            return Ok(());
        }
    }
}

async fn time(client: &Client, store: &Store, request: Request, args: &ApiArgs) -> Result<Measured, Failure> {
    // The first answer warms connections and caches, and is not counted.
    ask(client, &request).await?;
    let mut took_ms = Vec::with_capacity(args.runs);
    for _ in 0..args.runs.max(1) {
        let began = Instant::now();
        ask(client, &request).await?;
        took_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    took_ms.sort_by(f64::total_cmp);
    let (p50_ms, p95_ms) = (quantile(&took_ms, 0.5), quantile(&took_ms, 0.95));
    let mut plans = Vec::new();
    if args.plans.is_some_and(|least| p50_ms >= least) {
        store.watch_plans();
        ask(client, &request).await?;
        plans = store.take_plans();
    }
    Ok(Measured { request, p50_ms, p95_ms, plans })
}

async fn ask(client: &Client, request: &Request) -> Result<Value, Failure> {
    let answer = client.call(Method::GET, &request.path, &request.query, None).await?;
    answer.map_err(|refusal| Failure::new(format!("{request}: {}", refusal.message)))
}

/// The tenth page of training records, with the cursor that the ninth one told.
async fn deep_page(client: &Client) -> Result<Request, Failure> {
    let mut request = Request::new("/training/training-data/", &[("limit", "100".to_owned())]);
    for _ in 1..10 {
        let page = ask(client, &request).await?;
        let Some(cursor) = page.get("next").and_then(Value::as_str).and_then(cursor_of) else { return Ok(request) };
        request = Request::new("/training/training-data/", &[("limit", "100".to_owned()), ("cursor", cursor)]);
    }
    Ok(request)
}

impl Measured {
    fn line(&self) -> Vec<String> {
        let is_fast = if self.p50_ms < BOUND_MS { "yes" } else { "no" };
        vec![self.request.to_string(), format!("{:.1}", self.p50_ms), format!("{:.1}", self.p95_ms), is_fast.to_owned()]
    }

    fn json(&self) -> Value {
        let plan = |plan: &Plan| json!({"statement": plan.statement, "plan": plan.lines});
        json!({
            "request": self.request.to_string(), "p50_ms": self.p50_ms, "p95_ms": self.p95_ms,
            "under_100_ms": self.p50_ms < BOUND_MS, "plans": self.plans.iter().map(plan).collect::<Vec<_>>(),
        })
    }

    fn say_plans(&self, voice: Voice) -> Result<(), Failure> {
        for plan in &self.plans {
            let statement = plan.statement.split_whitespace().collect::<Vec<_>>().join(" ");
            voice.say(&format!("\n{}\n{statement}\n  {}", self.request, plan.lines.join("\n  ")))?;
        }
        Ok(())
    }
}
