//! A server process and its members. Every wait is for an event and has a time limit.

use std::env;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use backroom_protocol::{
    ClientMessage, Join, KeyPair, MemberId, MemberInfo, Name, Part, Password, Post, Refusal,
    ServerMessage,
};
use backroom_transport::connection::{
    ClientConnection, ConnectError, ConnectionError, Login, connect,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// The password of all rooms.
pub(crate) const PASSWORD: &str = "correct horse";

/// The time limit of a wait. It is long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits with a time limit.
pub(crate) async fn soon<T>(what: impl Debug, event: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, event).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what:?} did not come"),
    }
}

/// Returns a command that runs the program without inherited settings in its environment.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backroom-server"));
    prepare(command.args(arguments));
    command
}

/// Configures a command that runs the program.
pub(crate) fn prepare(command: &mut Command) -> &mut Command {
    command
        .env_remove("BACKROOM_PASSWORD")
        .env_remove("RUST_LOG")
        // Not the state folder of the user who runs the tests.
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
}

/// The lines of standard output or standard error.
pub(crate) struct Output<R>(Lines<BufReader<R>>);

impl<R: AsyncRead + Unpin> Output<R> {
    pub(crate) fn new(output: R) -> Self {
        Self(BufReader::new(output).lines())
    }

    /// The next line, or `None` at the end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        soon("a line", self.0.next_line()).await.unwrap()
    }

    /// The next line, which must be this one.
    pub(crate) async fn expect(&mut self, expected: &str) {
        assert_eq!(self.line().await.as_deref(), Some(expected));
    }

    /// The next line that contains `part`.
    pub(crate) async fn find(&mut self, part: &str) -> String {
        loop {
            let line = self.line().await;
            let line = line.unwrap_or_else(|| panic!("the output ended without {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The remaining lines.
    pub(crate) async fn rest(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }
}

/// A running server. Dropping it kills the process.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Output<ChildStdout>,
    pub(crate) stderr: Output<ChildStderr>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) login: Login,
}

impl Server {
    /// Starts a server on one port of loopback.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_on("0", options).await
    }

    /// Starts a server on these ports of loopback and waits until it is online.
    pub(crate) async fn start_on(ports: &str, options: &[&str]) -> Self {
        let mut command = program(&["127.0.0.1", ports]);
        command.args(options).env("BACKROOM_PASSWORD", PASSWORD);
        Self::spawn(&mut command, ports.split(',').count()).await
    }

    pub(crate) async fn spawn(command: &mut Command, ports: usize) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = Output::new(child.stderr.take().unwrap());
        Self::follow(child, stderr, ports).await
    }

    /// Waits until a started server is online.
    pub(crate) async fn follow(
        mut child: Child,
        mut stderr: Output<ChildStderr>,
        ports: usize,
    ) -> Self {
        let mut stdout = Output::new(child.stdout.take().unwrap());
        stdout.expect("Server is online...").await;
        let mut addresses = Vec::new();
        for _ in 0..ports {
            let line = stderr.find("listening").await;
            let (_, address) = line.split_once("address=").unwrap();
            addresses.push(address.trim().parse().unwrap());
        }
        Self {
            stdin: child.stdin.take(),
            child,
            stdout,
            stderr,
            addresses,
            login: Login::new(Password::new(PASSWORD.to_owned()).unwrap()),
        }
    }

    /// Proves the password without joining.
    pub(crate) async fn connect(&self) -> Result<ClientConnection, ConnectError> {
        soon("a join", connect(self.addresses[0], &self.login)).await
    }

    pub(crate) async fn try_join(&self, name: &str) -> Result<Member, Refusal> {
        Member::join(self.connect().await.unwrap(), name).await
    }

    /// Joins, and waits until the server has printed it.
    pub(crate) async fn join(&mut self, name: &str) -> Member {
        let member = self.try_join(name).await.unwrap();
        self.stdout
            .expect(&format!("Client Connected: {name}"))
            .await;
        member
    }

    /// Enters a command at the console.
    pub(crate) async fn types(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(&self.child, signal);
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        soon("the exit", self.child.wait()).await.unwrap()
    }
}

/// Sends a signal to a running program.
pub(crate) fn kill(child: &Child, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}

/// A member.
pub(crate) struct Member {
    pub(crate) id: MemberId,
    /// The roster at the time of the join, including this member.
    pub(crate) roster: Vec<MemberInfo>,
    pub(crate) connection: ClientConnection,
}

impl Member {
    pub(crate) async fn join(connection: ClientConnection, name: &str) -> Result<Self, Refusal> {
        let name = Name::new(name).unwrap();
        let key = KeyPair::generate().unwrap().public_key();
        let join = Join::new(name, key, None, &connection.agreement);
        Self::join_as(connection, join).await
    }

    /// Joins with this message.
    pub(crate) async fn join_as(
        mut connection: ClientConnection,
        join: Join,
    ) -> Result<Self, Refusal> {
        let join = ClientMessage::Join(join);
        connection.writer.send(&join).await.unwrap();
        match soon("an answer", connection.reader.receive())
            .await
            .unwrap()
        {
            Some(ServerMessage::Joined { you: id, members }) => Ok(Self {
                id,
                roster: members,
                connection,
            }),
            Some(ServerMessage::Refused(refusal)) => Err(refusal),
            other => panic!("neither in nor refused: {other:?}"),
        }
    }

    pub(crate) async fn says(&mut self, message: ClientMessage) {
        soon("the way out", self.connection.writer.send(&message))
            .await
            .unwrap();
    }

    /// Posts bytes to these members, each with its own sealed key.
    pub(crate) async fn posts(&mut self, content: &[u8], to: &[MemberId]) {
        let parts = to.iter().map(|to| Part {
            to: *to,
            sealed: key_for(*to),
        });
        let post = Post {
            content: content.to_vec(),
            parts: parts.collect(),
        };
        self.says(ClientMessage::Post(post)).await;
    }

    pub(crate) async fn votes_against(&mut self, target: &Self) {
        let target = target.id;
        self.says(ClientMessage::Kick { target }).await;
    }

    pub(crate) async fn next(&mut self) -> ServerMessage {
        let message = soon("a message", self.connection.reader.receive()).await;
        message.unwrap().expect("the connection ended")
    }

    /// The next message, which must be this one.
    pub(crate) async fn expect(&mut self, expected: ServerMessage) {
        assert_eq!(self.next().await, expected);
    }

    /// The next message, which must be this post.
    pub(crate) async fn expect_post(&mut self, from: &Self, content: &[u8]) {
        let expected = ServerMessage::Delivery {
            from: from.id,
            content: content.to_vec(),
            sealed: key_for(self.id),
        };
        assert!(self.next().await == expected, "another post was expected");
    }

    /// Reads up to the reply to a ping and returns the messages before it.
    pub(crate) async fn catches_up(&mut self) -> Vec<ServerMessage> {
        self.says(ClientMessage::Ping).await;
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                ServerMessage::Pong => return messages,
                message => messages.push(message),
            }
        }
    }

    /// Waits for the end of the connection. Fails on any other message.
    pub(crate) async fn expect_end(&mut self) {
        match soon("the end", self.connection.reader.receive()).await {
            Ok(None) | Err(ConnectionError::Lost(_)) => {}
            other => panic!("the end was expected, not {other:?}"),
        }
    }
}

fn key_for(member: MemberId) -> Vec<u8> {
    format!("key for {member}").into_bytes()
}
