# Install with `cargo install just`. `just` lists the recipes.

set positional-arguments

[private]
default:
    @just --list --unsorted

# Run the demo room in containers: four members exchange messages and files until Ctrl-C
demo: image
    #!/usr/bin/env bash
    source docker/common.sh
    trap 'compose down' EXIT
    compose up

# The recipes `bench-*` of the lab, of the room and of peers replace the results in `results` when the new ones are complete.

# Measure goodput against window for several loss rates; in containers if Docker is available, else simulated
bench-window *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run window --publish "$@"

# Measure goodput against loss for several windows; independent losses and bursts
bench-loss *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run loss --publish "$@"

# Measure completion time against receivers for each delivery
bench-cast *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run cast --publish "$@"

# Compare fixed and adaptive timers, and timeout and fast recovery
bench-recovery *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run recovery --publish "$@"

# Measure goodput against loss with one, two and three copies of each segment
bench-copies *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run copies --publish "$@"

# Repeat the two comparisons of the original report, beside its figures
bench-report *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run report --publish "$@"

# Measure a small sweep, in minutes
bench-quick *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run quick --publish "$@"

# Compare the automatic window with the best fixed window; simulated, minutes
bench-auto *OPTIONS:
    cargo run --release -p backroom-lab -- run auto --runner sim --publish "$@"

# Measure all scenarios except `quick`, `auto` and `peers`
bench: bench-window bench-loss bench-cast bench-recovery bench-copies bench-report

# Benchmark the hot paths with criterion, in less than five minutes
bench-micro *OPTIONS:
    cargo bench -p backroom-benches --bench micro -- "$@"

# Benchmark a file transfer over loopback, beside quinn and the machine's limit
bench-loopback *OPTIONS:
    cargo build --release -p backroom-server -p backroom-client
    cargo bench -p backroom-benches --bench against_quinn -- "$@"

# Benchmark a room of a thousand members, and chat while files saturate the link; about six minutes
bench-room:
    cargo build --release -p backroom-server -p backroom-client -p backroom-room-bench
    cargo run --release -p backroom-room-bench -- crowd --publish
    cargo run --release -p backroom-room-bench -- chat --publish

# Compare with uftp, atftp, TCP and QUIC on the same network; in containers, about ten minutes plus the images
bench-peers *OPTIONS:
    docker/peers/image
    cargo run --release -p backroom-peers -- run --publish "$@"

# Run all tests
test:
    cargo test --workspace

# Run all checks of CI, or the named ones; as root on Debian, about 25 minutes
ci *STEPS:
    .ci/run "$@"

# Build the image `backroom`, and the base images if they cannot be pulled
image:
    docker/image

# Make the two base images from Debian packages and this host's Rust (--force: again)
base-images *OPTIONS:
    docker/base-images "$@"

# Run a command in virtual time, on a kernel with netem and a Docker Engine that has the image `backroom`
netem-kernel +COMMAND:
    #!/usr/bin/env bash
    set -euo pipefail
    source docker/common.sh
    image=()
    if engine_answers && image_exists backroom; then image=(--image backroom); fi
    exec docker/netem-kernel "${image[@]}" -- "$@"

_image-where-possible:
    #!/usr/bin/env bash
    set -euo pipefail
    source docker/common.sh
    if engine_answers; then docker/image; fi
