//! Starting the program as a user does, away from the settings of whoever runs the tests.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The admin key of every server of these tests.
pub const ADMIN_KEY: &str = "an-admin-key-for-tests-only";

/// A data directory of its own, and the settings that every process of a test gets.
pub struct Installation {
    dir: tempfile::TempDir,
    settings: Vec<String>,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.status.code(), Some(expected), "{self:#?}");
        self
    }

    /// The standard output as JSON, one value per line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(read).collect()
    }

    /// The last line of the standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        self.json_lines().pop().unwrap_or_else(|| panic!("no output: {self:#?}"))
    }
}

impl Installation {
    /// One that can learn. Classifiers are fitted once for all tests, before the first of them.
    pub fn new() -> Self {
        static FITTED: OnceLock<()> = OnceLock::new();
        FITTED.get_or_init(|| {
            Self::bare().begun().run(&["search", "anything", "--quiet"]).code(0);
        });
        Self::bare()
    }

    /// One of which nothing has been opened.
    pub fn bare() -> Self {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let fitted = Path::new(env!("CARGO_TARGET_TMPDIR")).join("understanding");
        let settings = vec![
            "embedding.models=all-MiniLM-L6-v2".to_owned(),
            format!("embedding.models_dir={}", models.display()),
            format!("learning.cache_dir={}", fitted.display()),
            "server.listen=127.0.0.1:0".to_owned(),
        ];
        Self { dir: tempfile::tempdir().expect("a directory"), settings }
    }

    /// With a data directory in which nothing is.
    pub fn begun(self) -> Self {
        std::fs::create_dir(self.data_dir()).expect("the directory is writable");
        self
    }

    /// With one more setting.
    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A path beside the data directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file beside the data directory.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the directory is writable");
        path.display().to_string()
    }

    /// The program with these words, in this installation.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnwise"));
        let own =
            std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("TURNWISE_"));
        for name in own {
            command.env_remove(name);
        }
        command.current_dir(self.dir.path()).args(words).arg("--data-dir").arg(self.data_dir());
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, words: &[&str]) -> Ended {
        self.run_with(words, "", |_| {})
    }

    /// Runs a command to its end, with something on its standard input and with changes to its environment.
    pub fn run_with(&self, words: &[&str], input: &str, change: impl FnOnce(&mut Command)) -> Ended {
        let mut command = self.command(words);
        change(&mut command);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program starts");
        // Small enough for the pipe, or read while it is written: no test writes more than the program takes.
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("the program reads");
        let output = child.wait_with_output().expect("the program ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Ended { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts a server and waits until it listens.
    pub fn serve(&self) -> Server {
        let log = self.path("server.log");
        let stderr = File::options().append(true).create(true).open(&log).expect("the directory is writable");
        let mut child = self
            .command(&["serve"])
            .env("TURNWISE_AUTH__BOOTSTRAP_KEY", ADMIN_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("output is UTF-8");
        let Some(url) = line.trim_end().strip_prefix("listening on ") else {
            let status = child.wait().expect("the program ends");
            let log = std::fs::read_to_string(log).unwrap_or_default();
            panic!("the server did not start ({status}), and said {line:?}:\n{log}");
        };
        Server { url: url.to_owned(), child, stdout }
    }
}

impl Drop for Installation {
    /// What its servers complained about, when a test has failed.
    fn drop(&mut self) {
        let log = std::fs::read_to_string(self.path("server.log")).unwrap_or_default();
        if std::thread::panicking() {
            let complaints = log.lines().filter(|line| line.contains("WARN turnwise") || line.contains("ERROR"));
            complaints.for_each(|line| eprintln!("{line}"));
        }
    }
}

/// A server that runs; killed when it is dropped.
pub struct Server {
    pub url: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// As a power cut does it.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end, waits until it has, and gives what else it printed.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("there is a kill");
        assert!(sent.success(), "it runs");
        let status = self.child.wait().expect("it ends");
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).expect("output is UTF-8");
        (status, printed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already when the test did it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
