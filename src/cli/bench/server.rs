//! A real `turnwise serve` process to be measured.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::cli_key::read_cli_key;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::config::Config;

/// A server process; killed when it is dropped.
pub struct Server {
    child: Child,
    /// To ask it.
    pub client: Client,
    /// From the start of the process to its being ready.
    pub started_in: Duration,
}

impl Server {
    /// Starts this program's `serve` on a data directory, with the same models and classifiers as `config`.
    ///
    /// # Errors
    /// When it cannot be started or ends before it listens.
    pub fn start(config: &Config, dir: &Path) -> Result<Self, Failure> {
        let began = Instant::now();
        let cache = config.learning.cache_dir.clone().unwrap_or_else(|| config.data.dir.join("understanding"));
        let program = std::env::current_exe().map_err(|error| Failure::io("this program", &error))?;
        let mut child = Command::new(program)
            .arg("--data-dir")
            .arg(dir)
            .args(["--set", &format!("learning.cache_dir={}", cache.display())])
            .args(["--set", &format!("embedding.models={}", config.embedding.models.join(","))])
            .args(["--set", &format!("embedding.models_dir={}", config.embedding.models_dir.display())])
            .args(["--set", "log.filter=error", "serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Failure::io("the server cannot be started", &error))?;
        let url = child.stdout.take().and_then(|stdout| {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.filter_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).next()
        });
        let Some(url) = url else {
            // It is gone already; this only collects it.
            let _ = child.wait();
            return Err(Failure::new("the server ended before it listened; `turnwise serve` says why"));
        };
        let started_in = began.elapsed();
        let client = Client::new(&url, read_cli_key(dir))?;
        Ok(Self { child, client, started_in })
    }

    /// Its resident memory in MiB.
    pub fn resident_mib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either it is running and ends now, or it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
