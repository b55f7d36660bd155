//! The program `llamactl`: hands the arguments to the library and exits with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(llamactl::run(std::env::args_os().skip(1)))
}
