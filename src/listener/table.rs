//! The endpoints by their paths: what a reload exchanges as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::Gate;
use crate::config::settings::Endpoint;

/// Who may send what where. A request looks into it once, and is worked on as it said then.
pub(crate) struct Table {
    endpoints: HashMap<String, Arc<Endpoint>>,
    anywhere: Arc<Gate>,
}

impl Table {
    /// These endpoints, and the gate for requests to other paths.
    pub(crate) fn new(endpoints: Vec<Endpoint>, anywhere: Gate) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint.path.clone(), Arc::new(endpoint)));
        Self { endpoints: endpoints.collect(), anywhere: Arc::new(anywhere) }
    }

    /// The endpoint at that path.
    pub(crate) fn endpoint(&self, path: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.get(path).cloned()
    }

    /// The gate for requests to paths that are no endpoint.
    pub(crate) fn anywhere(&self) -> Arc<Gate> {
        Arc::clone(&self.anywhere)
    }
}
