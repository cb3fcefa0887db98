//! The program: joins a room, runs the session and returns an exit code.

use std::io::{self, BufReader, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use backroom_protocol::{Name, Password, Refusal};
use backroom_transport::connection::{ConnectError, Login};
use backroom_transport::file::{DownloadFolder, ReceiveLimits};
use backroom_transport::udp::{Route, UdpOptions};
use backroom_vocabulary::event::Event;
use clap::Parser as _;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::cli::{Exit, Options, OutputFormat};
use crate::event;
use crate::input::{Input, Line, Lines, Prompt};
use crate::join::{Connector, JoinError};
use crate::password;
use crate::session::{Ending, Membership, Session};
use crate::tracer::Tracer;
use crate::transfers::{ActiveTransfers, Config, Transfers};
use crate::ui::{Editor, FrontEnd, Json, Plain, show_all};

/// The number of events that may wait to be shown. If the output blocks, the session waits when the queue is full.
const EVENT_QUEUE: usize = 4096;

/// The time that the output has to show the last events, and that threads blocked on a disk have to end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the program with the options of the command line. Writes the error that ends it to standard error.
pub fn run() -> ExitCode {
    let options = Options::parse();
    log_to_stderr();
    let exit = match start(options) {
        Ok(()) => Exit::Left,
        Err(Failure { error, exit }) => {
            let error = error_with_causes(&error);
            // If standard error is closed, only the exit code reports the failure.
            let _ = writeln!(io::stderr(), "backroom-client: {error}");
            exit
        }
    };
    ExitCode::from(exit as u8)
}

fn log_to_stderr() {
    // On a terminal, a log line would disrupt the line editor. RUST_LOG can still enable the log.
    let default_level = if io::stdout().is_terminal() {
        "off"
    } else {
        "warn"
    };
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
}

/// An error that ends the program, and its exit code.
struct Failure {
    error: anyhow::Error,
    exit: Exit,
}

impl Failure {
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            exit: Exit::Usage,
        }
    }

    fn lost(error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            exit: Exit::Lost,
        }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        let exit = match error {
            JoinError::Connect(ConnectError::WrongPassword) => Exit::WrongPassword,
            JoinError::Refused(Refusal::NameTaken { .. }) => Exit::Usage,
            _ => Exit::Lost,
        };
        Self {
            error: error.into(),
            exit,
        }
    }
}

fn start(mut options: Options) -> Result<(), Failure> {
    let password = password::find(&mut options).map_err(Failure::usage)?;
    if !options.download_dir.is_dir() {
        return Err(Failure::usage(anyhow!(
            "{} is not a folder; use --download-dir to set the folder for received files",
            options.download_dir.display()
        )));
    }
    // The session runs on this thread. Each transfer has its own.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::lost)?;
    let ended = runtime.block_on(run_with(options, password));
    // Transfers have been cancelled and have cleaned up by now, unless they are blocked on a disk.
    runtime.shutdown_timeout(FLUSH_TIMEOUT);
    ended
}

async fn run_with(options: Options, password: Password) -> Result<(), Failure> {
    let active = ActiveTransfers::default();
    let (mut input, ui) = open_ui(&options).map_err(Failure::usage)?;
    let (events, to_show) = mpsc::channel(EVENT_QUEUE);
    let output_ended = start_output(ui, to_show, active.clone()).map_err(Failure::lost)?;
    let tracing = options.trace.as_deref().map(Tracer::start).transpose();
    let (trace, trace_ended) = tracing.map_err(Failure::usage)?.unzip();
    let ended = join_and_run(&options, password, &mut input, &events, active, trace).await;
    if let (Err(failure), OutputFormat::Json) = (&ended, options.output) {
        show(&events, event::error(error_with_causes(&failure.error))).await;
    }
    drop(events);
    for ended in trace_ended.into_iter().chain([output_ended]) {
        // The thread sends nothing: this waits until it has ended.
        let _ = ended.recv_timeout(FLUSH_TIMEOUT);
    }
    ended
}

async fn join_and_run(
    options: &Options,
    password: Password,
    input: &mut Input,
    events: &mpsc::Sender<Event>,
    active: ActiveTransfers,
    trace: Option<Tracer>,
) -> Result<(), Failure> {
    let interrupt = interrupt_token().map_err(Failure::lost)?;
    let entered = tokio::select! {
        entered = authenticate_and_join(options, password, input, events) => entered?,
        () = interrupt.cancelled() => None,
    };
    let Some(membership) = entered else {
        return Ok(());
    };
    let config = Config {
        downloads: DownloadFolder::new(
            &options.download_dir,
            ReceiveLimits {
                max_bytes: options.max_file_size.map_or(u64::MAX, |size| size.as_u64()),
                keep_free_bytes: options.keep_free.as_u64(),
            },
        ),
        max_incoming: options.max_incoming,
        udp: UdpOptions {
            gso: options.gso,
            ..UdpOptions::default()
        },
        interface: multicast_interface(options, membership.connection.peer_addr),
        trace,
    };
    let transfers = Transfers::new(config, active);
    let session = Session::new(membership, transfers, options.settings, events.clone());
    match session.run(input, interrupt).await {
        Ending::Left => Ok(()),
        Ending::Lost(reason) => Err(Failure::lost(anyhow!("connection lost: {reason}"))),
        Ending::Kicked => Err(Failure::lost(anyhow!(
            "you were removed from the room by vote"
        ))),
    }
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
    let login = Login::new(password);
    let mut connector = Connector::connect(&options.host, options.port, login).await?;
    show(events, Event::Authenticated).await;
    if let Some(name) = &options.name {
        return Ok(Some(connector.join(name).await?));
    }
    loop {
        let Some(name) = ask_name(input, events).await else {
            return Ok(None);
        };
        match connector.join(&name).await {
            Err(JoinError::Refused(refusal @ Refusal::NameTaken { .. })) => {
                show(events, event::error(refusal.to_string())).await;
            }
            joined => return Ok(Some(joined?)),
        }
    }
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
            Line::TooLong | Line::NotText(_) => "this is not a valid name".into(),
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
        OutputFormat::Plain => Box::new(Plain),
        OutputFormat::Json => Box::new(Json),
    };
    Ok((Input::spawn(Lines(BufReader::new(io::stdin())))?, ui))
}

/// Starts the thread that shows events. The returned channel is disconnected when all of them are shown.
fn start_output(
    mut ui: Box<dyn FrontEnd>,
    events: mpsc::Receiver<Event>,
    active: ActiveTransfers,
) -> io::Result<blocking::Receiver<()>> {
    let runtime = Handle::current();
    let (running, ended) = blocking::channel();
    thread::Builder::new()
        .name("output".into())
        .spawn(move || {
            let shown = runtime.block_on(show_all(ui.as_mut(), events, active));
            if let Err(error) = shown
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                tracing::warn!(%error, "cannot write to standard output");
            }
            drop(running);
        })?;
    Ok(ended)
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
