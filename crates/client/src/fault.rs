//! How a command ends: its exit code, and what it says if something went wrong.

use std::fmt::Write as _;

use crate::answers::Problem;
use crate::text;

/// The exit code of a command. Scripts read them, so a number never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Succeeded = 0,
    /// The run failed, a check found an error, or the service refused the call.
    Failed = 1,
    /// The command line is wrong, or names something that does not exist.
    Usage = 2,
    Cancelled = 3,
    /// The run was still queued or running at the time limit, or the caller went away.
    StillRunning = 4,
    /// The server cannot be reached, or a server that it needs.
    Unreachable = 5,
}

impl Exit {
    /// The exit code of a command that has printed its answer. A reader who went away, such as `head`, does not change it.
    pub(crate) fn after(self, printed: Result<()>) -> Result<Self> {
        match printed {
            Ok(()) | Err(Fault::OutputClosed) => Ok(self),
            Err(fault) => Err(fault),
        }
    }
}

/// What each exit code means, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  it succeeded
  1  the run failed, a check found an error, the service refused the call, or the output cannot be written
  2  the command line is wrong, or names something that does not exist
  3  the run was cancelled
  4  the run is still queued or running: the time limit was reached, or you went away
  5  the server cannot be reached, or lacks a server that it needs (status 503)";

/// Why a command could not be done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The service answered with a problem.
    Problem(Box<Problem>),
    /// Nothing answers at the address.
    Unreachable(String),
    /// The command line is wrong, or a file that it names.
    Usage(String),
    /// Something answers that is no service of Icefront.
    Strange(String),
    /// The output cannot be written, for example because the disk is full.
    Output(String),
    /// The reader of the output went away, such as `head`.
    OutputClosed,
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::OutputClosed => Exit::Succeeded,
            Self::Usage(_) => Exit::Usage,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Strange(_) | Self::Output(_) => Exit::Failed,
            Self::Problem(problem) => match problem.status {
                400 | 404 | 405 | 413 | 415 | 422 => Exit::Usage,
                502..=504 => Exit::Unreachable,
                _ => Exit::Failed,
            },
        }
    }

    /// What to print; `None` if nobody reads it.
    pub(crate) fn told(&self) -> Option<String> {
        match self {
            Self::OutputClosed => None,
            Self::Usage(detail)
            | Self::Unreachable(detail)
            | Self::Strange(detail)
            | Self::Output(detail) => Some(format!("error: {}", text::clean(detail))),
            Self::Problem(problem) => Some(told(problem)),
        }
    }
}

fn told(problem: &Problem) -> String {
    let mut lines = format!("error: {}", problem.told());
    let mut more = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            // Writing to a text cannot fail.
            let _ = write!(lines, "\n  {name}: {}", text::one_line(value));
        }
    };
    more("problem", Some(problem.slug()));
    more("run", problem.run_id.as_deref());
    more("request", problem.request_id.as_deref());

    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_does_not_change_the_exit_code() {
        let exit = Exit::Failed.after(Err(Fault::OutputClosed));

        assert!(matches!(exit, Ok(Exit::Failed)));
    }

    fn problem(status: u16) -> Fault {
        Fault::Problem(Box::new(Problem {
            kind: "urn:icefront:problem:not-found".into(),
            status,
            detail: "there is no pipeline `shpo`;\u{1b}[2J did you mean `shop`?".into(),
            request_id: Some("019a".into()),
            ..Problem::default()
        }))
    }

    #[test]
    fn a_problem_is_told_with_its_detail_type_and_request() {
        assert_eq!(
            problem(404).told().as_deref(),
            Some(
                "error: there is no pipeline `shpo`;\\u{1b}[2J did you mean `shop`?\n  problem: not-found\n  request: 019a"
            )
        );
    }

    #[test]
    fn the_status_of_a_problem_decides_the_exit_code() {
        let exits = [404, 422, 409, 500, 503].map(|status| problem(status).exit() as u8);

        assert_eq!(exits, [2, 2, 1, 1, 5]);
    }
}
