//! The shaper as a program of its own: the same as `backroom-lab shaper`.

use backroom_shaper::ShaperArgs;
use clap::Parser;

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    backroom_shaper::run(&ShaperArgs::parse())
}
