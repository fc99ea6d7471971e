//! Who may send what where: what a reload exchanges as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::{AddressList, Gate};
use crate::config::settings::Endpoint;

/// The endpoints by their paths. A request looks into it once, and is worked on as it said then.
pub(crate) struct Table {
    endpoints: HashMap<String, Arc<Endpoint>>,
    anywhere: Arc<Gate>,
    /// Proxies whose word counts for whom they pass requests on for.
    pub(crate) trusted_proxies: AddressList,
}

impl Table {
    /// These endpoints, and the gate for requests to other paths.
    pub(crate) fn new(endpoints: Vec<Endpoint>, anywhere: Gate, trusted_proxies: AddressList) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint.path.clone(), Arc::new(endpoint)));
        Self { endpoints: endpoints.collect(), anywhere: Arc::new(anywhere), trusted_proxies }
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
