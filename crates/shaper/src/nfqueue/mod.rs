//! Shaping by verdicts from user space: each shaped packet waits in the kernel until the link model decides about it.
//! This needs no netem, counts exactly, and uses the same seeds as the simulator.
//!
//! - [`delay_line`]: which packets are dropped and when the others are due. No kernel, no clock.
//! - [`netlink`]: packets from the kernel and verdicts back.
//! - [`rules`]: the iptables rules that select packets.
//! - [`kernel_loss`]: random loss in the kernel, for programs that are faster than verdicts.
//! - [`engine`]: the thread that decides.
//!
//! A waiting packet still counts against the send buffer of its socket, so a sender's `send` blocks once its buffer's
//! worth is on the link. TCP stops much earlier (TCP small queues: a millisecond's worth), so TCP can only be delayed
//! on the way in, where packets belong to no socket yet. The kernel splits GSO super-packets before it queues them.

mod delay_line;
mod engine;
mod kernel_loss;
mod netlink;
mod rules;

use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use backroom_link::LinkConfig;
use rustix::event::{EventfdFlags, eventfd};

use crate::backend::Backend;
use crate::error::ShaperError;
use crate::protocol::{ShaperConfig, ShaperStats};
use crate::snmp;

use engine::{EGRESS_QUEUE, Engine, INGRESS_QUEUE, Request};
use kernel_loss::KernelLoss;
use rules::{Hook, InsertedRule, Rule, Target, Traffic};

/// The engine's thread and the rules that feed it.
pub(super) struct Nfqueue {
    requests: mpsc::Sender<Request>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    rules: Vec<InsertedRule>,
    /// Declared after the rules that jump to its chain, so it is dropped later.
    kernel_loss: Option<KernelLoss>,
    receive_drops_before: u64,
}

impl Nfqueue {
    /// Binds the queues and starts the engine. No packet is queued until [`configure`](Backend::configure).
    pub(super) fn start() -> Result<Self, ShaperError> {
        let wake = Arc::new(
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                .map_err(ShaperError::queue)?,
        );
        let (requests, inbox) = mpsc::channel();
        let engine = Engine::bind(inbox, Arc::clone(&wake)).map_err(ShaperError::queue)?;
        let thread = std::thread::Builder::new()
            .name("verdicts".to_owned())
            .spawn(move || {
                if let Err(error) = engine.run() {
                    tracing::error!("packet thread stopped: {error}");
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

    /// Tests whether the kernel and the privileges allow it. Leaves nothing behind. The error names the missing part.
    pub(super) fn probe() -> Result<(), ShaperError> {
        let _queues = Self::start()?;
        let rule = Rule(Hook::Output, Target::Queue(EGRESS_QUEUE), Traffic::Udp);
        rule.insert().map(drop)
    }

    /// Sends a request to the engine's thread and waits for the reply, which comes at once.
    fn request<T>(&self, build: impl FnOnce(mpsc::Sender<T>) -> Request) -> Result<T, ShaperError> {
        let (reply, replies) = mpsc::channel();
        self.requests
            .send(build(reply))
            .map_err(|_| ShaperError::Stopped)?;
        rustix::io::write(&*self.wake, &1_u64.to_ne_bytes()).map_err(ShaperError::queue)?;
        replies.recv().map_err(|_| ShaperError::Stopped)
    }
}

impl Backend for Nfqueue {
    fn configure(&mut self, config: &ShaperConfig) -> Result<(), ShaperError> {
        check_supported(&config.egress)?;
        check_supported(&config.ingress)?;
        let kernel_loss = kernel_loss::requested(config)?;
        self.request(|reply| Request::Configure(Box::new(config.clone()), reply))?;
        let needed = rules_for(config);
        let same = (self.rules.iter().map(|rule| rule.0)).eq(needed.iter().copied());
        if !same || kernel_loss.is_some() {
            self.rules.clear();
            self.kernel_loss = None;
            self.kernel_loss = kernel_loss.map(KernelLoss::insert).transpose()?;
            for rule in needed {
                self.rules.push(rule.insert()?);
            }
        }
        self.receive_drops_before = snmp::read()?.udp_rcvbuf_errors;
        Ok(())
    }

    fn stats(&mut self) -> Result<ShaperStats, ShaperError> {
        let (egress, mut ingress) = self.request(Request::Stats)?.map_err(ShaperError::queue)?;
        if let Some(kernel_loss) = &self.kernel_loss {
            ingress = kernel_loss.stats()?;
        }
        Ok(ShaperStats {
            egress,
            ingress,
            seeded: self.kernel_loss.is_none(),
            receive_drops: (snmp::read()?.udp_rcvbuf_errors)
                .saturating_sub(self.receive_drops_before),
        })
    }
}

/// Names every field, so that the compiler asks here about a new one.
fn check_supported(link: &LinkConfig) -> Result<(), ShaperError> {
    let LinkConfig {
        rate: _,
        delay: _,
        jitter: _,
        queue: _,
        loss: _,
        duplicate,
        reorder: _,
    } = *link;
    if duplicate > 0.0 {
        return Err(ShaperError::Unsupported(
            "nfqueue cannot duplicate packets; set duplicate = 0 or use netem",
        ));
    }
    Ok(())
}

/// Which packets to queue: all outgoing ones, and incoming ones if their link does anything.
fn rules_for(config: &ShaperConfig) -> Vec<Rule> {
    let mut traffic = vec![Traffic::Udp];
    if let Some(port) = config.tcp_port {
        traffic.extend([Traffic::TcpTo(port), Traffic::TcpFrom(port)]);
    }
    let rules = |hook, target| {
        traffic
            .iter()
            .map(move |&traffic| Rule(hook, target, traffic))
    };
    if config.loss_in_kernel {
        return rules(Hook::Input, Target::Chain(kernel_loss::CHAIN)).collect();
    }
    let mut needed: Vec<_> = rules(Hook::Output, Target::Queue(EGRESS_QUEUE)).collect();
    if config.ingress != LinkConfig::default() {
        needed.extend(rules(Hook::Input, Target::Queue(INGRESS_QUEUE)));
    }
    needed
}

impl Drop for Nfqueue {
    fn drop(&mut self) {
        self.rules.clear();
        if self.request(Request::Stop).is_ok()
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
    fn incoming_packets_and_tcp_are_queued_only_if_requested() {
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
            rules_for(&config),
            [Rule(
                Hook::Output,
                Target::Queue(EGRESS_QUEUE),
                Traffic::Udp
            )]
        );
        config.ingress.loss = backroom_link::Loss::Random(0.01);
        assert_eq!(rules_for(&config).len(), 2);
        config.tcp_port = Some(5_201);
        let all = rules_for(&config);
        assert_eq!(all.len(), 6);
        let from = Traffic::TcpFrom(5_201);
        assert!(all.contains(&Rule(Hook::Input, Target::Queue(INGRESS_QUEUE), from)));
        config.loss_in_kernel = true;
        let chain = Target::Chain(kernel_loss::CHAIN);
        let all = rules_for(&config);
        assert_eq!(all.len(), 3);
        assert_eq!(all[0], Rule(Hook::Input, chain, Traffic::Udp));
    }
}
