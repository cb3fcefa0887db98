//! The laboratory: scenario, plan, runner, records, statistics, charts and report.
