//! Handling of input: executes commands and sends messages.

use backroom_protocol::{ClientMessage, Content, Text};
use backroom_vocabulary::event::Event;

use super::{Ending, Session};
use crate::command::{self, Command, Recipients};
use crate::input::{Line, MAX_LINE_BYTES};

impl Session {
    pub(super) async fn handle_line(&mut self, line: Line) {
        let line = match line {
            Line::Text(line) => line.into_bytes(),
            Line::NotText(line) => line,
            Line::TooLong => {
                let error = format!(
                    "not sent: the line exceeds the limit of {MAX_LINE_BYTES} bytes; send a file instead"
                );
                return self.fail(error).await;
            }
            Line::Failed(error) => {
                return self.fail(format!("cannot read the input: {error}")).await;
            }
            Line::Interrupted => return self.leave(Ending::Interrupted),
            Line::End => return self.drain().await,
        };
        let executed = match command::parse(&line) {
            Ok(None) => Ok(()),
            Ok(Some(command)) => self.execute(command).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = executed {
            self.fail(error.to_string()).await;
        }
    }

    async fn execute(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Users => self.send(&ClientMessage::Users).await,
            Command::Message { to, text } => self.send_text(&to, text).await?,
            Command::File { to, path } => {
                let receivers = self.roster.resolve(&to)?;
                let settings = self.settings;
                self.transfers.send(path, to.cast, receivers, settings)?;
            }
            Command::Kick { user } => {
                let target = self.roster.find(&user)?.id;
                self.send(&ClientMessage::Kick { target }).await;
            }
            Command::Trust { user } => self.trust(&user).await?,
            Command::Set(setting) => {
                self.settings.apply(setting);
                self.show(Event::Settings(self.settings.into())).await;
            }
            Command::Transfers => {
                let transfers = self.transfers.list();
                self.show(Event::Transfers { transfers }).await;
            }
            Command::Cancel { id } => self.transfers.cancel(id)?,
            Command::Help => {
                let text = command::menu();
                self.show(Event::Help { text }).await;
            }
            Command::Exit => self.leave(Ending::Left),
        }
        Ok(())
    }

    async fn send_text(&mut self, to: &Recipients, text: String) -> anyhow::Result<()> {
        let receivers = self.roster.resolve(to)?;
        let recipients = receivers
            .iter()
            .map(|member| (member.id, member.public_key))
            .collect();
        let content = Content::Text {
            cast: to.cast,
            text: Text::new(text)?,
        };
        let to = receivers.iter().map(|member| member.id);
        self.unconfirmed.sent_text(to);
        self.post(content, recipients).await;
        Ok(())
    }
}
