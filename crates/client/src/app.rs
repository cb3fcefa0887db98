//! The program: a front end, a way in, a session, an exit code.

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

use crate::cli::{Exit, Options, Output, Switch};
use crate::event::{self, Event};
use crate::front::{Editor, FrontEnd, Json, Plain, show_all};
use crate::input::{Input, Line, Lines, Prompt};
use crate::join::{Door, JoinError, OpenError};
use crate::password;
use crate::session::{Admission, Ending, Session};
use crate::tracer::Tracer;
use crate::transfers::{Board, Limits, Transfers};

/// Events that may wait to be shown. When more do, because the output stands still, the session waits, too.
const EVENTS: usize = 4096;

/// How long the output may take to show the last events, and a file to be opened or made.
const LAST_WORDS_TIME: Duration = Duration::from_secs(2);

/// Runs the program to its end. Why it could not go on is said on standard error.
#[must_use]
pub fn run(mut options: Options) -> Exit {
    let password = match password::find(&mut options) {
        Ok(password) => password,
        Err(error) => return complain(&error, Exit::Usage),
    };
    if !options.download_dir.is_dir() {
        let folder = options.download_dir.display();
        let error =
            anyhow::anyhow!("{folder} is no folder; --download-dir says where received files go");
        return complain(&error, Exit::Usage);
    }
    // The room has this thread, and each transfer another.
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.into(), Exit::Lost),
    };
    let exit = runtime.block_on(run_with(options, password));
    // Transfers were told to end, and cleared up meanwhile; one that waits for a disk is not waited for.
    runtime.shutdown_timeout(LAST_WORDS_TIME);
    exit
}

async fn run_with(options: Options, password: Password) -> Exit {
    let board = Board::default();
    let (mut input, front) = match front_end(&options) {
        Ok(ends) => ends,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let (events, to_show) = mpsc::channel(EVENTS);
    let screen = match Screen::start(front, to_show, board.clone()) {
        Ok(screen) => screen,
        Err(error) => return complain(&error.into(), Exit::Lost),
    };
    let (trace, trace_end) = match options.trace.as_deref().map(Tracer::start).transpose() {
        Ok(tracing) => tracing.unzip(),
        Err(error) => {
            let path = options.trace.unwrap_or_default();
            let error = anyhow::anyhow!(
                "{}: {error}; --trace needs a file that can be written",
                path.display()
            );
            return complain(&error, Exit::Usage);
        }
    };
    let ended = match enter_and_stay(&options, password, &mut input, &events, board, trace).await {
        Ok(ending) => ending.into_result(),
        Err(failure) => Err(failure),
    };
    if let (Err(failure), Output::Json) = (&ended, options.output) {
        // Where nobody reads it there is still the exit code.
        let _ = events
            .send(event::error(whole_message(&failure.error)))
            .await;
    }
    drop(events);
    if let Some(end) = trace_end {
        end.wait(LAST_WORDS_TIME);
    }
    screen.finish();
    match ended {
        Ok(()) => Exit::Left,
        Err(failure) => complain(&failure.error, failure.exit),
    }
}

/// Why the program ends before its user wanted.
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
                anyhow::anyhow!("you were kicked out of the chatroom"),
                Exit::Lost,
            )),
        }
    }
}

async fn enter_and_stay(
    options: &Options,
    password: Password,
    input: &mut Input,
    events: &mpsc::Sender<Event>,
    board: Board,
    trace: Option<Tracer>,
) -> Result<Ending, Failure> {
    let interrupt = interrupt_token().map_err(|error| Failure::new(error, Exit::Lost))?;
    let entered = tokio::select! {
        entered = enter(options, password, input, events) => entered?,
        () = interrupt.cancelled() => None,
    };
    let Some(admission) = entered else {
        return Ok(Ending::Left);
    };
    let limits = Limits {
        download_dir: options.download_dir.clone(),
        max_incoming: options.max_incoming,
        receive: ReceiveLimits {
            max_bytes: options.max_file_size.unwrap_or(u64::MAX),
            ..ReceiveLimits::default()
        },
        gso: options.gso == Switch::On,
        interface: multicast_interface(options, admission.server),
        trace,
    };
    let transfers = Transfers::new(limits, board);
    let session = Session::new(admission, transfers, options.settings(), events.clone());
    Ok(session.run(input, interrupt).await)
}

