//! The built-in scenarios.

/// Name and TOML text of each built-in scenario, in the order in which `list` shows them.
pub const BUILTIN: [(&str, &str); 8] = [
    ("quick", include_str!("../../scenarios/quick.toml")),
    ("window", include_str!("../../scenarios/window.toml")),
    ("loss", include_str!("../../scenarios/loss.toml")),
    ("cast", include_str!("../../scenarios/cast.toml")),
    ("recovery", include_str!("../../scenarios/recovery.toml")),
    ("copies", include_str!("../../scenarios/copies.toml")),
    ("auto", include_str!("../../scenarios/auto.toml")),
    ("report", include_str!("../../scenarios/report.toml")),
];
