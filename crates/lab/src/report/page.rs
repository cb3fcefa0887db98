//! The page as HTML. maud escapes everything that comes from rows, manifests and scenarios.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;
use super::findings;
use super::table::{self, Field, Table};
use crate::record::GateVerdict;

/// The page lists this many failures at most and only counts the rest.
const MAX_FAILURES: usize = 200;

/// The page loads nothing. It contains its style, its script and an empty icon.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

pub(super) fn page(report: &Report<'_>) -> String {
    let scenario = report.scenario;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (scenario.title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                header {
                    h1 { (scenario.title) }
                    p { (scenario.description) }
                    nav aria-label="Contents" {
                        a href="#summary" { "Summary" } " "
                        a href="#charts" { "Charts" } " "
                        a href="#cells" { "Cells" } " "
                        a href="#failures" { "Excluded runs" } " "
                        a href="#manifest" { "Manifest" }
                    }
                }
                main #main {
                    (section("summary", "Summary", summary(report)))
                    (section("charts", "Charts", charts(report)))
                    (section("cells", "Cells", cells(report)))
                    @if !scenario.references.is_empty() {
                        @let table = table::references(report);
                        @let content = table_markup(&table, "Published figures", "references-table");
                        (section("references", "Comparison with published figures", content))
                    }
                    (section("failures", "Excluded runs", failures(report)))
                    @let manifest = html! { pre tabindex="0" { (report.manifest.trim_end()) } };
                    (section("manifest", "Manifest", manifest))
                }
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    };
    page.into_string()
}

fn section(id: &str, heading: &str, content: Markup) -> Markup {
    let heading_id = format!("{id}-heading");
    html! {
        "\n" section id=(id) aria-labelledby=(heading_id) {
            h2 id=(heading_id) { (heading) }
            (content)
        }
    }
}

fn summary(report: &Report<'_>) -> Markup {
    let records = report.records;
    let counted = records.iter().filter(|record| record.counts()).count();
    let refused = records
        .iter()
        .filter(|record| record.gate == Some(GateVerdict::Fail))
        .count();
    let failed = records.len() - counted - refused;
    html! {
        p {
            (counted) " of " (records.len()) " runs count, in " (report.cells.len()) " cells."
            @if refused > 0 {
                " The gate refused " (refused) " because the network differed from what was configured."
            }
            @if failed > 0 { " Another " (failed) " failed." }
            @if records.iter().all(|record| record.gate.is_none()) {
                " These runs have no gate, so their network was not checked."
            }
        }
        @for (heading, sentences) in findings::findings(report) {
            h3 { (heading) }
            ul {
                @for sentence in &sentences { li { (sentence) } }
            }
        }
    }
}

fn charts(report: &Report<'_>) -> Markup {
    html! {
        @for chart in &report.charts {
            // The charts come from this program, which escapes their text.
            "\n" figure tabindex="0" { (PreEscaped(chart.trim_end())) }
        }
        @if !report.missing.is_empty() {
            ul {
                @for missing in report.missing { li { (missing.to_string()) } }
            }
        }
    }
}

fn cells(report: &Report<'_>) -> Markup {
    html! {
        p { "Medians over the runs of each cell. Select a heading to sort by its column, and again to reverse the order." }
        p.filter hidden {
            label for="filter" { "Only rows with" } " "
            input #filter type="search" autocomplete="off"; " "
            output #shown for="filter" {}
        }
        (table_markup(&table::cells(report), "Cells", "cells-table"))
    }
}

fn failures(report: &Report<'_>) -> Markup {
    let failed = report.records.iter().filter(|record| !record.counts());
    let failed = failed.count();
    html! {
        @if failed == 0 {
            p { "None. Every run finished on the network that was configured." }
        } @else {
            @if failed > MAX_FAILURES {
                p { "The first " (MAX_FAILURES) " of " (failed) ". " code { "runs.csv" } " has all of them." }
            }
            (table_markup(&table::failures(report, MAX_FAILURES), "Excluded runs", "failures-table"))
        }
    }
}

fn table_markup(table: &Table, caption: &str, id: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table id=(id) {
                thead {
                    tr {
                        @for heading in &table.headings {
                            th scope="col" aria-sort="none" { button type="button" { (heading) } }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr { @for field in row { (field_markup(field)) } } "\n"
                    }
                }
            }
        }
    }
}

fn field_markup(field: &Field) -> Markup {
    html! {
        @match field {
            Field::Text(text) => td { (text) },
            Field::Number(text, value) => td.number data-value=[value] { (text) },
        }
    }
}
