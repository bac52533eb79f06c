//! One connector for all AWS clients of a process.
//!
//! Left to itself the SDK gives each client a connector of its own, makes another when the client is built only to see that it can,
//! and each reads every authority that the machine trusts again: about 145, six times over in a door. That was a third of
//! the processor time that a door takes to its first answer (docs/reference/startup.md).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};

/// The SDK's own connector (rustls with AWS-LC, the proxy that the environment names), made once for each pair of time-outs,
/// when the first call needs it.
pub(super) fn shared() -> SharedHttpClient {
    let made: Mutex<HashMap<_, SharedHttpConnector>> = Mutex::default();
    http_client_fn(move |settings, components| {
        let key = (settings.connect_timeout(), settings.read_timeout());
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(key)
            .or_insert_with(|| {
                let mut builder: ConnectorBuilder<_> =
                    Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
                builder.set_connector_settings(Some(settings.clone()));
                builder.set_sleep_impl(components.sleep_impl());
                builder.set_proxy_config(Some(ProxyConfig::from_env()));
                SharedHttpConnector::new(builder.build())
            })
            .clone()
    })
}
