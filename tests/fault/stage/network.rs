//! Network namespaces: replicas behind a router that drops packets in silence, in one direction or both. Names and
//! addresses carry the process id, so that runs don't meet.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

use crate::support::components::{Component, require};

/// Somebody on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Provider,
    Database,
    /// The replicas, from 1.
    Replica(u8),
}

/// A router with replicas behind it. Dropped, it goes.
pub(crate) struct Network {
    ip: String,
    id: u32,
    replicas: u8,
}

impl Network {
    /// Lays the lines for so many replicas. `None` without leave to: the skip is recorded.
    pub(crate) fn lay(replicas: u8) -> Option<Self> {
        let ip = require(Component::Netns)?;
        let network = Self { ip, id: std::process::id(), replicas };
        network.link(None, "h", 0);
        for host in [Host::Provider, Host::Database] {
            let address = format!("{}/24", network.address(host));
            network.run(&["addr", "add", &address, "dev", &network.name("h")]);
        }
        for number in 1..=replicas {
            network.link(Some(number), &format!("a{number}"), number);
        }
        let all = format!("{}/16", network.part(0, 0));
        network.run(&["route", "add", &all, "via", &network.part(0, 254).to_string()]);
        network.inside(&network.name("r"), "sysctl", &["-q", "-w", "net.ipv4.ip_forward=1"]);
        Some(network)
    }

    /// A line between the router and the test, or a replica in a namespace of its own.
    fn link(&self, replica: Option<u8>, end: &str, subnet: u8) {
        let (router, here, there) = (self.name("r"), self.name(end), self.name(&format!("r{subnet}")));
        if replica.is_none() {
            self.run(&["netns", "add", &router]);
            self.inside(&router, &self.ip, &["link", "set", "lo", "up"]);
        }
        self.run(&["link", "add", &here, "type", "veth", "peer", "name", &there, "netns", &router]);
        let gateway = self.part(subnet, 254).to_string();
        self.inside(&router, &self.ip, &["addr", "add", &format!("{gateway}/24"), "dev", &there]);
        self.inside(&router, &self.ip, &["link", "set", &there, "up"]);
        let own = format!("{}/24", self.part(subnet, 1));
        match replica {
            None => {
                self.run(&["addr", "add", &own, "dev", &here]);
                self.run(&["link", "set", &here, "up"]);
            }
            Some(number) => {
                let space = self.space(number);
                self.run(&["netns", "add", &space]);
                self.run(&["link", "set", &here, "netns", &space]);
                self.inside(&space, &self.ip, &["link", "set", "lo", "up"]);
                self.inside(&space, &self.ip, &["addr", "add", &own, "dev", &here]);
                self.inside(&space, &self.ip, &["link", "set", &here, "up"]);
                self.inside(&space, &self.ip, &["route", "add", "default", "via", &gateway]);
            }
        }
    }

    /// Drops what goes from one to the other.
    pub(crate) fn cut(&self, from: Host, to: Host) {
        self.rule("add", from, to);
    }

    /// Lets it through again.
    pub(crate) fn heal(&self, from: Host, to: Host) {
        self.rule("del", from, to);
    }

    fn rule(&self, verb: &str, from: Host, to: Host) {
        let (from, to) = (self.address(from).to_string(), self.address(to).to_string());
        self.inside(&self.name("r"), &self.ip, &["rule", verb, "from", &from, "to", &to, "blackhole"]);
    }

    pub(crate) fn address(&self, host: Host) -> IpAddr {
        match host {
            Host::Provider => self.part(0, 2),
            Host::Database => self.part(0, 3),
            Host::Replica(number) => self.part(number, 1),
        }
        .into()
    }

    /// All addresses of this network.
    pub(crate) fn range(&self) -> String {
        format!("{}/16", self.part(0, 0))
    }

    /// `build`, run where a replica lives.
    pub(crate) fn command(&self, replica: u8, build: &str) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.space(replica), build]);
        command
    }

    fn part(&self, subnet: u8, host: u8) -> Ipv4Addr {
        let second = u8::try_from(64 + self.id % 128).unwrap();
        Ipv4Addr::new(10, second, subnet, host)
    }

    /// A name of at most fifteen bytes, as interfaces have.
    fn name(&self, end: &str) -> String {
        format!("vf{:x}{end}", self.id)
    }

    fn space(&self, replica: u8) -> String {
        self.name(&format!("s{replica}"))
    }

    fn run(&self, arguments: &[&str]) {
        done(Command::new(&self.ip).args(arguments));
    }

    fn inside(&self, space: &str, program: &str, arguments: &[&str]) {
        done(Command::new(&self.ip).args(["netns", "exec", space, program]).args(arguments));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let spaces = (1..=self.replicas).map(|number| self.space(number)).chain([self.name("r")]);
        for space in spaces {
            // Interfaces go with their namespace, and their other ends with them.
            let _ = Command::new(&self.ip).args(["netns", "del", &space]).status();
        }
    }
}

fn done(command: &mut Command) {
    let output = command.current_dir(Path::new("/")).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
