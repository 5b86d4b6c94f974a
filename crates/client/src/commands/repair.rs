//! `icefront verify`, `rebuild`, `restage` and `resync`: checks a table, or makes a part of it again.

use super::run::new_key;
use super::{Act, Client};
use crate::fault::{Exit, Result};
use crate::names;
use crate::server::Call;
use crate::waiting::Wait;

/// A run that checks or repairs one table.
#[derive(Debug, clap::Args)]
pub struct Repair {
    /// The table
    table: String,
    #[command(flatten)]
    wait: Wait,
    /// The last part of the path that starts the run.
    #[arg(skip)]
    verb: &'static str,
}

impl Repair {
    pub(super) fn by(self, verb: &'static str) -> Self {
        Self { verb, ..self }
    }
}

impl Act for Repair {
    async fn act(self, client: &Client) -> Result<Exit> {
        let table = names::table(&client.server, &self.table).await?.name;
        let key = new_key();
        let call = Call::post(&["tables", &table, self.verb]).key(&key);
        let started = client.server.call(call).await?;

        self.wait.tell(client, started).await
    }
}
