//! The program: joins a room, runs the session and returns an exit code.

use std::io::{self, BufReader, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use backroom_process::{log, open_files, signals};
use backroom_protocol::{Password, Refusal};
use backroom_transport::connection::ConnectError;
use backroom_transport::file::{DownloadFolder, ReceiveLimits};
use backroom_transport::udp::{Ports, Route, UdpOptions};
use backroom_vocabulary::event::Event;
use clap::Parser as _;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cli::{Exit, Options, OutputFormat};
use crate::entrance::Entrance;
use crate::event;
use crate::input::{Input, Lines};
use crate::join::JoinError;
use crate::password;
use crate::session::{Ending, Introduction, Session};
use crate::tracer::Tracer;
use crate::transfers::{ActiveTransfers, Config, Transfers};
use crate::trust::{KnownMembers, KnownServers};
use crate::ui::{Editor, FrontEnd, Stream, show_all};

/// The number of events that may wait to be shown. If the output blocks, the session waits when the queue is full.
const EVENT_QUEUE: usize = 4096;

/// The time that the output has to show the last events, and that threads blocked on a disk have to end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The number of files that are sent at the same time, and of their unicast streams.
const MAX_OUTGOING: usize = 256;

/// What a file with its group and a unicast stream keep open: the file, two sockets, and what wakes their threads.
const OPEN_FILES_PER_OUTGOING: usize = 8;

/// What an incoming file keeps open: the file and its folder, two sockets, and what wakes its thread.
const OPEN_FILES_PER_INCOMING: usize = 6;

/// Runs the program with the options of the command line. Writes the error that ends it to standard error.
pub fn run() -> ExitCode {
    let options = Options::parse();
    // On a terminal, a log line would disrupt the line editor. RUST_LOG can still enable the log.
    let default_level = if io::stdout().is_terminal() {
        "off"
    } else {
        "warn"
    };
    let colours = io::stderr().is_terminal();
    let log = match log::start(default_level, colours) {
        Ok(log) => log,
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "backroom-client: cannot start a thread: {error}"
            );
            return ExitCode::from(Exit::Lost as u8);
        }
    };
    let exit = match start(options) {
        Ok(()) => Exit::Left,
        Err(Failure { error, exit }) => {
            log.print(format!("backroom-client: {}", error_with_causes(&error)));
            exit
        }
    };
    log.finish();
    ExitCode::from(exit as u8)
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

    /// Lines or files that failed. The exit code tells only a program that wrote them: a person has seen the errors.
    fn check(failures: usize) -> Result<(), Self> {
        if failures == 0 || io::stdin().is_terminal() {
            return Ok(());
        }
        let failed = match failures {
            1 => "1 command or file".into(),
            failures => format!("{failures} commands or files"),
        };
        Err(Self {
            error: anyhow!("{failed} failed; the output has the reasons"),
            exit: Exit::Incomplete,
        })
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
            JoinError::Refused(Refusal::NameTaken { .. }) | JoinError::Identity(_) => Exit::Usage,
            JoinError::ServerChanged(_) | JoinError::AnotherServer => Exit::ServerChanged,
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
    let servers = KnownServers::open(&options).map_err(Failure::usage)?;
    let members = KnownMembers::open(&options).map_err(Failure::usage)?;
    signals::fail_beyond_file_size().map_err(Failure::lost)?;
    // The session runs on this thread. Each transfer has its own.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::lost)?;
    let ended = runtime.block_on(run_with(options, password, servers, members));
    // Transfers have been cancelled and have cleaned up by now, unless they are blocked on a disk.
    runtime.shutdown_timeout(FLUSH_TIMEOUT);
    ended
}

async fn run_with(
    options: Options,
    password: Password,
    servers: KnownServers,
    members: KnownMembers,
) -> Result<(), Failure> {
    let active = ActiveTransfers::default();
    let Ui {
        mut input,
        front_end,
        on_terminal,
    } = open_ui(&options).map_err(Failure::usage)?;
    let (events, to_show) = mpsc::channel(EVENT_QUEUE);
    let output_ended = start_output(front_end, to_show, active.clone()).map_err(Failure::lost)?;
    let tracing = options.trace.as_deref().map(Tracer::start).transpose();
    let (trace, trace_ended) = tracing.map_err(Failure::usage)?.unzip();
    let entrance = Entrance {
        options: &options,
        servers,
        on_terminal,
        events: &events,
        failures: 0,
    };
    let ended = join_and_run(entrance, password, members, &mut input, active, trace).await;
    if let (Err(failure), OutputFormat::Json) = (&ended, options.output) {
        let error = event::error(error_with_causes(&failure.error));
        // On a timeout, the output is blocked, and the exit code alone tells of the failure.
        let _ = timeout(FLUSH_TIMEOUT, show(&events, error)).await;
    }
    drop(events);
    for ended in trace_ended.into_iter().chain([output_ended]) {
        // The thread sends nothing: this waits until it has ended.
        let _ = ended.recv_timeout(FLUSH_TIMEOUT);
    }
    ended
}

