//! The `layerlab` program: arguments → exit code.

fn main() {}
