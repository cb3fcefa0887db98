//! Shaping by verdicts from user space: every UDP packet waits in the kernel until the link model says what becomes
//! of it. It needs no netem, counts exactly, and takes the same seeds as the simulator.
//!
//! - [`delay_line`]: who is dropped and when the others are due; knows neither kernel nor clock.
//! - [`netlink`]: packets from the kernel and verdicts back.
//! - [`rules`]: the iptables rules in front of it.
//! - [`engine`]: the thread that does nothing else.
//!
//! Packets that wait still count against the send buffer of the socket that sent them, so a sender has at most that much
//! on its link; then its `send` waits.

mod delay_line;
mod engine;
mod netlink;
mod rules;

use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, eventfd};

use engine::{Engine, Request};
use rules::{Hook, Rule};

use super::protocol::{ShaperConfig, ShaperStats};
use super::{Backend, ShaperError};

/// Queue numbers are each network namespace's own.
const EGRESS_QUEUE: u16 = 1;
const INGRESS_QUEUE: u16 = 2;

/// The handle on the engine's thread, and the rules that feed it.
pub(super) struct Nfqueue {
    requests: mpsc::Sender<Request>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    rules: Vec<Rule>,
}

impl Nfqueue {
    /// Binds the queues and starts deciding. Nothing is handed over before it is configured.
    ///
    /// # Errors
    /// Without NET_ADMIN, or on a kernel without `nfnetlink_queue`.
    pub(super) fn start() -> Result<Self, ShaperError> {
        let wake = Arc::new(
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                .map_err(ShaperError::queue)?,
        );
        let (requests, inbox) = mpsc::channel();
        let engine = Engine::bind(EGRESS_QUEUE, INGRESS_QUEUE, inbox, Arc::clone(&wake))
            .map_err(ShaperError::queue)?;
        let thread = std::thread::Builder::new()
            .name("verdicts".to_owned())
            .spawn(move || {
                if let Err(error) = engine.run() {
                    tracing::error!("no more verdicts: {error}");
                }
            })
            .map_err(ShaperError::queue)?;
        Ok(Self {
            requests,
            wake,
            thread: Some(thread),
            rules: Vec::new(),
        })
    }

    /// Whether this kernel and these privileges allow it; leaves nothing behind.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn probe() -> Result<(), ShaperError> {
        let _queues = Self::start()?;
        Rule::insert(Hook::Output, EGRESS_QUEUE).map(drop)
    }

    /// Asks the engine's thread, which answers at once.
    fn ask<T>(&self, request: impl FnOnce(mpsc::Sender<T>) -> Request) -> Result<T, ShaperError> {
        let (answer, answered) = mpsc::channel();
        self.requests
            .send(request(answer))
            .map_err(|_| ShaperError::Stopped)?;
        rustix::io::write(&*self.wake, &1_u64.to_ne_bytes()).map_err(ShaperError::queue)?;
        answered.recv().map_err(|_| ShaperError::Stopped)
    }
}

impl Backend for Nfqueue {
    fn configure(&mut self, config: &ShaperConfig) -> Result<(), ShaperError> {
        if config.egress.duplicate > 0.0 {
            return Err(ShaperError::Unsupported(
                "nfqueue can't duplicate packets; set duplicate = 0 or use netem",
            ));
        }
        let loses_ingress = config.ingress_loss != backroom_link::Loss::None;
        self.ask(|answer| Request::Configure(Box::new(config.clone()), answer))?;
        let mut hooks = vec![(Hook::Output, EGRESS_QUEUE)];
        if loses_ingress {
            hooks.push((Hook::Input, INGRESS_QUEUE));
        }
        if self.rules.len() != hooks.len() {
            self.rules.clear();
            for (hook, queue) in hooks {
                self.rules.push(Rule::insert(hook, queue)?);
            }
        }
        Ok(())
    }

    fn stats(&mut self) -> Result<ShaperStats, ShaperError> {
        self.ask(Request::Stats)?.map_err(ShaperError::queue)
    }
}

impl Drop for Nfqueue {
    fn drop(&mut self) {
        self.rules.clear();
        if self.ask(Request::Stop).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}
