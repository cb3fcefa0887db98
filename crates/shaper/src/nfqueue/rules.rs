//! The iptables rules that send a member's packets to a queue, or to a chain that drops some of them.

use crate::error::ShaperError;
use crate::tool;

/// A rule that is in force until this is dropped.
///
/// It does not use NFQUEUE's bypass: without a listening process the kernel drops packets, so none passes unshaped.
pub(super) struct Rule {
    hook: Hook,
    target: Target,
    traffic: Traffic,
}

/// Where the packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// NFQUEUE with this number.
    Queue(u16),
    /// The chain with this name.
    Chain(&'static str),
}

/// Where packets are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// Packets that this network namespace sends.
    Output,
    /// Packets that it receives.
    Input,
}

/// Which packets are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    Udp,
    /// TCP with this destination port.
    TcpTo(u16),
    /// TCP with this source port.
    TcpFrom(u16),
}

impl Rule {
    /// Sends the `traffic` of `hook`, except on loopback, to `target`.
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
        // A rule left by a killed shaper would queue each packet twice.
        while rule.iptables("-C").is_ok() {
            rule.iptables("-D")?;
        }
        rule.iptables("-I")?;
        Ok(rule)
    }

    pub(super) fn is(&self, hook: Hook, target: Target, traffic: Traffic) -> bool {
        (self.hook, self.target, self.traffic) == (hook, target, traffic)
    }

    fn iptables(&self, action: &str) -> Result<(), ShaperError> {
        let arguments = self.arguments();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        tool::run("iptables", &[&["-w", "5", action], &arguments[..]].concat()).map(drop)
    }

    /// The arguments for iptables, starting with the chain.
    fn arguments(&self) -> Vec<String> {
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
            tracing::warn!("cannot remove a rule: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::ManuallyDrop;

    use super::*;

    #[test]
    fn udp_and_tcp_of_a_port_are_selected_except_on_loopback() {
        let arguments = |hook, traffic| {
            // Dropping it would run iptables.
            let rule = ManuallyDrop::new(Rule {
                hook,
                target: Target::Queue(2),
                traffic,
            });
            rule.arguments().join(" ")
        };
        assert_eq!(
            arguments(Hook::Output, Traffic::Udp),
            "OUTPUT -p udp ! -o lo -j NFQUEUE --queue-num 2"
        );
        assert_eq!(
            arguments(Hook::Input, Traffic::TcpTo(5201)),
            "INPUT -p tcp --dport 5201 ! -i lo -j NFQUEUE --queue-num 2"
        );
        assert_eq!(
            arguments(Hook::Input, Traffic::TcpFrom(5201)),
            "INPUT -p tcp --sport 5201 ! -i lo -j NFQUEUE --queue-num 2"
        );
    }
}
