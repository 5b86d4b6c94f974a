//! Looks at the settings of a webhook before anything is sent.

use secrecy::ExposeSecret;

use super::guard::Guard;
use crate::config::Webhook;
use crate::error::{Error, Result};

/// Reads the address and the secrets of a webhook. Asks no server, so a name in the address is not resolved.
///
/// # Errors
///
/// [`Error::Settings`] says what is wrong and what to do. It quotes neither address nor secrets.
pub fn check(name: &str, webhook: &Webhook) -> Result<()> {
    let receiver = webhook.receiver(name)?;
    let url = receiver.url.expose_secret().parse();
    let url =
        url.map_err(|_| Error::Settings(format!("`webhooks.{name}.url` is not an address")))?;

    Guard::new(&webhook.private_networks)
        .check(&url)
        .map_err(|refused| Error::Settings(format!("`webhooks.{name}.url`: {refused}")))
}
