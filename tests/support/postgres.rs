//! PostgreSQL for tests: one private server per test process, one database per test.
//!
//! The server is started from the installed binaries, listens on a unix socket in its own temporary directory and on
//! nothing else, and keeps nothing on the disk. A shell stands between it and the tests: it waits at the end of a pipe
//! that closes when the test process ends, however that ends, stops the server by the server's own pid file, and
//! removes the directory. `TURNWISE_TEST_POSTGRES_URL` names a server to use instead; it must allow `CREATE DATABASE`.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use turnwise::store::Store;
use turnwise::store::settings::StoreSettings;

const URL_VARIABLE: &str = "TURNWISE_TEST_POSTGRES_URL";

const NOT_FOUND: &str = "these tests need PostgreSQL (initdb, pg_ctl and postgres), and it is not installed: \
    run `make test`, which installs it, or `apt-get install postgresql`, or name a server in \
    TURNWISE_TEST_POSTGRES_URL";

/// `$1` is the directory of the binaries. Says its own directory when the server is ready, and ends with its standard
/// input.
const SERVER: &str = r#"
set -eu
dir=$(mktemp -d /tmp/turnwise-pg.XXXXXX)
stop() {
    "$1/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap 'stop "$1"' EXIT
trap 'exit 1' INT TERM HUP
"$1/initdb" -D "$dir/data" -U turnwise -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 ||
    { cat "$dir/log" >&2; exit 1; }
"$1/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start -o "-k $dir -c listen_addresses= -c fsync=off \
    -c full_page_writes=off -c synchronous_commit=off -c max_connections=200" >/dev/null 2>&1 </dev/null ||
    { cat "$dir/log" >&2; exit 1; }
echo "$dir"
cat >/dev/null
"#;

/// A database of its own, with the schema, for one test.
pub struct TestDatabase {
    name: String,
    /// Where the store finds it.
    pub url: String,
}

struct Server {
    /// Beginning and end of a URL; the database's name stands between them.
    url: (String, String),
    template: Option<&'static str>,
    /// Its standard input is the pipe: it closes with this process.
    _shell: Option<Child>,
}

impl TestDatabase {
    /// Makes a database. Starts the server when it is the first of this process.
    pub async fn create() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let server = server();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("turnwise_test_{}_{number}", std::process::id());
        let template = server.template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
        server.run(format!("CREATE DATABASE {name}{template}")).await;
        Self { url: server.database_url(&name), name }
    }

    /// Removes it. After a failed test it is left for whoever looks into it.
    pub async fn drop(self) {
        server().run(format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

impl Server {
    fn database_url(&self, name: &str) -> String {
        format!("{}{name}{}", self.url.0, self.url.1)
    }

    /// The names in these statements are made here, of letters and digits.
    async fn run(&self, sql: String) {
        let url = self.database_url("postgres");
        let mut connection = PgConnection::connect(&url).await.expect("the test server answers");
        connection.execute(AssertSqlSafe(sql)).await.expect("the test server makes and drops databases");
        connection.close().await.expect("the connection closes");
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match env::var(URL_VARIABLE) {
        Ok(url) => given_server(&url),
        Err(_) => private_server(),
    })
}

/// A server that is there already. It gets no template: nobody would ever remove it.
fn given_server(url: &str) -> Server {
    let (address, parameters) = url.split_once('?').map_or((url, String::new()), |(a, p)| (a, format!("?{p}")));
    let (scheme, rest) = address.split_once("://").expect("TURNWISE_TEST_POSTGRES_URL is a postgres:// URL");
    let host = rest.split('/').next().unwrap_or_default();
    Server { url: (format!("{scheme}://{host}/"), parameters), template: None, _shell: None }
}

fn private_server() -> Server {
    let binaries = binaries().expect(NOT_FOUND);
    let mut shell = unprivileged_shell()
        .args(["-c", SERVER, "turnwise-test-postgres"])
        .arg(&binaries)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell can be started");

    let mut directory = String::new();
    let stdout = shell.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut directory).expect("the shell can be read");
    let directory = directory.trim_end();
    if directory.is_empty() {
        let mut problem = String::new();
        let _ = shell.stderr.take().expect("it is piped").read_to_string(&mut problem);
        panic!("the test server did not start from {}: {problem}", binaries.display());
    }

    let url = ("postgres://turnwise@localhost/".to_owned(), format!("?host={directory}"));
    let server = Server { url, template: Some("turnwise_template"), _shell: Some(shell) };
    make_template(&server);
    server
}

/// Makes the database that the others are copies of, on a runtime of its own: the one of the first test ends with it.
fn make_template(server: &Server) {
    std::thread::scope(|scope| {
        let made = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                server.run("CREATE DATABASE turnwise_template".to_owned()).await;
                let settings = StoreSettings::new(server.database_url("turnwise_template"));
                Store::open(&settings).await.expect("the migrations run").close().await;
            });
        });
        made.join().expect("the template is made");
    });
}

/// The directory with the server's programs: that of `pg_config`, of Debian, or one in `PATH`.
fn binaries() -> Option<PathBuf> {
    let configured = Command::new("pg_config")
        .arg("--bindir")
        .output()
        .ok()
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    debian.reverse();
    let path = env::var_os("PATH").unwrap_or_default();
    let complete =
        |directory: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| directory.join(name).exists());
    configured.into_iter().chain(debian).chain(env::split_paths(&path)).find(complete)
}

/// PostgreSQL refuses to run as root, so root becomes the user `postgres`, which the package makes, or `nobody`.
fn unprivileged_shell() -> Command {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().expect("`id` is there");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if id(&["-u"]).as_deref() != Some("0") {
        return Command::new("sh");
    }
    let user = if id(&["-u", "postgres"]).is_some() { "postgres" } else { "nobody" };
    let installed = |name: &str| {
        let path = env::var_os("PATH").unwrap_or_default();
        let places = env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned(), Path::new("/sbin").to_owned()]);
        places.map(|place| place.join(name)).find(|program| program.exists())
    };
    if let Some(setpriv) = installed("setpriv") {
        let group = id(&["-g", user]).expect("the user has a group");
        let mut command = Command::new(setpriv);
        command.args([format!("--reuid={user}"), format!("--regid={group}"), "--init-groups".to_owned()]).arg("sh");
        return command;
    }
    let mut command = Command::new(installed("runuser").expect("root needs setpriv or runuser (package util-linux)"));
    command.args(["-u", user, "--", "sh"]);
    command
}
