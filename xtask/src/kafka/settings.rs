//! The settings of our broker, one list for both ways to run it: one node that is broker and controller.

/// Where the broker listens, and where it keeps its data.
pub(super) struct Place<'a> {
    pub(super) listen: &'a str,
    pub(super) port: u16,
    pub(super) controller: u16,
    /// The port with TLS and passwords, if there is one.
    pub(super) secure: Option<u16>,
    pub(super) data: &'a str,
}

pub(super) fn settings(place: &Place<'_>) -> Vec<(&'static str, String)> {
    let Place { listen, port, controller, secure, data } = place;
    let secure = |host: &str| secure.map_or_else(String::new, |port| format!(",SASL_SSL://{host}:{port}"));
    let one = || "1".to_string();
    vec![
        ("process.roles", "broker,controller".into()),
        ("node.id", one()),
        ("controller.quorum.voters", format!("1@127.0.0.1:{controller}")),
        (
            "listeners",
            format!("PLAINTEXT://{listen}:{port},CONTROLLER://127.0.0.1:{controller}{}", secure(listen)),
        ),
        ("advertised.listeners", format!("PLAINTEXT://127.0.0.1:{port}{}", secure("127.0.0.1"))),
        (
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL".into(),
        ),
        ("controller.listener.names", "CONTROLLER".into()),
        ("log.dirs", (*data).to_string()),
        // The recorded events are years old: retention by time would delete them under a test.
        ("log.retention.ms", "-1".into()),
        // A misspelt topic is an error, not a new topic.
        ("auto.create.topics.enable", "false".into()),
        // One node can only keep one copy; few partitions start faster.
        ("offsets.topic.replication.factor", one()),
        ("offsets.topic.num.partitions", "4".into()),
        ("transaction.state.log.replication.factor", one()),
        ("transaction.state.log.min.isr", one()),
        ("transaction.state.log.num.partitions", "4".into()),
        ("share.coordinator.state.topic.replication.factor", one()),
        ("share.coordinator.state.topic.min.isr", one()),
        // A test's group has all its members at once: do not wait 3 s for more.
        ("group.initial.rebalance.delay.ms", "0".into()),
        // A test that kills members need not wait 6 s for each to be missed.
        ("group.min.session.timeout.ms", "1000".into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advertised_port_is_the_one_listened_on() {
        let place = Place { listen: "0.0.0.0", port: 7, controller: 8, secure: None, data: "d" };
        let all = settings(&place);
        let of = |key| all.iter().find(|(k, _)| *k == key).map(|(_, value)| value.as_str());
        assert_eq!(of("listeners"), Some("PLAINTEXT://0.0.0.0:7,CONTROLLER://127.0.0.1:8"));
        assert_eq!(of("advertised.listeners"), Some("PLAINTEXT://127.0.0.1:7"));
    }
}
