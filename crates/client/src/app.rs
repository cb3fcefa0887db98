//! The program: joins a room, runs the session and returns an exit code.

use std::io::{self, BufReader, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use backroom_protocol::{Name, Password, Refusal};
use backroom_transport::connection::{ConnectError, Login};
use backroom_transport::file::ReceiveLimits;
use backroom_transport::udp::Route;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::{Exit, Options, OutputFormat};
use crate::event::{self, Event};
use crate::input::{Input, Line, Lines, Prompt};
use crate::join::{Connector, ConnectorError, JoinError};
use crate::password;
use crate::session::{Ending, Membership, Session};
use crate::tracer::Tracer;
use crate::transfers::{Board, Limits, Transfers};
use crate::ui::{Editor, FrontEnd, Json, Plain, show_all};

/// The number of events that may wait to be shown. If the output blocks, the session waits when the queue is full.
const EVENT_QUEUE: usize = 4096;

/// The time that the output has to show the last events, and that threads blocked on a disk have to end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the program. Writes the error that ended it to standard error.
#[must_use]
pub fn run(mut options: Options) -> Exit {
    let password = match password::find(&mut options) {
        Ok(password) => password,
        Err(error) => return report_error(&error, Exit::Usage),
    };
    if !options.download_dir.is_dir() {
        let folder = options.download_dir.display();
        let error = anyhow::anyhow!(
            "{folder} is not a folder; use --download-dir to set the folder for received files"
        );
        return report_error(&error, Exit::Usage);
    }
    // The session runs on this thread. Each transfer has its own.
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report_error(&error.into(), Exit::Lost),
    };
    let exit = runtime.block_on(run_with(options, password));
    // Transfers have been cancelled and have cleaned up by now, unless they are blocked on a disk.
    runtime.shutdown_timeout(FLUSH_TIMEOUT);
    exit
}

async fn run_with(options: Options, password: Password) -> Exit {
    let board = Board::default();
    let (mut input, ui) = match open_ui(&options) {
        Ok(ends) => ends,
        Err(error) => return report_error(&error, Exit::Usage),
    };
    let (events, to_show) = mpsc::channel(EVENT_QUEUE);
    let output_thread = match OutputThread::start(ui, to_show, board.clone()) {
        Ok(output_thread) => output_thread,
        Err(error) => return report_error(&error.into(), Exit::Lost),
    };
    let (trace, trace_end) = match options.trace.as_deref().map(Tracer::start).transpose() {
        Ok(tracing) => tracing.unzip(),
        Err(error) => {
            let path = options.trace.unwrap_or_default();
            let error = anyhow::anyhow!("cannot create the trace file {}: {error}", path.display());
            return report_error(&error, Exit::Usage);
        }
    };
    let ended = match join_and_run(&options, password, &mut input, &events, board, trace).await {
        Ok(ending) => ending.into_result(),
        Err(failure) => Err(failure),
    };
    if let (Err(failure), OutputFormat::Json) = (&ended, options.output) {
        // An error means that the output is closed. The exit code reports the failure too.
        let _ = events
            .send(event::error(error_with_causes(&failure.error)))
            .await;
    }
    drop(events);
    if let Some(end) = trace_end {
        end.wait(FLUSH_TIMEOUT);
    }
    output_thread.finish();
    match ended {
        Ok(()) => Exit::Left,
        Err(failure) => report_error(&failure.error, failure.exit),
    }
}

/// An error that ends the program, and its exit code.
struct Failure {
    error: anyhow::Error,
    exit: Exit,
}

impl Failure {
    fn new(error: impl Into<anyhow::Error>, exit: Exit) -> Self {
        Self {
            error: error.into(),
            exit,
        }
    }
}

impl Ending {
    fn into_result(self) -> Result<(), Failure> {
        match self {
            Self::Left => Ok(()),
            Self::Lost(reason) => Err(Failure::new(
                anyhow::anyhow!("connection lost: {reason}"),
                Exit::Lost,
            )),
            Self::Kicked => Err(Failure::new(
                anyhow::anyhow!("you were removed from the room by vote"),
                Exit::Lost,
            )),
        }
    }
}

async fn join_and_run(
    options: &Options,
    password: Password,
    input: &mut Input,
    events: &mpsc::Sender<Event>,
    board: Board,
    trace: Option<Tracer>,
) -> Result<Ending, Failure> {
    let interrupt = interrupt_token().map_err(|error| Failure::new(error, Exit::Lost))?;
    let entered = tokio::select! {
        entered = authenticate_and_join(options, password, input, events) => entered?,
        () = interrupt.cancelled() => None,
    };
    let Some(membership) = entered else {
        return Ok(Ending::Left);
    };
    let limits = Limits {
        download_dir: options.download_dir.clone(),
        max_incoming: options.max_incoming,
        receive: ReceiveLimits {
            max_bytes: options.max_file_size.map_or(u64::MAX, |size| size.as_u64()),
            ..ReceiveLimits::default()
        },
        gso: options.gso,
        interface: multicast_interface(options, membership.server),
        trace,
    };
    let transfers = Transfers::new(limits, board);
    let session = Session::new(membership, transfers, options.settings(), events.clone());
    Ok(session.run(input, interrupt).await)
}

