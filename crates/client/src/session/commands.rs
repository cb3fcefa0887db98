//! What the user says.

use backroom_protocol::{ClientMessage, Content, Text};

use super::Session;
use crate::command::{self, Command, Recipients};
use crate::event::{self, Event};
use crate::input::{Line, MAX_LINE_BYTES};

impl Session {
    pub(super) async fn handle_line(&mut self, line: Line) {
        let line = match line {
            Line::Text(line) => line,
            Line::TooLong => {
                let error = format!(
                    "a line of more than {MAX_LINE_BYTES} bytes was left out; send it as a file"
                );
                return self.show(event::error(error)).await;
            }
            Line::NotText => {
                return self
                    .show(event::error("a line that is not UTF-8 was left out"))
                    .await;
            }
            Line::Interrupted => return self.leave(),
            Line::End => return self.drain().await,
        };
        let carried_out = match command::parse(&line) {
            Ok(None) => Ok(()),
            Ok(Some(command)) => self.carry_out(command).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = carried_out {
            self.show(event::error(error.to_string())).await;
        }
    }

    async fn carry_out(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Users => self.say(&ClientMessage::Users).await,
            Command::Message { to, text } => self.send_text(&to, text).await?,
            Command::File { to, path } => {
                let receivers = self.roster.resolve(&to)?;
                self.transfers
                    .send(path, to.cast(), receivers, self.settings)?;
            }
            Command::Kick { user } => {
                let target = self.roster.find(&user)?.id;
                self.say(&ClientMessage::Kick { target }).await;
            }
            Command::Set(setting) => {
                self.settings.apply(setting);
                self.show(Event::Settings(self.settings.into())).await;
            }
            Command::Transfers => self.show(self.transfers.list()).await,
            Command::Cancel { id } => self.transfers.cancel(id)?,
            Command::Help => {
                self.show(Event::Help {
                    text: command::menu(),
                })
                .await
            }
            Command::Exit => self.leave(),
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
            cast: to.cast(),
            text: Text::new(text)?,
        };
        self.post(content, recipients).await;
        Ok(())
    }
}
