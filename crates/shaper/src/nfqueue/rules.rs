//! The iptables rules that send a member's packets to a queue, or to a chain that drops some of them.

use crate::error::ShaperError;
use crate::tool;

/// Sends the traffic of a hook, except on loopback, to a target.
///
/// It does not use NFQUEUE's bypass: without a listening process the kernel drops packets, so none passes unshaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule(pub(super) Hook, pub(super) Target, pub(super) Traffic);

/// A rule that is in force until this is dropped.
pub(super) struct InsertedRule(pub(super) Rule);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Queue(u16),
    Chain(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// Packets that this network namespace sends.
    Output,
    /// Packets that it receives.
    Input,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    Udp,
    /// TCP with this destination port.
    TcpTo(u16),
    /// TCP with this source port.
    TcpFrom(u16),
}

impl Rule {
    /// Fails without NET_ADMIN, without iptables, or on a kernel that has no NFQUEUE.
    pub(super) fn insert(self) -> Result<InsertedRule, ShaperError> {
        // A rule left by a killed shaper would queue each packet twice.
        while self.iptables("-C").is_ok() {
            self.iptables("-D")?;
        }
        self.iptables("-I")?;
        Ok(InsertedRule(self))
    }

    fn iptables(self, action: &str) -> Result<(), ShaperError> {
        iptables(&format!("{action} {}", self.arguments())).map(drop)
    }

    /// The arguments for iptables, starting with the chain.
    fn arguments(self) -> String {
        let Self(hook, target, traffic) = self;
        let (chain, interface) = match hook {
            Hook::Output => ("OUTPUT", "-o"),
            Hook::Input => ("INPUT", "-i"),
        };
        let traffic = match traffic {
            Traffic::Udp => "-p udp".to_owned(),
            Traffic::TcpTo(port) => format!("-p tcp --dport {port}"),
            Traffic::TcpFrom(port) => format!("-p tcp --sport {port}"),
        };
        let target = match target {
            Target::Queue(number) => format!("NFQUEUE --queue-num {number}"),
            Target::Chain(name) => name.to_owned(),
        };
        format!("{chain} {traffic} ! {interface} lo -j {target}")
    }
}

impl Drop for InsertedRule {
    fn drop(&mut self) {
        if let Err(error) = self.0.iptables("-D") {
            tracing::warn!("cannot remove a rule: {error}");
        }
    }
}

/// Runs iptables with `arguments`, which spaces separate. It waits up to 5 s if another process uses it.
pub(super) fn iptables(arguments: &str) -> Result<String, ShaperError> {
    tool::run("iptables", &format!("-w 5 {arguments}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_and_tcp_of_a_port_are_selected_except_on_loopback() {
        let arguments = |hook, traffic| Rule(hook, Target::Queue(2), traffic).arguments();
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
