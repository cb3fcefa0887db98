//! Shaping by verdicts from user space: every packet that is shaped waits in the kernel until the link model says what becomes
//! of it. It needs no netem, counts exactly, and takes the same seeds as the simulator.
//!
//! - [`delay_line`]: who is dropped and when the others are due; knows neither kernel nor clock.
//! - [`netlink`]: packets from the kernel and verdicts back.
//! - [`rules`]: the iptables rules in front of it.
//! - [`kernel_loss`]: random loss alone, without a verdict from here, for programs that are faster than verdicts.
//! - [`engine`]: the thread that does nothing else.
//!
//! Packets that wait still count against the send buffer of the socket that sent them, so a sender has at most that much
//! on its link; then its `send` waits. TCP holds back much sooner (its small queues: a millisecond's worth), so it can only be
//! given a delay on the way in, where packets belong to no socket yet. Of a super-packet that TCP hands down (GSO) the kernel
//! makes packets before it queues them.

mod delay_line;
mod engine;
mod kernel_loss;
mod netlink;
mod rules;

use std::iter;
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use backroom_link::LinkConfig;
use rustix::event::{EventfdFlags, eventfd};

use engine::{Engine, Request};
use kernel_loss::KernelLoss;
use rules::{Hook, Rule, Target, Traffic};

use super::protocol::{ShaperConfig, ShaperStats};
use super::{Backend, ShaperError, snmp};

/// Queue numbers are each network namespace's own.
const EGRESS_QUEUE: u16 = 1;
const INGRESS_QUEUE: u16 = 2;

/// The handle on the engine's thread, and the rules that feed it.
pub(super) struct Nfqueue {
    requests: mpsc::Sender<Request>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    rules: Vec<Rule>,
    /// Outlives the rules that hand packets to it.
    kernel_loss: Option<KernelLoss>,
    receive_drops_before: u64,
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
            kernel_loss: None,
            receive_drops_before: 0,
        })
    }

    /// Whether this kernel and these privileges allow it; leaves nothing behind.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn probe() -> Result<(), ShaperError> {
        let _queues = Self::start()?;
        let target = Target::Queue(EGRESS_QUEUE);
        Rule::insert(Hook::Output, target, Traffic::Udp).map(drop)
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
        if config.egress.duplicate > 0.0 || config.ingress.duplicate > 0.0 {
            return Err(ShaperError::Unsupported(
                "nfqueue can't duplicate packets; set duplicate = 0 or use netem",
            ));
        }
        let kernel_loss = kernel_loss::wanted(config)?;
        self.ask(|answer| Request::Configure(Box::new(config.clone()), answer))?;
        let wanted = caught(config);
        let same = wanted.len() == self.rules.len()
            && (wanted.iter().zip(&self.rules))
                .all(|(&(hook, target, traffic), rule)| rule.is(hook, target, traffic));
        if !same || kernel_loss.is_some() {
            self.rules.clear();
            self.kernel_loss = None;
            self.kernel_loss = kernel_loss.map(KernelLoss::insert).transpose()?;
            for (hook, target, traffic) in wanted {
                self.rules.push(Rule::insert(hook, target, traffic)?);
            }
        }
        self.receive_drops_before = snmp::receive_drops()?;
        Ok(())
    }

    fn stats(&mut self) -> Result<ShaperStats, ShaperError> {
        let (egress, mut ingress) = self.ask(Request::Stats)?.map_err(ShaperError::queue)?;
        if let Some(kernel_loss) = &self.kernel_loss {
            ingress = kernel_loss.stats()?;
        }
        Ok(ShaperStats {
            egress,
            ingress,
            receive_drops: snmp::receive_drops()?.saturating_sub(self.receive_drops_before),
        })
    }
}

/// What is to be handed over: all that leaves, and what comes in where something happens to it there.
fn caught(config: &ShaperConfig) -> Vec<(Hook, Target, Traffic)> {
    let mut hooks = Vec::new();
    if config.loss_in_kernel {
        hooks.push((Hook::Input, Target::Chain(kernel_loss::CHAIN)));
    } else {
        hooks.push((Hook::Output, Target::Queue(EGRESS_QUEUE)));
        if config.ingress != LinkConfig::default() {
            hooks.push((Hook::Input, Target::Queue(INGRESS_QUEUE)));
        }
    }
    let tcp = config
        .tcp_port
        .map(|port| [Traffic::TcpTo(port), Traffic::TcpFrom(port)]);
    let traffic: Vec<_> = iter::once(Traffic::Udp)
        .chain(tcp.into_iter().flatten())
        .collect();
    hooks
        .into_iter()
        .flat_map(|(hook, target)| traffic.iter().map(move |&traffic| (hook, target, traffic)))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_and_tcp_are_handed_over_only_where_asked_for() {
        let mut config = ShaperConfig {
            egress: LinkConfig::default(),
            egress_seed: 1,
            ingress: LinkConfig::default(),
            ingress_seed: 1,
            packet_bytes: 1_265,
            tcp_port: None,
            loss_in_kernel: false,
        };
        assert_eq!(
            caught(&config),
            [(Hook::Output, Target::Queue(EGRESS_QUEUE), Traffic::Udp)]
        );
        config.ingress.loss = backroom_link::Loss::Random(0.01);
        assert_eq!(caught(&config).len(), 2);
        config.tcp_port = Some(5_201);
        let all = caught(&config);
        assert_eq!(all.len(), 6);
        let from = Traffic::TcpFrom(5_201);
        assert!(all.contains(&(Hook::Input, Target::Queue(INGRESS_QUEUE), from)));
        config.loss_in_kernel = true;
        let chain = Target::Chain(kernel_loss::CHAIN);
        let all = caught(&config);
        assert_eq!(all.len(), 3);
        assert_eq!(all[0], (Hook::Input, chain, Traffic::Udp));
    }
}
