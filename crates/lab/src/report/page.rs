//! The page as HTML. Whatever comes from rows, manifests and scenarios is escaped.

use std::fmt::{self, Write as _};

use super::Report;
use super::findings;
use super::table::{self, Field, Table};
use crate::record::GateVerdict;

/// More failures than this are counted only.
const MOST_FAILURES: usize = 200;

/// Nothing may be loaded, from anywhere; the page brings its style, its script and an empty icon.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Text that may stand in an element or in a quoted attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// All of the page.
pub(super) fn page(report: &Report<'_>) -> String {
    let mut html = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut html, report);
    html
}

fn write_page(html: &mut String, report: &Report<'_>) -> fmt::Result {
    let title = Escaped(&report.scenario.title);
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the results</a>\n<header>\n<h1>{title}</h1>\n<p>{}</p>\n\
         <nav aria-label=\"Contents\"><a href=\"#summary\">Summary</a> <a href=\"#charts\">Charts</a> \
         <a href=\"#cells\">Cells</a> <a href=\"#failures\">Runs that don't count</a> \
         <a href=\"#manifest\">Manifest</a></nav>\n</header>\n<main id=\"main\">\n",
        include_str!("page.css"),
        Escaped(&report.scenario.description)
    )?;
    write_summary(html, report)?;
    write_charts(html, report)?;
    write_cells(html, report)?;
    write_references(html, report)?;
    write_failures(html, report)?;
    write!(
        html,
        "<section id=\"manifest\" aria-labelledby=\"manifest-heading\">\n<h2 id=\"manifest-heading\">Manifest</h2>\n\
         <pre tabindex=\"0\">{}</pre>\n</section>\n</main>\n<script>\n{}</script>\n</body>\n</html>\n",
        Escaped(report.manifest.trim_end()),
        include_str!("page.js")
    )
}

fn write_summary(html: &mut String, report: &Report<'_>) -> fmt::Result {
    let records = report.records;
    let counted = records.iter().filter(|record| record.counts()).count();
    let refused = records
        .iter()
        .filter(|record| record.gate == Some(GateVerdict::Fail))
        .count();
    let failed = records.len() - counted - refused;
    write!(
        html,
        "<section id=\"summary\" aria-labelledby=\"summary-heading\">\n<h2 id=\"summary-heading\">Summary</h2>\n\
         <p>{counted} of {} runs count, in {} cells.",
        records.len(),
        report.cells.len(),
    )?;
    if refused > 0 {
        write!(
            html,
            " The gate refused {refused}: their network was not what was asked for."
        )?;
    }
    if failed > 0 {
        write!(html, " {failed} failed otherwise.")?;
    }
    if records.iter().all(|record| record.gate.is_none()) {
        html.push_str(" No gate has judged their network.");
    }
    html.push_str("</p>\n");
    for finding in findings::findings(report) {
        write!(html, "<h3>{}</h3>\n<ul>\n", Escaped(finding.heading))?;
        for sentence in &finding.sentences {
            writeln!(html, "<li>{}</li>", Escaped(sentence))?;
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</section>\n");
    Ok(())
}

/// The charts, which are this program's own and hold no text that is not escaped.
fn write_charts(html: &mut String, report: &Report<'_>) -> fmt::Result {
    html.push_str(
        "<section id=\"charts\" aria-labelledby=\"charts-heading\">\n<h2 id=\"charts-heading\">Charts</h2>\n",
    );
    for chart in &report.charts {
        writeln!(
            html,
            "<figure tabindex=\"0\">\n{}\n</figure>",
            chart.trim_end()
        )?;
    }
    html.push_str("</section>\n");
    Ok(())
}

fn write_cells(html: &mut String, report: &Report<'_>) -> fmt::Result {
    write!(
        html,
        "<section id=\"cells\" aria-labelledby=\"cells-heading\">\n<h2 id=\"cells-heading\">Cells</h2>\n\
         <p>Medians over the runs of each cell. A heading sorts by its column, a second time the other way.</p>\n\
         <p class=\"filter\" hidden><label for=\"filter\">Only rows with</label> <input id=\"filter\" type=\"search\" \
         autocomplete=\"off\"> <output for=\"filter\" id=\"shown\"></output></p>\n"
    )?;
    write_table(html, &table::cells(report), "Cells", "cells-table")?;
    html.push_str("</section>\n");
    Ok(())
}

fn write_references(html: &mut String, report: &Report<'_>) -> fmt::Result {
    if report.scenario.references.is_empty() {
        return Ok(());
    }
    html.push_str(
        "<section id=\"references\" aria-labelledby=\"references-heading\">\n\
         <h2 id=\"references-heading\">Beside what others published</h2>\n",
    );
    let table = table::references(report);
    write_table(html, &table, "Published figures", "references-table")?;
    html.push_str("</section>\n");
    Ok(())
}

fn write_failures(html: &mut String, report: &Report<'_>) -> fmt::Result {
    html.push_str(
        "<section id=\"failures\" aria-labelledby=\"failures-heading\">\n\
         <h2 id=\"failures-heading\">Runs that don't count</h2>\n",
    );
    let failed = report.records.iter().filter(|record| !record.counts());
    match failed.count() {
        0 => html.push_str("<p>None: every run ended, on the network that was asked for.</p>\n"),
        failed => {
            if failed > MOST_FAILURES {
                writeln!(
                    html,
                    "<p>The first {MOST_FAILURES} of {failed}; <code>runs.csv</code> has all.</p>"
                )?;
            }
            write_table(
                html,
                &table::failures(report, MOST_FAILURES),
                "Runs that don't count",
                "failures-table",
            )?;
        }
    }
    html.push_str("</section>\n");
    Ok(())
}

fn write_table(html: &mut String, table: &Table, caption: &str, id: &str) -> fmt::Result {
    write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n<table id=\"{id}\">\n<thead><tr>"
    )?;
    for heading in &table.headings {
        write!(
            html,
            "<th scope=\"col\" aria-sort=\"none\"><button type=\"button\">{}</button></th>",
            Escaped(heading)
        )?;
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for field in row {
            match field {
                Field::Text(text) => write!(html, "<td>{}</td>", Escaped(text))?,
                Field::Number(text, None) => {
                    write!(html, "<td class=\"number\">{}</td>", Escaped(text))?
                }
                Field::Number(text, Some(value)) => write!(
                    html,
                    "<td class=\"number\" data-value=\"{value}\">{}</td>",
                    Escaped(text)
                )?,
            }
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n</div>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_markup_is_text() {
        let note = Escaped("<script>alert('1' & \"2\")</script>").to_string();
        assert!(!note.contains(['<', '>', '"', '\'']), "{note}");
        assert!(note.contains("&amp;"));
    }
}
