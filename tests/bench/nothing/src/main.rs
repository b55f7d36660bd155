//! Prints one line: what a Rust program costs before it does anything.

fn main() {
    println!("nothing");
}
