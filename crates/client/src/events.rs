//! The events of a run, read from a stream of server-sent events.

use std::time::Duration;

use reqwest::Response;

use crate::answers::{ProgressEvent, RunEvent, StepEvent};
use crate::fault::{Fault, Result};
use crate::server::Server;

/// The service sends something at least every 15 seconds.
const LONGEST_SILENCE: Duration = Duration::from_secs(50);
const LARGEST_EVENT: usize = 4 << 20;

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Run(RunEvent),
    Step(Box<StepEvent>),
    Progress(ProgressEvent),
}

/// The events of one run. After a lost connection, [`Events::open`] goes on where it stopped.
#[derive(Debug)]
pub(crate) struct Events {
    run: String,
    last: Option<String>,
    stream: Option<Response>,
    buffer: Vec<u8>,
    /// How much of the buffer has no end of a message.
    searched: usize,
}

impl Events {
    pub(crate) fn of(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            last: None,
            stream: None,
            buffer: Vec::new(),
            searched: 0,
        }
    }

    pub(crate) async fn open(&mut self, server: &Server) -> Result<()> {
        self.buffer.clear();
        self.searched = 0;
        self.stream = Some(
            server
                .stream(&["runs", &self.run, "events"], self.last.as_deref())
                .await?,
        );

        Ok(())
    }

    /// The next events; `None` at the end of the stream, which may come before the end of the run.
    ///
    /// Nothing is lost if the wait for it is given up.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Event>>> {
        loop {
            let messages = self.take_messages();
            if !messages.is_empty() {
                return Ok(Some(messages));
            }
            let Some(stream) = &mut self.stream else {
                return Ok(None);
            };
            match tokio::time::timeout(LONGEST_SILENCE, stream.chunk()).await {
                Ok(Ok(Some(part))) if self.buffer.len() + part.len() <= LARGEST_EVENT => {
                    self.buffer
                        .extend(part.iter().filter(|byte| **byte != b'\r'));
                }
                Ok(Ok(Some(_))) => {
                    return Err(Fault::Strange(format!(
                        "an event is longer than {} MiB",
                        LARGEST_EVENT >> 20
                    )));
                }
                Ok(Ok(None) | Err(_)) | Err(_) => {
                    self.stream = None;
                    return Ok(None);
                }
            }
        }
    }

    /// Takes the whole messages out of the buffer. Events that this client does not know are left out.
    fn take_messages(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(end) = self.buffer[self.searched..]
            .windows(2)
            .position(|pair| pair == b"\n\n")
        {
            let message: Vec<u8> = self.buffer.drain(..self.searched + end + 2).collect();
            self.searched = 0;
            let message = String::from_utf8_lossy(&message);
            let (mut name, mut data) = ("", Vec::new());
            for line in message.lines() {
                let (field, value) = line.split_once(':').unwrap_or((line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                match field {
                    "event" => name = value,
                    "data" => data.push(value),
                    "id" => self.last = Some(value.to_owned()),
                    _ => {}
                }
            }
            events.extend(event(name, &data.join("\n")));
        }
        self.searched = self.buffer.len().saturating_sub(1);

        events
    }
}

fn event(name: &str, data: &str) -> Option<Event> {
    match name {
        "run" => serde_json::from_str(data).ok().map(Event::Run),
        "step" => serde_json::from_str(data)
            .ok()
            .map(|step| Event::Step(Box::new(step))),
        "progress" => serde_json::from_str(data).ok().map(Event::Progress),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_whole_however_they_arrive() {
        let text = ": ping\n\nid: 1\nevent: run\ndata: {\"state\":\"running\",\"attempt\":1}\n\nevent: later\ndata: {}\n\nid: 2\nevent: step\ndata: {\"step\":\"extract\",\"state\":\"running\"}\n\nid: 3";
        let mut events = Events::of("run");
        let mut seen = Vec::new();
        for byte in text.bytes() {
            events.buffer.push(byte);
            seen.extend(events.take_messages());
        }

        assert!(
            matches!(&seen[..], [Event::Run(run), Event::Step(step)] if run.state == "running" && step.step == "extract")
        );
        assert_eq!(events.last.as_deref(), Some("2"));
    }
}
