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

# Throughput against window size, in containers where an engine answers, else simulated; takes the lab's options
bench-window *OPTIONS: _image-where-possible
    cargo run --release -p backroom-lab -- run window "$@"

# All of the lab's scenarios
bench: bench-window

# The hot paths, by criterion
bench-micro *OPTIONS:
    cargo bench -p backroom-benches "$@"

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
