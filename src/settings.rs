//! The checked settings: what the rest of the program is built from. Each stage reads its own section; here they are
//! put together, and what no stage can know alone is checked.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::auth::{self, AddressList, Gate};
use crate::config::layers::Checked;
use crate::config::{Layers, Marks, Problem, Problems, Section};
use crate::dispatch::{Delivery, Route};
use crate::listener::development;
use crate::listener::requests::endpoints::{self, Acknowledge, Endpoint};
use crate::listener::settings::Server;
use crate::model::What;
use crate::{admin, documents, handlers, inbox, telemetry, tradecloud};

/// Everything the configuration says, checked as a whole.
#[derive(Debug)]
pub struct Settings {
    /// `[server]`
    pub server: Server,
    /// `[[endpoints]]`, with their credentials.
    pub endpoints: Vec<Endpoint>,
    /// The gate for requests to paths that are no endpoint: any credential there is. What such a
    /// caller sent is kept.
    pub anywhere: Gate,
    /// `[inbox]`
    pub inbox: inbox::Settings,
    /// `[delivery]`
    pub delivery: Delivery,
    /// `[documents]`, if documents are to be kept.
    pub(crate) documents: Option<documents::Settings>,
    /// `[handlers]`, by name.
    pub handlers: Vec<Handler>,
    /// `[tradecloud]`, which only those need who fetch, poll or load documents.
    pub(crate) tradecloud: Option<tradecloud::Settings>,
    /// `[poll]`
    pub(crate) poll: Option<tradecloud::poll::Settings>,
    /// `[admin]`
    pub(crate) admin: admin::Settings,
    /// `[log]`
    pub log: telemetry::Settings,
    /// What of it an operator has written.
    pub written: Written,
    /// What all of this was read from, to tell at the next reading what has changed.
    pub marks: Marks,
}

/// What an operator has written, and has to take away with intent. For the rest, something stands in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Whether there are `[[endpoints]]` besides the default one.
    pub endpoints: bool,
    /// Whether there is a handler, other than that of a development set-up.
    pub handlers: bool,
}

/// One of `[handlers]`
#[derive(Debug)]
pub struct Handler {
    /// Which events it wants, under which name, and how long an attempt may take.
    pub route: Route,
    /// What it is.
    pub settings: Box<dyn handlers::Configured>,
}

/// What there is to know about the inbox without the rest of the configuration.
#[derive(Debug)]
pub struct Kept {
    /// `[inbox]`
    pub inbox: inbox::Settings,
    /// Which events each of `[handlers]` wants.
    pub routes: Vec<Route>,
    /// `log.time_zone`
    pub time_zone: TimeZone,
}

impl Layers {
    /// Merges the layers and checks all of it.
    ///
    /// # Errors
    /// Every problem there is, errors first, if one of them is an error.
    pub fn settings(&self) -> Result<(Settings, Vec<Problem>), Problems> {
        self.checked().1.map_err(Problems::from)
    }

    /// As [`Layers::settings`], with the marks of what was read, valid or not.
    pub(crate) fn checked(&self) -> (Marks, Checked<Settings>) {
        let (marks, checked) = self.read_by(|root| {
            if self.has_stand_in() {
                development::only_for_this_machine(&root);
            }
            Settings::read(root)
        });
        let checked = checked.map(|(settings, warnings)| {
            let written = Written {
                endpoints: self.has_written("endpoints"),
                handlers: !self.has_stand_in() && !settings.handlers.is_empty(),
            };
            (Settings { written, marks: marks.clone(), ..settings }, warnings)
        });
        (marks, checked)
    }

    /// What a command that works on the inbox needs, whatever else is wrong with the configuration.
    ///
    /// # Errors
    /// The problems of `[inbox]`, of what handlers choose events by, and of `log.time_zone`.
    pub fn kept(&self) -> Result<Kept, Problems> {
        self.read_by(|root| Kept::read(&root)).1.map(|(kept, _)| kept).map_err(Problems::from)
    }
}

