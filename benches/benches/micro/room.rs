//! The time from a post until the last of a hundred members has received it, with the server in this process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use backroom_protocol::handshake::ServerIdentity;
use backroom_protocol::{
    Cast, ClientMessage, Content, Envelopes, Join, KeyPair, MemberId, Password, PublicKey,
    ServerMessage, StretchParams, StretchedPassword, Text,
};
use backroom_server::options::Options;
use backroom_server::server::Server;
use backroom_transport::connection::{Connection, Login, connect};
use clap::Parser as _;
use criterion::{Criterion, Throughput};
use tokio::sync::{mpsc, oneshot};

const MEMBERS: usize = 100;
const PASSWORD: &str = "a bench has no secrets";

type Member = Connection<ServerMessage, ClientMessage>;

/// Measures a post to all other members.
pub(crate) fn fan_out(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (mut sender, mut recipients, mut envelopes, keys) = runtime.block_on(room());
    let content = Content::Text {
        cast: Cast::Broadcast,
        text: Text::new("x".repeat(100)).expect("short enough"),
    };
    let mut group = criterion.benchmark_group("room");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(recipients.len() as u64));
    group.bench_function(format!("fan-out/{MEMBERS}"), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let post = envelopes.seal(&content, &keys).expect("good recipients");
                sender
                    .writer
                    .send(&ClientMessage::Post(post))
                    .await
                    .expect("sent");
                for recipient in &mut recipients {
                    while !matches!(next(recipient).await, ServerMessage::Delivery { .. }) {}
                }
            });
        });
    });
    group.finish();
}

async fn room() -> (Member, Vec<Member>, Envelopes, Vec<(MemberId, PublicKey)>) {
    let server = start_server().await;
    let login = Login::new(Password::new(PASSWORD.to_owned()).expect("allowed"));
    let key_pair = KeyPair::generate().expect("random bytes");
    let (sender, own_id) = join(server, &login, "sender", key_pair.public_key()).await;
    let mut recipients = Vec::new();
    let mut keys = Vec::new();
    for number in 1..MEMBERS {
        let key = KeyPair::generate().expect("random bytes").public_key();
        let (member, id) = join(server, &login, &format!("member{number}"), key).await;
        recipients.push(member);
        keys.push((id, key));
    }
    (sender, recipients, Envelopes::new(key_pair, own_id), keys)
}

/// Starts a room on a free port, with limits that the benchmark does not reach.
async fn start_server() -> SocketAddr {
    // Dropping the listener frees the port again.
    let free =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let address = free.expect("a free port");
    let port = address.port().to_string();
    let options = Options::parse_from([
        "room",
        "127.0.0.1",
        &port,
        "--messages-per-second=1000000",
        "--kib-per-second=1048576",
    ]);
    let password = Password::new(PASSWORD.to_owned()).expect("allowed");
    let params = StretchParams::generate().expect("random bytes");
    let stretched = StretchedPassword::stretch(&password, params);
    let identity = ServerIdentity::ephemeral().expect("random bytes");
    let (tell, bound) = oneshot::channel();
    // The console stays open and empty. The room ends with the process.
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let server = Server::bind(&options, stretched, identity).await;
            let server = server.expect("a free port");
            tell.send(()).expect("somebody waits for it");
            let (_console, lines) = mpsc::channel(1);
            server.run(lines, std::future::pending()).await
        })
    });
    bound.await.expect("a room");
    address
}

async fn join(
    server: SocketAddr,
    login: &Login,
    name: &str,
    public_key: PublicKey,
) -> (Member, MemberId) {
    let mut connection: Member = connect(server, login).await.expect("the right password");
    let name = name.parse().expect("allowed");
    let join = Join::new(name, public_key, None, &connection.agreement);
    connection
        .writer
        .send(&ClientMessage::Join(join))
        .await
        .expect("sent");
    match next(&mut connection).await {
        ServerMessage::Joined { you, .. } => (connection, you),
        answer => panic!("not let in: {answer:?}"),
    }
}

async fn next(member: &mut Member) -> ServerMessage {
    member
        .reader
        .receive()
        .await
        .expect("a message")
        .expect("the server is there")
}
