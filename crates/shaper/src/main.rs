//! The shaper as a program of its own: the same as `backroom-lab shaper`.

use backroom_shaper::ShaperArgs;
use clap::Parser;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    shaper: ShaperArgs,
}

fn main() -> anyhow::Result<()> {
    backroom_shaper::run(&Arguments::parse().shaper)
}