impl Settings {
    /// Checks the whole configuration. `None` if a part is missing; every problem is noted.
    fn read(root: Section) -> Option<Self> {
        let server = root.table("server").and_then(Server::read);
        let credentials = auth::read(&root);
        let endpoints = endpoints::read(&root, &credentials);
        let inbox = root.table("inbox").and_then(inbox::Settings::read);
        let delivery = root.table("delivery").and_then(Delivery::read);
        let handlers = read_handlers(&root);
        let tradecloud =
            root.or("tradecloud", |root, key| root.table(key).and_then(tradecloud::Settings::read).map(Some), None);
        let has_company = tradecloud.as_ref().is_some_and(|it| it.as_ref().is_some_and(|it| it.company.is_some()));
        let poll = root.or(
            "poll",
            |root, key| tradecloud::poll::Settings::read(root.table(key)?, has_company).map(Some),
            None,
        );
        if root.has("poll") && !root.has("tradecloud") {
            root.error("poll", "needs to know whom to ask: add `[tradecloud]`, with an account that may");
        }
        let documents = root.table("documents").and_then(documents::Settings::read);
        let admin = root.table("admin").and_then(admin::Settings::read);
        let log = root.table("log").and_then(telemetry::Settings::read);
        if let Some(inbox) = &inbox {
            check_together(&root, inbox, &endpoints, &handlers);
            check_documents(&root, inbox, &handlers);
        }
        check_placeholders(&root, &endpoints, Platforms::configured(&root));
        root.finish();
        Some(Self {
            server: server?,
            anywhere: Gate::anywhere(endpoints.iter().map(|endpoint| &endpoint.gate), credentials),
            endpoints,
            inbox: inbox?,
            delivery: delivery?,
            documents,
            handlers,
            tradecloud: tradecloud?,
            poll: poll?,
            admin: admin?,
            log: log?,
            written: Written::default(),
            marks: Marks::default(),
        })
    }
}

/// What it takes to sign somebody in at the pages of a receiver, without the rest of the configuration.
#[derive(Debug)]
pub(crate) struct Doors {
    /// `[admin]`
    pub(crate) admin: admin::Settings,
    /// The folder where the receiver keeps the key of the pages.
    pub(crate) folder: PathBuf,
}

impl Layers {
    /// See [`Doors`].
    ///
    /// # Errors
    /// The problems of `[admin]` and `[inbox]`.
    pub(crate) fn doors(&self) -> Result<Doors, Problems> {
        let read = |root: Section| {
            let inbox = root.table("inbox").and_then(inbox::Settings::read);
            let admin = root.table("admin").and_then(admin::Settings::read);
            Some(Doors { admin: admin?, folder: inbox?.store.beside() })
        };
        self.read_by(read).1.map(|(doors, _)| doors).map_err(Problems::from)
    }
}

impl Kept {
    fn read(root: &Section) -> Option<Self> {
        let routes = root.tables("handlers").iter().map(Route::read).collect();
        let time_zone = root.table("log").and_then(|log| telemetry::read_time_zone(&log));
        Some(Self { inbox: root.table("inbox").and_then(inbox::Settings::read)?, routes, time_zone: time_zone? })
    }
}

fn read_handlers(root: &Section) -> Vec<Handler> {
    let mut handlers = Vec::new();
    for section in root.tables("handlers") {
        let read = section.required_choice("type", handlers::TYPES);
        let route = Route::read(&section);
        // Without a type nobody knows which keys belong here.
        let Some(read) = read else { continue };
        let settings = read(&section, route.timeout);
        section.finish();
        if let Some(settings) = settings {
            handlers.push(Handler { route, settings });
        }
    }
    handlers
}

/// Which of Tradecloud's APIs can be asked.
#[derive(Clone, Copy)]
struct Platforms {
    /// `[tradecloud]`
    current: bool,
    /// `[tradecloud.legacy]`
    legacy: bool,
}

