//! `plan`: how an app's handlers are wired, as a picture that is the same each time.
//!
//! It is drawn of what the handlers have said, without opening anything. What a body reads or writes by itself is not in
//! it, since nobody says that.

mod mermaid;
mod text;

use super::App;
use super::lanes::{AnyLane, Plan};
use crate::needs::Need;
use crate::policy::Verdict;
use crate::source::{Positions, SourceId};
use crate::step::About;

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Mermaid,
}

impl Format {
    /// All of them, by the words of the command line.
    pub(crate) const ALL: [(&str, Format); 2] = [("text", Format::Text), ("mermaid", Format::Mermaid)];
}

/// What a handler says of itself that nothing but this picture needs.
#[derive(Default)]
pub(crate) struct Sketch {
    /// As which it says what it needs.
    pub(crate) who: String,
    pub(crate) pipes: Vec<String>,
    /// Whether a pipe among them is not ours.
    pub(crate) has_foreign: bool,
    /// What its other options say.
    pub(crate) options: Vec<String>,
}

/// What stands between handlers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Topic,
    Cache,
    Channel,
    /// A function, or an expression, that messages come from.
    Source,
    /// A function that outputs go to.
    Function,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Topic => "topic",
            Kind::Cache => "cache",
            Kind::Channel => "channel",
            Kind::Source => "source",
            Kind::Function => "function",
        }
    }
}

struct Node {
    kind: Kind,
    name: String,
    /// What else there is to say.
    note: String,
    /// Whether it goes on after a crash where it was, if messages are taken from it.
    goes_on: bool,
}

struct Handler<'a> {
    about: &'a About,
    sketch: &'a Sketch,
    /// Nodes, by number.
    from: Vec<usize>,
    to: Vec<usize>,
    dead: Option<usize>,
}

/// The picture.
pub(super) struct Picture<'a> {
    app: String,
    nodes: Vec<Node>,
    handlers: Vec<Handler<'a>>,
}

/// Draws the picture.
pub(super) fn picture<'a>(app: &App, plan: &'a Plan) -> Picture<'a> {
    let mut picture = Picture { app: app.config.app_id(), nodes: Vec::new(), handlers: Vec::new() };
    for (about, sketch) in plan.abouts.iter().zip(&plan.sketches) {
        let is_member = |lane: &&dyn AnyLane| {
            lane.members().iter().any(|(name, place)| *name == about.name && *place == about.place)
        };
        let lanes = plan.lanes.iter().map(|lane| &**lane).filter(is_member);
        let from = lanes.map(|lane| picture.source(app, plan, lane)).collect();
        let to = (0..about.sinks.len()).map(|sink| {
            let said = plan.needs.sinks.iter().find(|(who, number, _)| *who == sketch.who && *number == sink);
            let said = said.and_then(|(.., need)| fixed(&plan.needs.all[*need].1));
            let (kind, name) = said.unwrap_or((Kind::Function, &about.sinks[sink]));
            picture.node(app, kind, name)
        });
        let to = to.collect();
        let dead = match about.policy.verdict {
            Verdict::Dead(letterbox) => Some(picture.node(app, Kind::Topic, letterbox.named().name)),
            Verdict::Stop | Verdict::Skip => None,
        };
        picture.handlers.push(Handler { about, sketch, from, to, dead });
    }
    picture
}

/// A static, by its name.
fn fixed(need: &Need) -> Option<(Kind, &'static str)> {
    match need {
        Need::Topic(named) => Some((Kind::Topic, named.name)),
        Need::Cache(named) => Some((Kind::Cache, named.name)),
        Need::Channel(named) => Some((Kind::Channel, named.name)),
        Need::State { .. } | Need::Checkpoint(_) => None,
    }
}

impl Picture<'_> {
    /// The picture as text.
    pub(super) fn drawn(&self, format: Format) -> String {
        match format {
            Format::Text => text::drawn(self),
            Format::Mermaid => mermaid::drawn(self),
        }
    }

    fn node(&mut self, app: &App, kind: Kind, name: &str) -> usize {
        if let Some(known) = self.nodes.iter().position(|node| node.kind == kind && node.name == name) {
            return known;
        }
        let other = app.config.get(&format!("topic.{name}.name")).filter(|_| kind == Kind::Topic);
        let note = other.map_or_else(String::new, |other| format!("called {other:?} on the broker"));
        self.nodes.push(Node { kind, name: name.to_owned(), note, goes_on: true });
        self.nodes.len() - 1
    }

    fn source(&mut self, app: &App, plan: &Plan, lane: &dyn AnyLane) -> usize {
        match lane.positions() {
            Positions::Topic(topic) => self.node(app, Kind::Topic, topic.named.name),
            Positions::Queue(queue) => {
                let kind = if queue.is_cache { Kind::Cache } else { Kind::Channel };
                let node = self.node(app, kind, queue.named.name);
                if !queue.kept {
                    self.nodes[node].goes_on = false;
                    "what is on its way is not kept".clone_into(&mut self.nodes[node].note);
                }
                node
            }
            Positions::Own | Positions::None => {
                let node = self.node(app, Kind::Source, lane.name());
                let written = plan.expressions.get(lane.name()).filter(|_| lane.id() == SourceId::Private);
                self.nodes[node].goes_on = lane.has_positions();
                self.nodes[node].note = written.cloned().unwrap_or_default();
                node
            }
        }
    }
}

impl Handler<'_> {
    /// What becomes of a message that fails.
    fn policy(&self) -> String {
        let policy = self.about.policy;
        let last = match policy.verdict {
            Verdict::Stop => "stop".to_owned(),
            Verdict::Skip => "skip".to_owned(),
            Verdict::Dead(_) => "dead letter".to_owned(),
        };
        policy.retry.map_or_else(|| last.clone(), |retry| format!("retry {} times, then {last}", retry.times))
    }

    /// What is promised of its messages over a crash.
    fn guarantee(&self, nodes: &[Node]) -> &'static str {
        if self.from.iter().all(|node| nodes[*node].goes_on) {
            "goes on at its position: each message counts once in the state, outputs are sent at least once"
        } else {
            "nothing is replayed: what was under way is lost"
        }
    }
}

/// A name in one line.
fn one_line(name: &str) -> String {
    name.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
