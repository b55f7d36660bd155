//! Prints one line: the cost of starting any Rust program.

fn main() {
    println!("nothing");
}
