//! The style, the script and the sign of the pages: three files, from the program itself. They are asked for by what is in
//! them, so that a browser keeps them until they are others.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use xxhash_rust::xxh3::xxh3_64;

const STYLE: &str = concat!(include_str!("style.css"), include_str!("acts.css"));
const SCRIPT: &str = include_str!("desk.js");
const ICON: &str = include_str!("icon.svg");

static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", xxh3_64(STYLE.as_bytes()) ^ xxh3_64(SCRIPT.as_bytes())));

/// By what they are asked for.
pub(in crate::admin) fn version() -> &'static str {
    &VERSION
}

/// The files.
pub(in crate::admin) fn router() -> Router {
    Router::new()
        .route("/style.css", get(async || file("text/css; charset=utf-8", STYLE)))
        .route("/desk.js", get(async || file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/icon.svg", get(async || file("image/svg+xml", ICON)))
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "private, max-age=604800")], text).into_response()
}
