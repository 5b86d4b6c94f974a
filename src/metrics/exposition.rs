//! The text that a scrape reads: the counters of this service, and the values that were looked up.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;

use super::shared::Shared;
use super::{catalogue, own, recorder};
use crate::app::{App, Background};
use crate::error::{Error, Result};

/// How often measured times are put into their buckets. Between scrapes, each would take memory.
const SORTED_EVERY: Duration = Duration::from_secs(5);

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Exposition {
    app: App,
    counted: PrometheusHandle,
    shared: Arc<Shared>,
}

impl Exposition {
    /// Begins to count for the whole program. Every counter is there from the start.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the program counts already.
    pub fn install(app: &App) -> Result<Self> {
        let recorder = recorder::recorder().map_err(Error::internal)?;
        let counted = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(Error::internal)?;
        recorder::describe();
        recorder::begin_counters(app);
        own::note_settings(app);

        Ok(Self {
            app: app.clone(),
            counted,
            shared: Arc::default(),
        })
    }

    /// Starts the looks at what all services share. They end with what this gives.
    #[must_use]
    pub fn look(&self) -> Background {
        let mut looks = Background::default();
        let counted = self.counted.clone();
        looks.spawn("sort measured times", move || {
            sort_measured(counted.clone())
        });
        let (shared, app) = (Arc::clone(&self.shared), self.app.for_work());
        looks.spawn("look at metrics", move || {
            let (shared, app) = (Arc::clone(&shared), app.clone());
            async move { shared.watch(&app).await }
        });

        looks
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        own::note(&self.app.at_present());
        let mut text = self.counted.render();
        text.push_str(&self.shared.text());

        with_units(&text)
    }
}

async fn sort_measured(counted: PrometheusHandle) {
    loop {
        tokio::time::sleep(SORTED_EVERY).await;
        counted.run_upkeep();
    }
}

/// Adds the line with the unit of each metric, which the exporter leaves out.
fn with_units(text: &str) -> String {
    let units: HashMap<&str, &str> = catalogue::all()
        .filter_map(|metric| Some((metric.name, metric.unit?.as_str())))
        .collect();
    let mut whole = String::with_capacity(text.len() * 9 / 8);
    for line in text.lines() {
        whole.push_str(line);
        whole.push('\n');
        let name = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split(' ').next());
        if let Some((name, unit)) = name.and_then(|name| Some((name, units.get(name)?))) {
            // Writing into a text does not fail.
            let _ = writeln!(whole, "# UNIT {name} {unit}");
        }
    }

    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_follows_the_type() {
        let name = "icefront_state_size_bytes";
        let text = format!("# HELP {name} h\n# TYPE {name} gauge\n{name} 1\n");

        let expected =
            format!("# HELP {name} h\n# TYPE {name} gauge\n# UNIT {name} bytes\n{name} 1\n");
        assert_eq!(with_units(&text), expected);
    }
}