impl Platforms {
    /// Those that the configuration has a table of, whatever is in it.
    fn configured(root: &Section) -> Self {
        let current = root.table("tradecloud");
        let legacy = current.as_ref().is_some_and(|table| table.table("legacy").is_some());
        Self { current: current.is_some(), legacy }
    }
}

/// What the placeholders in paths ask for besides: somebody who can fetch what they name, from one platform.
fn check_placeholders(root: &Section, endpoints: &[Endpoint], platforms: Platforms) {
    for (index, endpoint) in endpoints.iter().enumerate() {
        let Some(template) = &endpoint.template else { continue };
        let (there, table) = match template.what {
            What::LegacyOrderId => (platforms.legacy, "[tradecloud.legacy]"),
            _ => (platforms.current, "[tradecloud]"),
        };
        if !there {
            let what = format!(
                "has a placeholder, but there is no `{table}`: what has changed could not be fetched. Add it, with \
                 `username` and `password_file`"
            );
            root.error(&format!("endpoints[{index}].path"), what);
        }
        if endpoint.gate.allow_from.as_ref().is_some_and(AddressList::is_of_both_platforms) {
            let what = "lets in calls of production and of acceptance, but what they are about is fetched from one of \
                        them only. Let in the addresses of the one that `[tradecloud]` is about";
            root.warning(&format!("endpoints[{index}].allow_from"), what);
        }
    }
}

/// What each part alone cannot know: who waits for whom.
fn check_together(root: &Section, inbox: &inbox::Settings, endpoints: &[Endpoint], handlers: &[Handler]) {
    let paused = handlers.iter().filter(|handler| handler.route.paused).map(|handler| &handler.route.name);
    let no_handler = handlers.is_empty() && root.table("handlers").is_none_or(|handlers| handlers.is_empty());
    if root.has("poll") && !inbox.store.keeps() {
        root.error("poll", "is set, but inbox.store is \"none\": how far the polls have come would be forgotten");
    }
    if inbox.store.keeps() {
        if no_handler {
            root.warning("handlers", "has no handler: events are kept in the inbox and go nowhere from there");
        }
        if endpoints.iter().any(|endpoint| endpoint.acknowledge == Acknowledge::Handled) {
            for name in paused {
                let what = "is true, but an endpoint acknowledges with \"handled\": every event for this handler is \
                            answered 504 and comes again until it is not paused any more";
                root.warning(&format!("handlers.{name}.paused"), what);
            }
        }
        return;
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        if endpoint.acknowledge == Acknowledge::Stored {
            let what =
                "is \"stored\", but inbox.store is \"none\": there is nothing to store in. Set it to \"handled\"";
            root.error(&format!("endpoints[{index}].acknowledge"), what);
        }
    }
    for name in paused {
        let what = "is true, but inbox.store is \"none\": there is nowhere for its events to wait";
        root.error(&format!("handlers.{name}.paused"), what);
    }
    if no_handler {
        root.error("handlers", "has no handler, and inbox.store is \"none\": every event would be gone");
    }
}

/// What handlers want with documents, and what it takes to have them.
fn check_documents(root: &Section, inbox: &inbox::Settings, handlers: &[Handler]) {
    let mut wanted = false;
    for handler in handlers.iter().filter(|handler| handler.route.documents) {
        wanted = true;
        let what = if !root.has("documents") {
            "is true, but there is no [documents], which says where they are kept. Add it; it may be empty"
        } else if !root.has("tradecloud") {
            "is true, but there is no [tradecloud], and Tradecloud's documents come from its API. Add it"
        } else {
            continue;
        };
        root.error(&format!("handlers.{}.documents", handler.route.name), what);
    }
    if wanted && !inbox.store.keeps() {
        let what = "stay for ever, because inbox.store is \"none\": nobody knows when their events are gone. Remove them \
                    yourself";
        root.warning("documents", what);
    }
}
