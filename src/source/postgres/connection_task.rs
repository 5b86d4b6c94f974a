//! The work of a connection: done by its own task, or by the task that waits for its answer.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::postgres::Work;

/// Two futures are polled in turn this often before other tasks get their turn.
const TURNS: usize = 64;

/// A connection whose work is done by a task that can be asked to give it back.
pub(super) struct ConnectionTask(Mutex<Option<RunningTask>>);

struct RunningTask {
    wanted: oneshot::Sender<()>,
    done: JoinHandle<Option<Work>>,
}

impl ConnectionTask {
    /// Begins to do the connection's work.
    pub(super) fn new(work: Work) -> Self {
        Self(Mutex::new(Some(RunningTask::new(work))))
    }

    /// Waits for an answer of the connection and does its work meanwhile.
    ///
    /// For answers in many parts: with two tasks, every few kilobytes would cost a switch of threads.
    pub(super) async fn drive<T>(&self, answer: impl Future<Output = T>) -> T {
        let task = self.task().take();
        let Some(work) = RunningTask::stop(task).await else {
            return answer.await;
        };
        let (answer, work) = together(answer, work).await;
        *self.task() = work.map(RunningTask::new);

        answer
    }

    /// Ends the connection at once, whatever its server still sends.
    pub(super) fn abort(&self) {
        if let Some(task) = self.task().take() {
            task.done.abort();
        }
    }

    fn task(&self) -> std::sync::MutexGuard<'_, Option<RunningTask>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl RunningTask {
    fn new(mut work: Work) -> Self {
        let (wanted, is_wanted) = oneshot::channel();
        let done = tokio::spawn(async move {
            tokio::select! {
                () = &mut work => None,
                // If the handle was dropped, the task runs on until the client has closed the connection.
                Ok(()) = is_wanted => Some(work),
            }
        });

        Self { wanted, done }
    }

    /// Gives the work back; none if it has ended.
    async fn stop(task: Option<Self>) -> Option<Work> {
        let Self { wanted, done } = task?;
        wanted.send(()).ok()?;

        done.await.ok()?
    }
}

/// Does the work until there is an answer; gives the work back if it has not ended.
async fn together<T>(answer: impl Future<Output = T>, work: Work) -> (T, Option<Work>) {
    let mut answer = pin!(answer);
    let mut work = Some(work);
    let turn = Arc::new(PollTurn::default());
    let waker = Waker::from(Arc::clone(&turn));
    let answer = poll_fn(|context| {
        let mut inner = Context::from_waker(&waker);
        for _ in 0..TURNS {
            turn.begin();
            if work
                .as_mut()
                .is_some_and(|work| work.as_mut().poll(&mut inner).is_ready())
            {
                // Dropping the work shows the client that the connection has ended.
                work = None;
            }
            if let Poll::Ready(answer) = answer.as_mut().poll(&mut inner) {
                return Poll::Ready(answer);
            }
            if turn.has_ended(context.waker()) {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();

        Poll::Pending
    })
    .await;

    (answer, work)
}

/// Whether one of two futures woke the other while they were polled. Then both are polled again at once.
#[derive(Default)]
struct PollTurn {
    is_woken: AtomicBool,
    task: AtomicWaker,
}

impl PollTurn {
    fn begin(&self) {
        self.task.take();
        self.is_woken.store(false, Ordering::SeqCst);
    }

    fn has_ended(&self, task: &Waker) -> bool {
        if self.is_woken.load(Ordering::SeqCst) {
            return false;
        }
        self.task.register(task);

        !self.is_woken.load(Ordering::SeqCst)
    }
}

impl Wake for PollTurn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::channel::mpsc;
    use futures::{SinkExt, StreamExt};
    use tokio::time::{sleep, timeout};

    use super::ConnectionTask;

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn an_answer_comes_in_many_parts_and_the_work_goes_on_after_it() {
        let (mut parts, mut answer) = mpsc::channel(0);
        let connection = ConnectionTask::new(Box::pin(async move {
            for part in 0..10_000_u32 {
                if part % 1_000 == 0 {
                    sleep(Duration::from_millis(1)).await;
                }
                if parts.send(part).await.is_err() {
                    return;
                }
            }
        }));
        for from in [0, 5_000] {
            let sum = connection.drive(answer.by_ref().take(5_000).fold(0, async |a, b| a + b));
            let sum = timeout(LONG, sum).await.expect("in time");
            assert_eq!(sum, (from..from + 5_000).sum::<u32>());
        }
        drop(connection);
        assert_eq!(timeout(LONG, answer.next()).await, Ok(None));
    }

    #[tokio::test]
    async fn where_the_work_ends_the_answer_learns_of_it() {
        let (parts, mut answer) = mpsc::channel::<u32>(0);
        let connection = ConnectionTask::new(Box::pin(async move {
            sleep(Duration::from_millis(20)).await;
            drop(parts);
        }));
        for _ in 0..2 {
            let answer = timeout(LONG, connection.drive(answer.next()));
            assert_eq!(answer.await, Ok(None));
        }
    }
}
