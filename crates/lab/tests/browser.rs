//! The report page in a real Chromium: sorting, filtering, keyboard, phone and dark display, and no requests.
//!
//! Needs Debian's packages `chromium` and `chromium-driver`. Without them the test is skipped, unless
//! `BACKROOM_TEST_BROWSER=required`. With `BACKROOM_SCREENSHOTS=FOLDER` it leaves screenshots there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};

const MAX_REPORT_BYTES: u64 = 5_000_000;

/// Defines what the scripts say about the goodput column of the table of cells.
const TABLE: &str = r#"
const table = document.getElementById("cells-table");
const rows = [...table.tBodies[0].rows];
const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.startsWith("goodput"));
const values = rows.map((row) => row.cells[column].dataset.value).filter((value) => value !== undefined).map(Number);
const isSorted = (sign) => values.length > 1 && values.every((value, at) => at === 0 || sign * values[at - 1] <= sign * value);
const state = table.tHead.rows[0].cells[column].getAttribute("aria-sort");
"#;

#[tokio::test]
async fn the_report_works_in_a_browser() {
    let Some(driver) = Driver::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let report = write_report(folder.path());
    let page = Page::open(&driver, &report).await;

    the_first_tab_leads_past_the_header(&page).await;
    the_table_is_sorted_by_mouse_and_keyboard(&page).await;
    the_filter_hides_rows(&page).await;
    a_phone_and_a_dark_display_fit(&page).await;
    nothing_is_requested_or_logged(&page, &report).await;

    page.client.close().await.unwrap();
}

