//! The shaper as a program of its own: the same as `backroom-lab shaper`.

use backroom_shaper::ShaperArgs;
use clap::Parser;

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // Otherwise it reports that stderr is closed to stderr, which ends the program.
        .log_internal_errors(false)
        .with_max_level(tracing::Level::WARN)
        .init();
    backroom_shaper::run(&ShaperArgs::parse())
}
