//! Prints one line: what a Rust program costs before it does anything. Or else becomes the command that it is given: a
//! process's peak memory begins with that of the one that started it, and this one is small.

use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        None => println!("nothing"),
        Some(program) => eprintln!("{}", Command::new(program).args(args).exec()),
    }
}