/// Simulates a small sweep; returns the URL of its report.
fn write_report(folder: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_backroom-lab"))
        .args(["run", "quick", "--runner", "sim", "--reps", "2", "--out"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report = folder.join("report.html").canonicalize().unwrap();
    let bytes = report.metadata().unwrap().len();
    assert!(bytes < MAX_REPORT_BYTES, "the report has {bytes} bytes");
    format!("file://{}", report.display())
}

async fn the_first_tab_leads_past_the_header(page: &Page) {
    page.press("body", Key::Tab).await;
    page.holds(
        "the first Tab shows the link past the header",
        r#"const link = document.activeElement;
        return link.className === "skip" && link.getBoundingClientRect().left >= 0"#,
    )
    .await;
    page.holds(
        "there are charts",
        r#"return document.querySelectorAll("figure svg").length > 0"#,
    )
    .await;
}

async fn the_table_is_sorted_by_mouse_and_keyboard(page: &Page) {
    page.table_holds(
        "the table is not sorted at first",
        "state === 'none' && !isSorted(1)",
    )
    .await;
    let column = page.run(&format!("{TABLE} return column + 1")).await;
    let button = format!("#cells-table th:nth-child({column}) button");

    page.find(&button).await.click().await.unwrap();
    page.table_holds("a click sorts", "state === 'ascending' && isSorted(1)")
        .await;
    page.find(&button).await.click().await.unwrap();
    page.table_holds(
        "a second click reverses",
        "state === 'descending' && isSorted(-1)",
    )
    .await;
    page.press(&button, Key::Enter).await;
    page.table_holds("Enter sorts", "state === 'ascending' && isSorted(1)")
        .await;
    page.holds(
        "the focused element is outlined",
        r#"return getComputedStyle(document.activeElement).outlineStyle === "solid""#,
    )
    .await;
    page.screenshot("sorted").await;
}

async fn the_filter_hides_rows(page: &Page) {
    let wanted = page
        .run(&format!("{TABLE} return rows[0].cells[column].textContent"))
        .await;
    page.find("#filter")
        .await
        .send_keys(wanted.as_str().unwrap())
        .await
        .unwrap();
    page.holds(
        "the filter shows the rows with its text, and no others",
        &format!(
            r#"{TABLE}
            const shown = rows.filter((row) => !row.hidden);
            const text = document.getElementById("filter").value;
            return shown.length > 0 && shown.length < rows.length && shown.every((row) => row.textContent.includes(text))"#
        ),
    )
    .await;
}

async fn a_phone_and_a_dark_display_fit(page: &Page) {
    let phone = json!({"width": 400, "height": 860, "deviceScaleFactor": 2, "mobile": true});
    page.emulate("Emulation.setDeviceMetricsOverride", phone)
        .await;
    page.run("document.activeElement.blur(); scrollTo(0, 0)")
        .await;
    page.holds(
        "a phone shows the whole width",
        "return document.documentElement.scrollWidth <= innerWidth && innerWidth === 400",
    )
    .await;
    page.screenshot("phone").await;
    page.run("document.querySelector('#charts').scrollIntoView({behavior: 'instant'})")
        .await;
    page.screenshot("phone-chart").await;

    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    page.emulate("Emulation.setEmulatedMedia", dark).await;
    page.holds(
        "the page is dark where the reader prefers it",
        r#"return getComputedStyle(document.body).backgroundColor !== "rgb(255, 255, 255)""#,
    )
    .await;
    page.screenshot("phone-dark").await;
}

async fn nothing_is_requested_or_logged(page: &Page, report: &str) {
    assert_eq!(
        page.log("browser").await,
        [] as [Value; 0],
        "the page writes to the console"
    );
    let requested: Vec<String> = page
        .log("performance")
        .await
        .iter()
        .map(|entry| serde_json::from_str::<Value>(entry["message"].as_str().unwrap()).unwrap())
        .filter(|entry| entry["message"]["method"] == "Network.requestWillBeSent")
        .map(|entry| {
            entry["message"]["params"]["request"]["url"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .filter(|url| !url.starts_with("data:"))
        .collect();
    assert!(
        !requested.is_empty(),
        "not even the request for the page was seen"
    );
    assert!(
        requested.iter().all(|url| url == report),
        "the page requests {requested:?}"
    );
}

/// The port in "ChromeDriver was started successfully on port 38233."
fn port(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}

/// A running `chromedriver`; it ends with this.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    /// `None`, with a line that says why, where the browser or its driver is missing.
    fn start() -> Option<Self> {
        let starts = |program| Command::new(program).arg("--version").output().is_ok();
        for (program, package) in [
            ("chromium", "chromium"),
            ("chromedriver", "chromium-driver"),
        ] {
            if !starts(program) {
                let missing = format!("'{program}' is not installed: apt-get install {package}");
                let is_required =
                    std::env::var("BACKROOM_TEST_BROWSER").as_deref() == Ok("required");
                assert!(!is_required, "{missing}");
                // Not `println!`, whose output a test that passes hides.
                let mut stderr = std::io::stderr();
                writeln!(stderr, "skipped the_report_works_in_a_browser: {missing}").unwrap();
                return None;
            }
        }
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .find_map(|line| port(&line.unwrap()))
            .expect("chromedriver prints its port");
        // It must not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A page in a browser of its own.
struct Page {
    client: Client,
}

impl Page {
    async fn open(driver: &Driver, url: &str) -> Self {
        // `--no-sandbox`, since Chromium refuses its sandbox to root. No name is resolved, so the page gets no network.
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--window-size=1280,900",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ];
        let capabilities = json!({
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&driver.url)
            .await
            .unwrap();
        client.goto(url).await.unwrap();
        let page = Self { client };
        page.screenshot("desktop").await;
        page
    }

    /// Runs a script in the page; returns what it returns.
    async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Asserts that a script returns `true`.
    async fn holds(&self, what: &str, script: &str) {
        assert_eq!(self.run(script).await, json!(true), "{what}");
    }

    /// Asserts an expression about the names that [`TABLE`] defines.
    async fn table_holds(&self, what: &str, expression: &str) {
        self.holds(what, &format!("{TABLE} return {expression}"))
            .await;
    }

    async fn find(&self, css: &str) -> fantoccini::elements::Element {
        self.client.find(Locator::Css(css)).await.unwrap()
    }

    async fn press(&self, css: &str, key: Key) {
        self.find(css)
            .await
            .send_keys(&key.to_string())
            .await
            .unwrap();
    }

    /// Sends a command of the Chrome DevTools Protocol.
    async fn emulate(&self, command: &str, params: Value) {
        let body = json!({"cmd": command, "params": params});
        self.client
            .issue_cmd(Extension {
                path: "goog/cdp/execute",
                body,
            })
            .await
            .unwrap();
    }

    /// The entries of a log since it was last read.
    async fn log(&self, kind: &str) -> Vec<Value> {
        let body = json!({"type": kind});
        let entries = self
            .client
            .issue_cmd(Extension {
                path: "se/log",
                body,
            })
            .await
            .unwrap();
        entries.as_array().unwrap().clone()
    }

    async fn screenshot(&self, name: &str) {
        if let Some(folder) = std::env::var_os("BACKROOM_SCREENSHOTS") {
            let picture = self.client.screenshot().await.unwrap();
            std::fs::write(Path::new(&folder).join(format!("{name}.png")), picture).unwrap();
        }
    }
}

/// A command of `chromedriver` that the WebDriver standard does not have.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
