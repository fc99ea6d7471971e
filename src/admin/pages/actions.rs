//! `/actions`: what people did. What was done to an event stands beside it, in the order of time.

use askama::Template;
use axum::response::Response;

use super::trouble::Trouble;
use super::visit::{Frame, Visit};

#[derive(Template)]
#[template(path = "actions.html", config = "src/admin/pages/askama.toml")]
struct Actions {
    frame: Frame,
}

pub(super) async fn show(visit: Visit) -> Response {
    let page = page(&visit);
    visit.answer(page)
}

fn page(visit: &Visit) -> Result<Actions, Trouble> {
    visit.desk()?;
    Ok(Actions { frame: visit.frame("Actions", "actions") })
}
