//! A terminal of 200 columns and 30 lines in which a command runs: a tmux server of its own.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// The longest wait for a text on the screen.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);
/// Runs a command and writes its exit code to a file: tmux sometimes misses the end of a short one.
const RUN: &str = r#"trap : INT; "$@"; echo $? >"$0""#;

pub(crate) struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// Starts a command with its environment in a terminal. The screen stays after the command has ended.
    pub(crate) fn start(command: &Command) -> Self {
        let terminal = Self {
            folder: TempDir::new().expect("a folder"),
        };
        let mut tmux = terminal.tmux();
        tmux.args([
            "start-server",
            ";",
            "set-option",
            "-g",
            "remain-on-exit",
            "on",
            ";",
        ])
        .args(["new-session", "-d", "-x", "200", "-y", "30"]);
        for (name, value) in command.get_envs() {
            let value = value.unwrap_or_default();
            let mut pair = name.to_owned();
            pair.push("=");
            pair.push(value);
            tmux.arg("-e").arg(pair);
        }
        tmux.args(["sh", "-c", RUN]).arg(terminal.exit_code());
        tmux.arg(command.get_program()).args(command.get_args());
        done(&mut tmux);

        terminal
    }

    /// Types keys as tmux names them, such as `y`, `Enter` and `C-c`.
    pub(crate) fn press(&self, keys: &[&str]) {
        done(self.tmux().arg("send-keys").args(keys));
    }

    /// What is on the screen and above it, without blanks at its end.
    pub(crate) fn screen(&self) -> String {
        let screen = done(self.tmux().args(["capture-pane", "-p", "-S", "-"]));

        screen.trim_end().to_owned()
    }

    /// Waits until a text is on the screen.
    pub(crate) async fn shows(&self, text: &str) {
        self.shows_times(text, 1).await;
    }

    /// Waits until a text is on the screen this often.
    pub(crate) async fn shows_times(&self, text: &str, times: usize) {
        self.until(text, || self.screen().matches(text).count() >= times)
            .await;
    }

    /// Waits for the end of the command, which has this exit code. Gives the screen.
    pub(crate) async fn ends(&self, code: i32) -> String {
        let mut ended = String::new();
        self.until("the end", || {
            ended = std::fs::read_to_string(self.exit_code()).unwrap_or_default();
            ended.ends_with('\n')
        })
        .await;
        // tmux shows the output a moment later.
        tokio::time::sleep(5 * PAUSE).await;
        let mut screen = self.screen();
        // The last line is tmux': that the pane is dead.
        if let Some(at) = screen.rfind("Pane is dead") {
            screen.truncate(at);
        }
        assert_eq!(ended.trim(), code.to_string(), "{screen}");

        screen.trim_end().to_owned()
    }

    async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let began = std::time::Instant::now();
        while !is_so() {
            assert!(
                began.elapsed() < LONGEST_WAIT,
                "{what} is not on the screen:\n{}",
                self.screen()
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The file that gets the exit code of the command.
    fn exit_code(&self) -> PathBuf {
        self.folder.path().join("exit_code")
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        let path = std::env::var_os("PATH");
        tmux.env_clear()
            .env("PATH", path.as_deref().unwrap_or(OsStr::new("/usr/bin")))
            .env("LANG", "C.UTF-8")
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(self.folder.path().join("socket"));

        tmux
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended if its command could not be started.
        let _ = self.tmux().arg("kill-server").output();
    }
}

fn done(tmux: &mut Command) -> String {
    let output = tmux
        .output()
        .expect("tmux is missing: on Debian, apt-get install tmux");
    assert!(
        output.status.success(),
        "{tmux:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );

    String::from_utf8(output.stdout).expect("UTF-8")
}
