//! The hub's binary: arguments, then one call.

use std::process::ExitCode;

use vouchsafe::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), std::env::vars_os())
}
