//! The `layerlab` program: arguments → exit code.

fn main() -> std::process::ExitCode {
    layerlab::cli::main(std::env::args_os())
}
