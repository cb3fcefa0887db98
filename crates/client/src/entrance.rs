//! From the command line to the membership: the server's identity, the password, the name.

use backroom_protocol::{Name, Password, Refusal};
use backroom_state::KnownKeysError;
use backroom_transport::connection::Login;
use backroom_vocabulary::event::{Event, Server};
use tokio::sync::mpsc;

use crate::cli::Options;
use crate::event;
use crate::input::{Input, Line, Prompt};
use crate::join::{Connector, JoinError};
use crate::session::Membership;
use crate::trust::{self, KnownServers, ServerState};

/// What is needed to enter a room.
pub(crate) struct Entrance<'a> {
    pub(crate) options: &'a Options,
    pub(crate) servers: KnownServers,
    /// Whether a person can answer questions.
    pub(crate) on_terminal: bool,
    pub(crate) events: &'a mpsc::Sender<Event>,
    /// The lines that were not a name, or not a free one.
    pub(crate) failures: usize,
}

impl Entrance<'_> {
    /// Proves the password, checks the identity of the server and joins with a name. Returns `None` if the user ends the input
    /// instead of entering a name.
    pub(crate) async fn authenticate_and_join(
        &mut self,
        password: Password,
        input: &mut Input,
    ) -> Result<Option<(Server, Membership)>, JoinError> {
        let (host, port) = (&self.options.host, self.options.port);
        let mut connector = Connector::connect(host, port, Login::new(password)).await?;
        let server = self.check_server(&connector, input).await?;
        self.show(Event::Authenticated).await;
        let membership = match &self.options.name {
            Some(name) => Some(self.join(&mut connector, name).await?),
            None => self.join_with_chosen_name(&mut connector, input).await?,
        };
        Ok(membership.map(|membership| (server, membership)))
    }

    /// Compares the identity of the server with the known one. A changed identity needs the consent of a person.
    async fn check_server(
        &mut self,
        connector: &Connector,
        input: &mut Input,
    ) -> Result<Server, JoinError> {
        let address = trust::address(&self.options.host, self.options.port);
        let key = connector.server_key();
        let state = self.servers.compare(&address, key);
        let remembered = match state {
            ServerState::Changed { known } => {
                let change = trust::describe_change(&address, key, known);
                if !self.is_accepted(&change, input).await {
                    let remedy = self.servers.remedy(&address);
                    return Err(JoinError::ServerChanged(format!("{change}\n{remedy}")));
                }
                self.servers.remember(&address, key)
            }
            ServerState::New => self.servers.remember(&address, key),
            ServerState::Known | ServerState::Ephemeral => Ok(()),
        };
        self.warn_unless_remembered(remembered).await;
        Ok(Server {
            address,
            fingerprint: key.key.fingerprint().to_string(),
            identity: state.identity_state(),
        })
    }

    /// Asks, if a person can answer.
    async fn is_accepted(&self, change: &str, input: &mut Input) -> bool {
        if !self.on_terminal {
            return false;
        }
        self.warn(change.to_owned()).await;
        let answer = input.next(Prompt::Confirmation).await;
        matches!(answer, Line::Text(line) if line.trim().eq_ignore_ascii_case("yes"))
    }

    async fn join_with_chosen_name(
        &mut self,
        connector: &mut Connector,
        input: &mut Input,
    ) -> Result<Option<Membership>, JoinError> {
        loop {
            let Some(name) = self.ask_name(input).await else {
                return Ok(None);
            };
            match self.join(connector, &name).await {
                Err(JoinError::Refused(refusal @ Refusal::NameTaken { .. })) => {
                    self.failures += 1;
                    self.show(event::error(refusal.to_string())).await;
                }
                joined => return joined.map(Some),
            }
        }
    }

    /// Joins with the identity of this name.
    async fn join(&self, connector: &mut Connector, name: &Name) -> Result<Membership, JoinError> {
        let found = trust::find_identity(self.options, name)?;
        if let Some(reason) = found.unusable {
            let advice =
                "others cannot recognise you later; use --identity FILE to keep an identity";
            self.warn(format!(
                "joining without an identity, because {reason}; {advice}"
            ))
            .await;
        }
        connector.join(name, found.identity.as_ref()).await
    }

    /// Prompts until the user enters a valid name. Returns `None` at the end of the input.
    async fn ask_name(&mut self, input: &mut Input) -> Option<Name> {
        loop {
            self.show(Event::NameWanted).await;
            let error = match input.next(Prompt::Name).await {
                Line::Text(line) => match Name::new(line.trim()) {
                    Ok(name) => return Some(name),
                    Err(error) => error.to_string(),
                },
                Line::TooLong | Line::NotText(_) => "this is not a valid name".into(),
                Line::Failed(error) => format!("cannot read the input: {error}"),
                Line::Interrupted | Line::End => return None,
            };
            self.failures += 1;
            self.show(event::error(error)).await;
        }
    }

    async fn warn_unless_remembered(&self, remembered: Result<(), KnownKeysError>) {
        if let Err(error) = remembered {
            self.warn(format!("the server's identity is not remembered: {error}"))
                .await;
        }
    }

    async fn warn(&self, message: String) {
        self.show(Event::Warning { message }).await;
    }

    async fn show(&self, event: Event) {
        // An error means that the output is closed, which the session handles.
        let _ = self.events.send(event).await;
    }
}
