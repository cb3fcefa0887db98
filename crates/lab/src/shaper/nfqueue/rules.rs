//! The iptables rules that hand a member's packets to a queue, or to a chain that loses some of them.

use crate::shaper::{ShaperError, tool};

/// A rule that is in force until it is dropped.
///
/// There is no bypass in it: while nobody decides about them, packets are dropped, so none ever passes unshaped.
pub(super) struct Rule {
    hook: Hook,
    target: Target,
    traffic: Traffic,
}

/// Who gets what was caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The queue of this number.
    Queue(u16),
    /// The chain of this name.
    Chain(&'static str),
}

/// Where packets are caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// What this network namespace sends.
    Output,
    /// What it receives.
    Input,
}

/// Which packets are caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    /// All UDP.
    Udp,
    /// TCP to this port.
    TcpTo(u16),
    /// TCP from this port.
    TcpFrom(u16),
}

impl Rule {
    /// Hands the `traffic` of `hook`, but for loopback's, to `target`.
    ///
    /// # Errors
    /// Without NET_ADMIN, without iptables, or on a kernel that has no NFQUEUE.
    pub(super) fn insert(
        hook: Hook,
        target: Target,
        traffic: Traffic,
    ) -> Result<Self, ShaperError> {
        let rule = Self {
            hook,
            target,
            traffic,
        };
        // What a killed shaper left would hand over every packet twice.
        while rule.iptables("-C").is_ok() {
            rule.iptables("-D")?;
        }
        rule.iptables("-I")?;
        Ok(rule)
    }

    /// Whether it hands this traffic of `hook` to `target`.
    pub(super) fn is(&self, hook: Hook, target: Target, traffic: Traffic) -> bool {
        (self.hook, self.target, self.traffic) == (hook, target, traffic)
    }

    fn iptables(&self, action: &str) -> Result<(), ShaperError> {
        let words = self.words();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        tool::run("iptables", &[&["-w", "5", action], &words[..]].concat()).map(drop)
    }

    /// The rule in iptables' words, the chain first.
    fn words(&self) -> Vec<String> {
        let (chain, interface) = match self.hook {
            Hook::Output => ("OUTPUT", "-o"),
            Hook::Input => ("INPUT", "-i"),
        };
        let traffic = match self.traffic {
            Traffic::Udp => "-p udp".to_owned(),
            Traffic::TcpTo(port) => format!("-p tcp --dport {port}"),
            Traffic::TcpFrom(port) => format!("-p tcp --sport {port}"),
        };
        let target = match self.target {
            Target::Queue(number) => format!("NFQUEUE --queue-num {number}"),
            Target::Chain(name) => name.to_owned(),
        };
        let rule = format!("{chain} {traffic} ! {interface} lo -j {target}");
        rule.split(' ').map(str::to_owned).collect()
    }
}

impl Drop for Rule {
    fn drop(&mut self) {
        if let Err(error) = self.iptables("-D") {
            tracing::warn!("a rule stays behind: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::ManuallyDrop;

    use super::*;

    #[test]
    fn udp_and_the_tcp_of_a_port_are_caught_and_loopbacks_is_not() {
        let words = |hook, traffic| {
            // Dropping it would call iptables.
            let rule = ManuallyDrop::new(Rule {
                hook,
                target: Target::Queue(2),
                traffic,
            });
            rule.words().join(" ")
        };
        assert_eq!(
            words(Hook::Output, Traffic::Udp),
            "OUTPUT -p udp ! -o lo -j NFQUEUE --queue-num 2"
        );
        assert_eq!(
            words(Hook::Input, Traffic::TcpTo(5201)),
            "INPUT -p tcp --dport 5201 ! -i lo -j NFQUEUE --queue-num 2"
        );
        assert_eq!(
            words(Hook::Input, Traffic::TcpFrom(5201)),
            "INPUT -p tcp --sport 5201 ! -i lo -j NFQUEUE --queue-num 2"
        );
    }
}