/// The address of the interface that leads to the room: files to many go the same way.
fn multicast_interface(options: &Options, server: SocketAddr) -> Option<Ipv4Addr> {
    let server = SocketAddr::new(server.ip().to_canonical(), server.port());
    let route = Route::to(server).ok()?;
    match route.local {
        IpAddr::V4(interface) if options.multicast == Switch::On => Some(interface),
        _ => None,
    }
}

/// Proves the password and gets a name into the room. `None` where the user gives up.
async fn enter(
    options: &Options,
    password: Password,
    input: &mut Input,
    events: &mpsc::Sender<Event>,
) -> Result<Option<Admission>, Failure> {
    let mut door = Door::open(&options.host, options.port, Login::new(password))
        .await
        .map_err(|error| {
            let exit = match error {
                OpenError::Connect(ConnectError::WrongPassword) => Exit::WrongPassword,
                _ => Exit::Lost,
            };
            Failure::new(error, exit)
        })?;
    show(events, Event::Authenticated).await;
    if let Some(name) = &options.name {
        return door.join(name).await.map(Some).map_err(not_let_in);
    }
    loop {
        let Some(name) = ask_name(input, events).await else {
            return Ok(None);
        };
        match door.join(&name).await {
            Ok(admission) => return Ok(Some(admission)),
            Err(JoinError::Refused(refusal @ Refusal::NameTaken { .. })) => {
                show(events, event::error(refusal.to_string())).await;
            }
            Err(error) => return Err(not_let_in(error)),
        }
    }
}

fn not_let_in(error: JoinError) -> Failure {
    let exit = match error {
        JoinError::Refused(Refusal::NameTaken { .. }) => Exit::Usage,
        _ => Exit::Lost,
    };
    Failure::new(error, exit)
}

/// Asks until what is typed can be a name. `None` at the end of input.
async fn ask_name(input: &mut Input, events: &mpsc::Sender<Event>) -> Option<Name> {
    loop {
        show(events, Event::NameWanted).await;
        let error = match input.next(Prompt::Name).await {
            Line::Text(line) => match Name::new(line.trim()) {
                Ok(name) => return Some(name),
                Err(error) => error.to_string(),
            },
            Line::TooLong | Line::NotText => "that can't be a name".into(),
            Line::Interrupted | Line::End => return None,
        };
        show(events, event::error(error)).await;
    }
}

async fn show(events: &mpsc::Sender<Event>, event: Event) {
    // Where nobody watches any more, the session notices.
    let _ = events.send(event).await;
}

/// What lines come from, and what shows events.
fn front_end(options: &Options) -> anyhow::Result<(Input, Box<dyn FrontEnd>)> {
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if options.output == Output::Plain && on_terminal && !dumb {
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let (editor, terminal) = Editor::open(colors, options.bell)?;
        return Ok((Input::spawn(editor)?, Box::new(terminal)));
    }
    let front: Box<dyn FrontEnd> = match options.output {
        Output::Plain => Box::new(Plain(io::stdout())),
        Output::Json => Box::new(Json(io::stdout())),
    };
    Ok((Input::spawn(Lines(BufReader::new(io::stdin())))?, front))
}

/// The thread that shows events.
struct Screen {
    ended: blocking::Receiver<()>,
}

impl Screen {
    fn start(
        mut front: Box<dyn FrontEnd>,
        events: mpsc::Receiver<Event>,
        board: Board,
    ) -> io::Result<Self> {
        let runtime = Handle::current();
        let (tell, ended) = blocking::channel();
        thread::Builder::new()
            .name("output".into())
            .spawn(move || {
                let shown = runtime.block_on(show_all(front.as_mut(), events, board));
                if let Err(error) = shown.or_else(ignore_closed_pipe) {
                    tracing::warn!(%error, "can't write the output");
                }
                let _ = tell.send(());
            })?;
        Ok(Self { ended })
    }

    /// Waits until everything is shown, unless nobody reads it.
    fn finish(self) {
        let _ = self.ended.recv_timeout(LAST_WORDS_TIME);
    }
}

fn ignore_closed_pipe(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Ok(())
    } else {
        Err(error)
    }
}

/// Cancelled at SIGINT, SIGTERM or SIGHUP.
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

fn complain(error: &anyhow::Error, exit: Exit) -> Exit {
    // A closed standard error leaves the exit code to tell.
    let _ = writeln!(io::stderr(), "backroom-client: {}", whole_message(error));
    exit
}

/// An error with its causes, but for those that it quotes itself.
fn whole_message(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |message, cause| {
        let cause = cause.to_string();
        match message.as_str() {
            "" => cause,
            _ if message.contains(&cause) => message,
            _ => format!("{message}: {cause}"),
        }
    })
}
