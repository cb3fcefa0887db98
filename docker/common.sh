# shellcheck shell=bash
# What the scripts of this folder share; they source it.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# Usage and missing needs end with 2, as in the programs.
die() {
  say "$*"
  exit 2
}

# need COMMAND PACKAGE...: the command is here, or say what to install.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null || die "'$command' is not installed: apt-get install $*"
}

# need_or_install COMMAND PACKAGE: the command is here, or root on Debian gets it now.
need_or_install() {
  local command=$1 package=$2
  if ! command -v "$command" >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing '$package', which has '$command'"
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$package"; } >&2 ||
      say "'$package' could not be installed"
  fi
  need "$command" "$package"
}

engine_answers() { command -v docker >/dev/null && docker version >/dev/null 2>&1; }

need_engine() {
  need docker docker.io
  engine_answers || die "no Docker Engine answers: start one (systemctl start docker), set DOCKER_HOST, or run this with sudo"
}

image_exists() { docker image inspect "$1" >/dev/null 2>&1; }

# The version of this host's Rust, as the tags of the image `rust` spell it; empty without Rust.
host_rust_version() {
  if command -v rustc >/dev/null; then rustc --version | cut -d ' ' -f 2; fi
}

# Compose, version 2 where it is installed.
compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose "$@"
  else
    docker-compose "$@"
  fi
}
