//! The program `llamactl`: hands the arguments to the library and exits with its code.

use std::process::ExitCode;

#[global_allocator]
static MEMORY: llamactl::arena::Arena = llamactl::arena::Arena;

fn main() -> ExitCode {
    ExitCode::from(llamactl::run(std::env::args_os().skip(1)))
}
