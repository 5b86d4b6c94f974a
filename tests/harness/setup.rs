//! Builds the service of a test.

use std::net::SocketAddr;

use tempfile::TempDir;

use super::{LOOSE_AUDIT_TABLE, Servers, Service, write_pipeline, write_settings};

/// A pipeline, the tables of its source, settings and servers. `PIPELINE` in definition and settings is the test's name.
#[must_use = "nothing runs before `start`"]
pub(crate) struct Setup {
    pipeline: String,
    tables: String,
    settings: String,
    servers: Option<Servers>,
}

impl Service {
    /// Begins the setup of a service over a pipeline, the text of a `pipeline.yaml`.
    pub(crate) fn of(pipeline: &str) -> Setup {
        Setup {
            pipeline: pipeline.to_owned(),
            tables: String::new(),
            settings: String::new(),
            servers: None,
        }
    }
}

impl Setup {
    /// Replaces the definition of the pipeline.
    pub(crate) fn defined(mut self, pipeline: &str) -> Self {
        pipeline.clone_into(&mut self.pipeline);
        self
    }

    /// Appends the audit log that accepts any row, see [`LOOSE_AUDIT_TABLE`].
    pub(crate) fn audit_log(self) -> Self {
        self.tables(LOOSE_AUDIT_TABLE)
    }

    /// Appends SQL for the source database, run before the service starts. Several calls add up.
    pub(crate) fn tables(mut self, sql: &str) -> Self {
        self.tables.push_str(sql);
        self
    }

    /// Sets settings over the usual ones, as TOML. A second call replaces those of the first.
    pub(crate) fn settings(mut self, settings: &str) -> Self {
        settings.clone_into(&mut self.settings);
        self
    }

    /// Replaces the usual servers.
    pub(crate) fn on(mut self, servers: Servers) -> Self {
        self.servers = Some(servers);
        self
    }

    /// Puts all Iceberg tables and landing files on S3.
    pub(crate) fn on_s3(self) -> Self {
        self.on(Servers::find_s3())
    }

    /// Makes the databases and starts the service.
    pub(crate) async fn start(self) -> Service {
        let servers = self.servers.unwrap_or_else(Servers::find);
        // Short, because the S3 server makes the name of a file of the whole path of an object: 255 bytes at most.
        let id = uuid::Uuid::now_v7().simple().to_string();
        let name = format!("test_{}", &id[24..]);
        servers.create_database(&format!("{name}_state")).await;
        servers.create_database(&format!("{name}_shop")).await;
        let shop = servers.connect(&format!("{name}_shop")).await;
        shop.batch_execute(&self.tables)
            .await
            .expect("the source's tables");
        let folder = TempDir::new().expect("a folder");
        write_pipeline(folder.path(), &name, &self.pipeline);
        let settings = write_settings(folder.path(), &servers, &name, &self.settings);
        let mut service = Service {
            servers,
            name,
            shop,
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings,
            tasks: Vec::new(),
            process: None,
        };
        service.restart().await;

        service
    }
}
