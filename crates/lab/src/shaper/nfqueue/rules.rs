//! The iptables rules that hand a member's UDP to a queue.

use crate::shaper::{ShaperError, tool};

/// A rule that is in force until it is dropped.
///
/// There is no bypass in it: while nobody decides about them, packets are dropped, so none ever passes unshaped.
pub(super) struct Rule {
    hook: Hook,
    queue: u16,
}

/// Where packets are caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// What this network namespace sends.
    Output,
    /// What it receives.
    Input,
}

impl Rule {
    /// Hands the UDP of `hook`, but for loopback's, to `queue`.
    ///
    /// # Errors
    /// Without NET_ADMIN, without iptables, or on a kernel that has no NFQUEUE.
    pub(super) fn insert(hook: Hook, queue: u16) -> Result<Self, ShaperError> {
        let rule = Self { hook, queue };
        // What a killed shaper left would hand over every packet twice.
        while rule.iptables("-C").is_ok() {
            rule.iptables("-D")?;
        }
        rule.iptables("-I")?;
        Ok(rule)
    }

    fn iptables(&self, action: &str) -> Result<(), ShaperError> {
        let (chain, interface) = match self.hook {
            Hook::Output => ("OUTPUT", "-o"),
            Hook::Input => ("INPUT", "-i"),
        };
        let queue = self.queue.to_string();
        let udp_to_queue = [
            "-p",
            "udp",
            "!",
            interface,
            "lo",
            "-j",
            "NFQUEUE",
            "--queue-num",
            &queue,
        ];
        tool::run(
            "iptables",
            &[&["-w", "5", action, chain], &udp_to_queue[..]].concat(),
        )
        .map(drop)
    }
}

impl Drop for Rule {
    fn drop(&mut self) {
        if let Err(error) = self.iptables("-D") {
            tracing::warn!("a rule stays behind: {error}");
        }
    }
}
