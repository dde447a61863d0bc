//! The `hearken` command.

/// Half of what a pass costs us is making and dropping small values. Without asking for
/// huge pages: they doubled what the daemon takes, and made nothing faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hearken::cli::main()
}
