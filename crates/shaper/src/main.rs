//! The shaper as a program of its own: the same as `backroom-lab shaper`.

use backroom_shaper::ShaperArgs;
use clap::Parser;

fn main() -> anyhow::Result<()> {
    backroom_shaper::run(&ShaperArgs::parse())
}