async fn join_and_run(
    mut entrance: Entrance<'_>,
    password: Password,
    members: KnownMembers,
    input: &mut Input,
    active: ActiveTransfers,
    trace: Option<Tracer>,
) -> Result<(), Failure> {
    let udp = UdpOptions {
        gso: entrance.options.gso,
        ..UdpOptions::default()
    };
    let ports = open_ports(entrance.options, udp).map_err(Failure::usage)?;
    let interrupt = interrupt_token().map_err(Failure::lost)?;
    let events = entrance.events;
    let entered = tokio::select! {
        entered = entrance.authenticate_and_join(password, input) => entered?,
        () = interrupt.cancelled() => return Ok(()),
        // Nobody reads the output.
        () = events.closed() => return Ok(()),
    };
    let Entrance {
        options, failures, ..
    } = entrance;
    let Some((server, mut membership)) = entered else {
        return Failure::check(failures);
    };
    let (max_incoming, max_outgoing) = max_transfers(options.max_incoming);
    let config = Config {
        downloads: DownloadFolder::new(
            &options.download_dir,
            ReceiveLimits {
                max_bytes: options.max_file_size.map_or(u64::MAX, |size| size.as_u64()),
                keep_free_bytes: options.keep_free.as_u64(),
            },
        ),
        max_incoming,
        max_outgoing,
        max_stall: options.settings.give_up_after,
        udp,
        ports,
        interface: multicast_interface(options, membership.connection.peer_addr),
        trace,
    };
    let transfers = Transfers::new(config, active);
    let introduction = Introduction {
        server,
        forged: std::mem::take(&mut membership.forged),
    };
    let members = members.of(membership.connection.agreement.server, events);
    let (settings, events) = (options.settings, events.clone());
    let session = Session::new(membership, members, transfers, settings, events, interrupt);
    let outcome = session.run(introduction, input).await;
    match outcome.ending {
        Ending::Left => Failure::check(failures + outcome.failures),
        Ending::Interrupted => Ok(()),
        Ending::Lost(reason) => Err(Failure::lost(anyhow!("connection lost: {reason}"))),
        Ending::Kicked => Err(Failure::lost(anyhow!(
            "you were removed from the room by vote"
        ))),
    }
}

fn open_ports(options: &Options, udp: UdpOptions) -> anyhow::Result<Ports> {
    let Some(range) = options.udp_port.clone() else {
        return Ok(Ports::any(udp));
    };
    Ports::fixed(range, udp)
        .with_context(|| "cannot use the port of --udp-port; choose another one")
}

/// How many files can be received at the same time, and how many can be sent and how many unicast streams they can have. These are
/// fewer than usual if the system allows few open files; then either direction gets half of them.
fn max_transfers(max_incoming: usize) -> (usize, usize) {
    let incoming = max_incoming.saturating_mul(OPEN_FILES_PER_INCOMING);
    let outgoing = MAX_OUTGOING * OPEN_FILES_PER_OUTGOING;
    let allowed = open_files::raise_limit(incoming.saturating_add(outgoing));
    let for_incoming = incoming.min(allowed.saturating_sub(outgoing).max(allowed / 2));
    let incoming = (for_incoming / OPEN_FILES_PER_INCOMING).max(1);
    let outgoing = (allowed - for_incoming) / OPEN_FILES_PER_OUTGOING;
    (max_incoming.min(incoming), outgoing.clamp(1, MAX_OUTGOING))
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

async fn show(events: &mpsc::Sender<Event>, event: Event) {
    // An error means that the output is closed, which the session handles.
    let _ = events.send(event).await;
}

struct Ui {
    input: Input,
    front_end: Box<dyn FrontEnd>,
    /// Whether a person can answer questions.
    on_terminal: bool,
}

/// Opens the input and the front end: a line editor on a terminal, otherwise plain lines or JSON.
fn open_ui(options: &Options) -> anyhow::Result<Ui> {
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if options.output == OutputFormat::Plain && on_terminal && !dumb {
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let (editor, terminal) = Editor::open(colors, options.bell)?;
        return Ok(Ui {
            input: Input::spawn(editor)?,
            front_end: Box::new(terminal),
            on_terminal,
        });
    }
    let front_end: Box<dyn FrontEnd> = match options.output {
        OutputFormat::Plain => Box::new(Stream::plain()),
        OutputFormat::Json => Box::new(Stream::json()),
    };
    let lines = Lines::new(BufReader::new(io::stdin()));
    Ok(Ui {
        input: Input::spawn(lines)?,
        front_end,
        on_terminal: on_terminal && options.output == OutputFormat::Plain,
    })
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
            if let Err(error) = shown {
                tracing::info!(%error, "nobody reads the output; leaving the room");
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
