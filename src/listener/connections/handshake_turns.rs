//! Handshakes take turns. One costs as much as ten events, and in an overload there are thousands of them at
//! once: whoever is through his own would wait for all of theirs before his event is worked on. So at any moment
//! only as many are worked on as there are processors, and before each of them everything else has its turn.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// Turns for work that is much at a time. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// One for each processor.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(available_parallelism().map_or(1, usize::from))))
    }

    /// Does `work`, each step of it when it is its turn. While it waits for something, others have theirs.
    pub(crate) async fn take<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            // There is one to be had as long as nobody closes the semaphore, and nobody does.
            let turn = self.0.acquire().await;
            // To Tokio this means after all that is ready now, or at the latest after some dozens of tasks.
            yield_now().await;
            let step = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
            drop(turn);
            match step {
                Poll::Ready(done) => return done,
                Poll::Pending => woken().await,
            }
        }
    }
}

/// Until the task is woken by what was polled before.
async fn woken() {
    let mut waits = true;
    poll_fn(|_| if std::mem::take(&mut waits) { Poll::Pending } else { Poll::Ready(()) }).await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_is_ready_comes_first() {
        let (turns, handshakes) = (Turns(Arc::new(Semaphore::new(1))), Arc::new(AtomicUsize::new(0)));
        for _ in 0..100 {
            let (turns, handshakes) = (turns.clone(), Arc::clone(&handshakes));
            tokio::spawn(async move { turns.take(async { handshakes.fetch_add(1, Ordering::Relaxed) }).await });
        }
        let (ask, mut asked) = tokio::sync::mpsc::channel(1);
        let (answer, mut answered) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            while asked.recv().await.is_some() {
                answer.send(()).await.unwrap();
            }
        });

        let asking = tokio::spawn(async move {
            for _ in 0..100 {
                ask.send(()).await.unwrap();
                answered.recv().await.unwrap();
            }
            handshakes.load(Ordering::Relaxed)
        });

        let before = asking.await.unwrap();
        assert!(before < 20, "{before} handshakes came before");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_something_keeps_nobody_from_his_turn() {
        let turns = Turns(Arc::new(Semaphore::new(1)));
        let (silent, quick) = (turns.clone(), turns);
        let silent = tokio::spawn(async move { silent.take(tokio::time::sleep(Duration::from_secs(60))).await });
        let quick = quick.take(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            yield_now().await;
        });
        tokio::time::timeout(Duration::from_secs(2), quick).await.unwrap();
        silent.await.unwrap();
    }
}
