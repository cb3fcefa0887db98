//! The line editor: history, Tab completion and the status line.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::Context as _;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Event, EventContext,
    EventHandler, Helper, KeyEvent, Movement, RepeatCount,
};

use super::completion::complete;
use super::screen::Terminal;
use super::shared::Shared;
use crate::input::{Line, LineSource, Prompt};
use crate::ui::progress::Progress;
use crate::ui::text::Style;

/// Reads lines from the terminal. The history is kept only in memory, so that no message is written to disk.
pub(crate) struct Editor {
    editor: rustyline::Editor<RoomHelper, MemHistory>,
    shared: Arc<Shared>,
}

impl Editor {
    /// Creates the editor of this process's terminal, and the front end that prints above it.
    pub(crate) fn open(colors: bool, bell: bool) -> anyhow::Result<(Self, Terminal)> {
        let original =
            rustix::termios::tcgetattr(io::stdin()).context("standard input is not a terminal")?;
        let config = Config::builder()
            .completion_type(CompletionType::List)
            // Otherwise rustyline does not call the highlighter, which also draws the status line. `Style` decides on colours.
            .color_mode(ColorMode::Forced)
            .auto_add_history(false)
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = rustyline::Editor::with_history(config, history)
            .context("the line editor does not support this terminal")?;
        let shared = Arc::new(Shared::default());
        let style = Style {
            colors,
            audience: true,
        };
        let (park_notice, parked) = mpsc::channel();
        editor.set_helper(Some(RoomHelper {
            shared: Arc::clone(&shared),
            style,
            park_notice,
        }));
        editor.bind_sequence(
            KeyEvent::ctrl('C'),
            EventHandler::Conditional(Box::new(ClearLineHandler)),
        );
        let printer = editor
            .create_external_printer()
            .context("the line editor cannot print to this terminal")?;
        let terminal = Terminal {
            printer: Box::new(printer),
            shared: Arc::clone(&shared),
            original,
            style,
            bell,
            own_name: String::new(),
            progress: Progress::default(),
            parked,
        };
        Ok((Self { editor, shared }, terminal))
    }
}

impl LineSource for Editor {
    fn read(&mut self, prompt: Prompt) -> Line {
        let shown = match prompt {
            Prompt::Confirmation => "Trust the new identity? Type yes or no: ",
            Prompt::Name => "Enter Your Name: ",
            Prompt::Command => "> ",
        };
        self.shared.reading.store(true, Ordering::Release);
        let read = self.editor.readline(shown);
        self.shared.reading.store(false, Ordering::Release);
        match read {
            Ok(line) => {
                if prompt == Prompt::Command && !line.trim().is_empty() {
                    // On an error, the line is only missing from the history.
                    let _ = self.editor.add_history_entry(line.as_str());
                }
                Line::Text(line)
            }
            Err(ReadlineError::Interrupted) => {
                // On Ctrl-C, rustyline leaves the status line and moves the cursor below it. This clears both.
                let mut out = io::stdout();
                let _ = out.write_all(b"\x1b[A\r\x1b[J").and_then(|()| out.flush());
                Line::Interrupted
            }
            Err(_) => Line::End,
        }
    }
}

/// Makes Ctrl-C clear a line that is not empty. On an empty line, it interrupts the program.
struct ClearLineHandler;

impl ConditionalEventHandler for ClearLineHandler {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        (!context.line().is_empty()).then_some(Cmd::Kill(Movement::WholeLine))
    }
}

struct RoomHelper {
    shared: Arc<Shared>,
    style: Style,
    park_notice: mpsc::Sender<()>,
}

impl Helper for RoomHelper {}
impl Validator for RoomHelper {}

impl Completer for RoomHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(complete(&line[..position], &self.shared.names()))
    }
}

/// A hint that keeps one line free below the one being edited. The text is inserted when it is drawn, so that it can change
/// without a key press.
struct StatusLine;

impl Hint for StatusLine {
    fn display(&self) -> &str {
        "\n"
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for RoomHelper {
    type Hint = StatusLine;

    fn hint(&self, _: &str, _: usize, _: &Context<'_>) -> Option<StatusLine> {
        Some(StatusLine)
    }
}

impl Highlighter for RoomHelper {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if self.shared.closing.load(Ordering::Acquire) {
            let _ = self.park_notice.send(());
            loop {
                thread::park();
            }
        }
        Cow::Owned(self.style.paint("1", prompt))
    }

    fn highlight_hint<'h>(&self, _: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\n{}", self.shared.status()))
    }
}
