//! The `turnwise` program: the one place that knows every face.

use std::process::ExitCode;

fn main() -> ExitCode {
    turnwise::cli::main(start_http)
}
