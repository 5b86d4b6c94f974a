//! A service in its own process, for tests that set environment variables.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::Duration;

use super::{Answer, Service};

/// Killed when it is dropped.
pub(super) struct Process(Mutex<Child>);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let mut child = self.0.lock().expect("a process");
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Service {
    /// Ends the service like a kill, and starts the program over the same state, with more environment variables.
    pub(crate) async fn restart_as_process(&mut self, environment: &[(&str, &str)]) {
        self.end().await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        self.address = listener.local_addr().expect("an address");
        drop(listener);
        let log = std::fs::File::create(self.folder.path().join("icefront.log")).expect("a log");
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let process = Command::new(env!("CARGO_BIN_EXE_icefront"))
            .arg("serve")
            .arg("--config")
            .arg(&self.settings)
            .env("ICEFRONT__HTTP__BIND", self.address.to_string())
            .env("ICEFRONT__HTTP__METRICS_BIND", any_port.to_string())
            .envs(environment.iter().copied())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        self.process = Some(Process(Mutex::new(process)));
        for _ in 0..200 {
            let asked = self.request(reqwest::Method::GET, "/livez").send().await;
            if asked.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the program does not answer; {}", self.program_log());
    }

    /// Sends the program a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.as_ref().expect("a process");
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(process.0.lock().expect("a process").id().to_string())
            .status();
        assert!(sent.expect("kill").success());
    }

    /// The most memory that the program had at once, in MiB; `None` where the system does not tell.
    pub(crate) fn most_memory(&self) -> Option<u64> {
        let process = self.process.as_ref().expect("a process");
        let id = process.0.lock().expect("a process").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;

        Some(kibibytes >> 10)
    }

    /// Waits until the program has taken a signal and is about to end. Gives its last answer to `/readyz`.
    pub(crate) async fn stops(&self) -> Answer {
        for _ in 0..600 {
            let ready = self.get("/readyz").await;
            // At its start, it is not ready for other reasons.
            if ready.body["type"] == "urn:icefront:problem:stopping" {
                return ready;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the program stays ready; {}", self.program_log());
    }

    /// Waits for the end of the program, and gives its exit code.
    pub(crate) async fn exit_code(&self) -> Option<i32> {
        let process = self.process.as_ref().expect("a process");
        for _ in 0..600 {
            let ended = process.0.lock().expect("a process").try_wait();
            if let Some(status) = ended.expect("a status") {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the program does not end; {}", self.program_log());
    }

    /// The log of the program.
    pub(crate) fn program_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("icefront.log")).unwrap_or_default()
    }
}
