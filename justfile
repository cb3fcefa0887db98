# `cargo install just`, then `just` lists what there is.

set positional-arguments

[private]
default:
    @just --list --unsorted

# A room in containers: four members talk and send each other files, until Ctrl-C
demo: image
    #!/usr/bin/env bash
    source docker/common.sh
    trap 'compose down' EXIT
    compose up

# Goodput against window, a line for each loss rate; in containers where an engine answers, else simulated
bench-window *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run window "$@"

# Goodput against loss, a line for each window; one by one and in bursts
bench-loss *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run loss "$@"

# Completion time against receivers, for each delivery
bench-cast *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run cast "$@"

# Fixed against adaptive timers, timeout against fast recovery
bench-recovery *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run recovery "$@"

# Goodput against loss with one, two and three copies of each segment
bench-copies *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run copies "$@"

# The original report's two comparisons, beside its figures
bench-report *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run report "$@"

# A first look, in minutes
bench-quick *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run quick "$@"

# How near the window that finds itself comes to the best fixed one; simulated, minutes
bench-auto *OPTIONS:
    cargo run --release -p backroom-lab -- run auto --runner sim "$@"

# All of the lab's scenarios but the first look
bench: bench-window bench-loss bench-cast bench-recovery bench-copies bench-report

# The hot paths, by criterion; in under five minutes
bench-micro *OPTIONS:
    cargo bench -p backroom-benches --bench micro -- "$@"

# A file over loopback, beside quinn and the machine's limit: rates, processor and memory
bench-loopback *OPTIONS:
    cargo build --release -p backroom-server -p backroom-client
    cargo bench -p backroom-benches --bench against_quinn -- "$@"

# The room with a thousand members, and chat while files saturate the link; about six minutes
bench-room:
    cargo build --release -p backroom-server -p backroom-client -p backroom-room-bench
    cargo run --release -p backroom-room-bench -- crowd
    cargo run --release -p backroom-room-bench -- chat

# Ours beside uftp, atftp, TCP and QUIC on the same network; in containers, about ten minutes after the images
bench-peers *OPTIONS:
    docker/peers/image
    cargo run --release -p backroom-peers -- run "$@"

# All tests
test:
    cargo test --workspace

# Everything that must hold, the Docker path too; as root on Debian, about 25 minutes
ci *STEPS:
    .ci/run "$@"

# Build the image `backroom`, and the base images where they can't be pulled
image:
    docker/image

# Make the two base images from Debian's packages and this host's Rust (--force: anew)
base-images *OPTIONS:
    docker/base-images "$@"

# Run a command under a kernel that has netem, with an engine of its own that has the image `backroom`
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
