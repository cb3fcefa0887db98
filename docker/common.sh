# shellcheck shell=bash
# Functions that the scripts of this folder share.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# Exit status 2 means wrong usage or a missing tool, as in the programs.
die() {
  say "$*"
  exit 2
}

# need COMMAND PACKAGE...: end with the packages to install if the command is missing.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null || die "'$command' is not installed: apt-get install $*"
}

# need_or_install COMMAND PACKAGE: install the package if the command is missing, on Debian as root.
need_or_install() {
  local command=$1 package=$2
  if ! command -v "$command" >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing '$package' for '$command'"
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$package"; } >&2 ||
      say "cannot install '$package'"
  fi
  need "$command" "$package"
}

engine_answers() { command -v docker >/dev/null && docker version >/dev/null 2>&1; }

need_engine() {
  need docker docker.io
  engine_answers || die "the Docker Engine does not answer: start it (systemctl start docker), set DOCKER_HOST, or use sudo"
}

image_exists() { docker image inspect "$1" >/dev/null 2>&1; }

# The version of this host's Rust, spelled like the tags of the image `rust`; empty without Rust.
host_rust_version() {
  if command -v rustc >/dev/null; then rustc --version | cut -d ' ' -f 2; fi
}

# Docker Compose: version 2 if it is installed, else version 1.
compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose "$@"
  else
    docker-compose "$@"
  fi
}
