//! What people are told of the configuration, on the pages for them.

use crate::admin::{CertificateTold, EndpointTold, PollTold, Told, TradecloudTold};
use crate::auth::AddressList;
use crate::settings::Settings;
use crate::tradecloud::poll::{self, Deliver, cursor_name};

/// What they are told of these settings. Nothing of it is secret.
pub(super) fn told(settings: &Settings) -> Told {
    let origin = settings.server.origin();
    let endpoints = settings.endpoints.iter().map(|endpoint| EndpointTold {
        url: format!("{origin}{}", endpoint.path),
        takes_notices: endpoint.template.is_some(),
        credentials: endpoint
            .gate
            .credentials
            .iter()
            .map(|(name, credential)| (name.clone(), credential.describe()))
            .collect(),
        allow_from: endpoint.gate.allow_from.as_ref().map(AddressList::describe),
    });
    let tradecloud = settings.tradecloud.as_ref().map(|tradecloud| TradecloudTold {
        place: tradecloud.describe(),
        has_legacy: tradecloud.has_legacy(),
        poll: settings.poll.as_ref().map(|poll| polled(poll, &tradecloud.platform())),
    });
    Told { endpoints: endpoints.collect(), certificate: certificate(settings), tradecloud }
}

fn certificate(settings: &Settings) -> CertificateTold {
    let Some(tls) = &settings.server.tls else { return CertificateTold::Elsewhere };
    match (&tls.acme, &tls.chain) {
        (Some(acme), _) => CertificateTold::Acme(acme.domains.clone()),
        (None, Some(chain)) => CertificateTold::Here {
            names: chain.names.clone(),
            issuer: chain.issuer.clone(),
            begins: chain.begins,
            ends: chain.ends,
            objections: chain.objections.clone(),
        },
        (None, None) => CertificateTold::Elsewhere,
    }
}

fn polled(poll: &poll::Settings, platform: &str) -> PollTold {
    PollTold {
        every: poll.every,
        missed_after: match poll.deliver {
            Deliver::All => None,
            Deliver::Missed(after) => Some(after),
        },
        of: poll.of.iter().map(|of| (of.as_str(), cursor_name(*of, platform))).collect(),
    }
}
