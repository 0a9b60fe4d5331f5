//! The `crossfade` binary.

use std::process::ExitCode;

/// Keeps buffers of one size together, so that what a burst of connections took is given back after it. It also
/// saves a passed-on request about a twentieth of its instructions. Without huge pages, which would make an idle
/// process twice as large.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    crossfade::cli::main()
}
