//! Micro-benchmarks of the hot paths. Run `just bench-micro`; an argument selects benchmarks by a part of their name.

mod files;
mod room;
mod steps;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Few samples and short times, so that all benchmarks take less than five minutes.
fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! {
    name = benches;
    config = quick();
    targets = steps::segments, steps::go_back_n, steps::link, steps::records, steps::envelopes, files::loopback, room::fan_out
}
criterion_main!(benches);
