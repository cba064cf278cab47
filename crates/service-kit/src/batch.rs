//! Many callers, one piece of work: questions that arrive while one batch is being answered form the next.
//!
//! There is no timer: a lone question is answered at once, and under load batches grow by themselves.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};
use tracing::{Instrument, Span};

use crate::{
    queue_figures::QueueFigures,
    traces::{TracePlace, mark_failed, refer_to_group, start_ask_span, start_group_span},
};

/// How much a batcher takes on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most questions in one batch.
    pub batch: usize,
    /// Most questions waiting; more are refused with [`BatchError::Full`].
    pub waiting: usize,
    /// Most batches being answered at once.
    pub concurrent: usize,
    /// How long an asker waits, its batch's turn included.
    pub patience: Duration,
}

/// A question was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Too many questions are waiting already.
    #[error("too many requests are waiting")]
    Full,
    /// The answer did not come in time. The work goes on, and may still be done.
    #[error("the answer did not come in time")]
    Late,
    /// The work ended without an answer to this question.
    #[error("the batch ended without an answer")]
    Lost,
}

/// Hands questions to a worker task in batches and each answer back to its asker. Cheap to clone.
#[derive(Debug)]
pub struct Batcher<Q, A> {
    queue: &'static str,
    questions: mpsc::Sender<WaitingQuestion<Q, A>>,
    patience: Duration,
    figures: QueueFigures,
}

impl<Q, A> Clone for Batcher<Q, A> {
    fn clone(&self) -> Self {
        let (queue, patience) = (self.queue, self.patience);
        Self { queue, questions: self.questions.clone(), patience, figures: self.figures.clone() }
    }
}

#[derive(Debug)]
struct WaitingQuestion<Q, A> {
    question: Q,
    /// The span that waits.
    asker: TracePlace,
    /// Takes the answer, and the span of the batch in which it was found.
    reply: oneshot::Sender<(A, TracePlace)>,
}

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    /// Starts the worker. `queue` is what operators call the questions that wait. `answer` gets the questions in the
    /// order they were asked and returns one answer for each, in that order. The worker ends, after answering what
    /// waits, when the last clone is dropped.
    pub fn spawn<F, Fut>(queue: &'static str, limits: Limits, answer: F) -> Self
    where
        F: Fn(Vec<Q>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<A>> + Send + 'static,
    {
        let (questions, waiting) = mpsc::channel(limits.waiting);
        tokio::spawn(run(queue, limits, waiting, Arc::new(answer)));
        let figures = QueueFigures::watch(queue, &questions);
        Self { queue, questions, patience: limits.patience, figures }
    }

    /// Asks and waits for the answer. The work is done even if the caller stops waiting.
    pub async fn ask(&self, question: Q) -> Result<A, BatchError> {
        let span = start_ask_span(self.queue);
        let asked = self.ask_in_turn(question, &span).instrument(span.clone()).await;
        if asked.is_err() {
            mark_failed(&span);
        }
        if matches!(asked, Err(BatchError::Full | BatchError::Late)) {
            self.figures.note_refusal();
        }
        asked
    }

    async fn ask_in_turn(&self, question: Q, span: &Span) -> Result<A, BatchError> {
        let (reply, answer) = oneshot::channel();
        let asker = TracePlace::of(span);
        self.questions.try_send(WaitingQuestion { question, asker, reply }).map_err(|_| BatchError::Full)?;
        match timeout(self.patience, answer).await {
            Ok(Ok((answer, batch))) => {
                refer_to_group(span, &batch);
                Ok(answer)
            }
            Ok(Err(_)) => Err(BatchError::Lost),
            Err(_) => Err(BatchError::Late),
        }
    }
}

async fn run<Q, A, F, Fut>(
    queue: &'static str,
    limits: Limits,
    mut waiting: mpsc::Receiver<WaitingQuestion<Q, A>>,
    answer: Arc<F>,
) where
    Q: Send + 'static,
    A: Send + 'static,
    F: Fn(Vec<Q>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<A>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.concurrent));
    // Take a slot before the questions, so that those arriving while all slots are busy join one batch.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let mut batch = Vec::new();
        if waiting.recv_many(&mut batch, limits.batch).await == 0 {
            return;
        }
        let answer = Arc::clone(&answer);
        let span = start_group_span("batch", queue, batch.iter().map(|waiting| &waiting.asker));
        let work = async move {
            let place = TracePlace::here();
            let (questions, replies): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.question, waiting.reply)).unzip();
            for (reply, answer) in replies.into_iter().zip(answer(questions).await) {
                // The asker may have gone; its answer has nowhere to go.
                let _ = reply.send((answer, place.clone()));
            }
            drop(slot);
        };
        tokio::spawn(work.instrument(span));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::budget::QUEUE_WAIT;

    #[tokio::test]
    async fn every_question_gets_its_own_answer_in_far_fewer_batches() {
        let batches = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&batches);
        let doubler = Batcher::spawn(
            "test",
            Limits { batch: 256, waiting: 4096, concurrent: 1, patience: Duration::from_mins(1) },
            move |questions: Vec<u32>| {
                counted.fetch_add(1, Ordering::SeqCst);
                async move {
                    tokio::task::yield_now().await;
                    questions.into_iter().map(|n| n * 2).collect()
                }
            },
        );
        let asked: Vec<_> = (0..1000)
            .map(|n| {
                let doubler = doubler.clone();
                tokio::spawn(async move { (n, doubler.ask(n).await) })
            })
            .collect();
        for task in asked {
            let (n, answer) = task.await.unwrap();
            assert_eq!(answer, Ok(n * 2));
        }
        assert!(batches.load(Ordering::SeqCst) < 100);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_a_panicking_batch_loses_only_itself() {
        let gate = Arc::new(Semaphore::new(0));
        let opened = Arc::clone(&gate);
        let batcher = Batcher::spawn(
            "test",
            Limits { batch: 1, waiting: 1, concurrent: 1, patience: Duration::from_mins(1) },
            move |questions: Vec<u32>| {
                let gate = Arc::clone(&gate);
                async move {
                    let _open = gate.acquire().await;
                    assert_ne!(questions, [13]);
                    questions
                }
            },
        );
        let first = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.ask(13).await }
        });
        while batcher.questions.capacity() == 0 || !first.is_finished() && opened.available_permits() == 0 {
            tokio::task::yield_now().await;
            if batcher.questions.capacity() == 1 {
                break;
            }
        }
        let second = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.ask(2).await }
        });
        while batcher.questions.capacity() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(batcher.ask(3).await, Err(BatchError::Full));
        opened.add_permits(10);
        assert_eq!(first.await.unwrap(), Err(BatchError::Lost));
        assert_eq!(second.await.unwrap(), Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_told_so_and_the_work_goes_on() {
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        let limits = Limits { batch: 1, waiting: 8, concurrent: 1, patience: QUEUE_WAIT };
        let slow = Batcher::spawn("test", limits, move |questions: Vec<u32>| {
            let counted = Arc::clone(&counted);
            async move {
                tokio::time::sleep(Duration::from_secs(5)).await;
                counted.fetch_add(1, Ordering::SeqCst);
                questions
            }
        });
        assert_eq!(slow.ask(1).await, Err(BatchError::Late));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}