/// The address of the interface that routes to the server. Multicast goes through the same interface.
fn multicast_interface(options: &Options, server: SocketAddr) -> Option<Ipv4Addr> {
    let server = SocketAddr::new(server.ip().to_canonical(), server.port());
    let route = Route::to(server).ok()?;
    match route.local {
        IpAddr::V4(interface) if options.multicast => Some(interface),
        _ => None,
    }
}

/// Proves the password and joins with a name. Returns `None` if the user ends the input instead of entering a name.
async fn authenticate_and_join(
    options: &Options,
    password: Password,
    input: &mut Input,
    events: &mpsc::Sender<Event>,
) -> Result<Option<Membership>, Failure> {
    let mut connector = Connector::connect(&options.host, options.port, Login::new(password))
        .await
        .map_err(|error| {
            let exit = match error {
                ConnectorError::Connect(ConnectError::WrongPassword) => Exit::WrongPassword,
                _ => Exit::Lost,
            };
            Failure::new(error, exit)
        })?;
    show(events, Event::Authenticated).await;
    if let Some(name) = &options.name {
        return connector.join(name).await.map(Some).map_err(join_failure);
    }
    loop {
        let Some(name) = ask_name(input, events).await else {
            return Ok(None);
        };
        match connector.join(&name).await {
            Ok(membership) => return Ok(Some(membership)),
            Err(JoinError::Refused(refusal @ Refusal::NameTaken { .. })) => {
                show(events, event::error(refusal.to_string())).await;
            }
            Err(error) => return Err(join_failure(error)),
        }
    }
}

fn join_failure(error: JoinError) -> Failure {
    let exit = match error {
        JoinError::Refused(Refusal::NameTaken { .. }) => Exit::Usage,
        _ => Exit::Lost,
    };
    Failure::new(error, exit)
}

/// Prompts until the user enters a valid name. Returns `None` at the end of the input.
async fn ask_name(input: &mut Input, events: &mpsc::Sender<Event>) -> Option<Name> {
    loop {
        show(events, Event::NameWanted).await;
        let error = match input.next(Prompt::Name).await {
            Line::Text(line) => match Name::new(line.trim()) {
                Ok(name) => return Some(name),
                Err(error) => error.to_string(),
            },
            Line::TooLong | Line::NotText => "this is not a valid name".into(),
            Line::Interrupted | Line::End => return None,
        };
        show(events, event::error(error)).await;
    }
}

async fn show(events: &mpsc::Sender<Event>, event: Event) {
    // An error means that the output is closed, which the session handles.
    let _ = events.send(event).await;
}

/// Opens the input and the front end: a line editor on a terminal, otherwise plain lines or JSON.
fn open_ui(options: &Options) -> anyhow::Result<(Input, Box<dyn FrontEnd>)> {
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if options.output == OutputFormat::Plain && on_terminal && !dumb {
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let (editor, terminal) = Editor::open(colors, options.bell)?;
        return Ok((Input::spawn(editor)?, Box::new(terminal)));
    }
    let ui: Box<dyn FrontEnd> = match options.output {
        OutputFormat::Plain => Box::new(Plain(io::stdout())),
        OutputFormat::Json => Box::new(Json(io::stdout())),
    };
    Ok((Input::spawn(Lines(BufReader::new(io::stdin())))?, ui))
}

/// The thread that shows events.
struct OutputThread {
    ended: blocking::Receiver<()>,
}

impl OutputThread {
    fn start(
        mut ui: Box<dyn FrontEnd>,
        events: mpsc::Receiver<Event>,
        board: Board,
    ) -> io::Result<Self> {
        let runtime = Handle::current();
        let (send_file_message, ended) = blocking::channel();
        thread::Builder::new()
            .name("output".into())
            .spawn(move || {
                let shown = runtime.block_on(show_all(ui.as_mut(), events, board));
                if let Err(error) = shown.or_else(ignore_closed_pipe) {
                    tracing::warn!(%error, "cannot write to standard output");
                }
                let _ = send_file_message.send(());
            })?;
        Ok(Self { ended })
    }

    /// Waits until all events are shown, at most [`FLUSH_TIMEOUT`].
    fn finish(self) {
        let _ = self.ended.recv_timeout(FLUSH_TIMEOUT);
    }
}

fn ignore_closed_pipe(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Ok(())
    } else {
        Err(error)
    }
}

/// Returns a token that is cancelled by SIGINT, SIGTERM or SIGHUP.
fn interrupt_token() -> io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
        cancel.cancel();
    });
    Ok(token)
}

fn report_error(error: &anyhow::Error, exit: Exit) -> Exit {
    // If standard error is closed, only the exit code reports the failure.
    let _ = writeln!(
        io::stderr(),
        "backroom-client: {}",
        error_with_causes(error)
    );
    exit
}

/// Formats an error and its causes. Omits causes that an earlier message already contains.
fn error_with_causes(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |message, cause| {
        let cause = cause.to_string();
        match message.as_str() {
            "" => cause,
            _ if message.contains(&cause) => message,
            _ => format!("{message}: {cause}"),
        }
    })
}
