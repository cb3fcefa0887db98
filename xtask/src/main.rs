//! Checks of this repository that no published tool makes.
//!
//! ```text
//! cargo run -p xtask -- circles         no file or crate imports itself through others
//! cargo run -p xtask -- rust-version    rust-version in Cargo.toml is not below what a dependency needs
//! ```

mod circles;
mod graph;
mod imports;
mod metadata;
mod modules;
mod rust_version;

use std::process::ExitCode;

use anyhow::Result;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let complaints = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["circles"] => circles::check()?,
        ["rust-version"] => rust_version::check()?,
        _ => {
            eprintln!("usage: cargo run -p xtask -- circles | rust-version");
            return Ok(ExitCode::from(2));
        }
    };
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    Ok(ExitCode::from(u8::from(!complaints.is_empty())))
}
