//! One timer for one deadline after another.

use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::task::coop::unconstrained;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep};

/// Runs a future until a deadline, by a timer that serves one deadline after another.
///
/// To set a timer wakes the runtime's driver, by a system call, if it is the earliest. So a timer
/// that rings too early is set anew only when it has rung.
pub(crate) fn until<F: Future + Unpin>(
    mut alarm: Pin<&mut Sleep>,
    deadline: Instant,
    mut future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(cx) {
            return Poll::Ready(Ok(output));
        }
        poll_alarm(alarm.as_mut(), deadline, cx).map(Err)
    })
}

/// The same, but sets the timer only once the runtime has looked at its sockets: what is ready by
/// then, as a connection to a near host is, needs none.
pub(crate) fn soon_or_until<F: Future + Unpin>(
    mut alarm: Pin<&mut Sleep>,
    deadline: Instant,
    mut future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    let mut has_looked = false;
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if !mem::replace(&mut has_looked, true) && pin!(yield_now()).poll(cx).is_pending() {
            return Poll::Pending;
        }
        poll_alarm(alarm.as_mut(), deadline, cx).map(Err)
    })
}

/// The time was up.
#[derive(Debug)]
pub(crate) struct Elapsed;

fn poll_alarm(
    mut alarm: Pin<&mut Sleep>,
    deadline: Instant,
    cx: &mut Context<'_>,
) -> Poll<Elapsed> {
    if alarm.deadline() > deadline {
        alarm.as_mut().reset(deadline);
    }
    loop {
        // Otherwise a future that has used up the task's budget would never be out of time.
        let ringing = pin!(unconstrained(alarm.as_mut()));
        if ringing.poll(cx).is_pending() {
            return Poll::Pending;
        }
        if alarm.deadline() >= deadline {
            return Poll::Ready(Elapsed);
        }
        alarm.as_mut().reset(deadline);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{sleep, sleep_until};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn an_alarm_set_too_early_too_late_or_long_ago_rings_at_the_deadline() {
        for (set_to, deadline) in [(1, 3), (3, 1), (2, 2), (0, 2), (3, 0)] {
            let began = Instant::now();
            let mut alarm = pin!(sleep_until(began + SECOND * set_to));
            let end = began + SECOND * deadline;
            for _ in 0..2 {
                let outcome = until(alarm.as_mut(), end, pending::<()>()).await;
                assert!(outcome.is_err());
                // The clock has whole milliseconds.
                let late = Instant::now().duration_since(end);
                assert!(late <= SECOND / 500, "{late:?}");
                assert!(began.elapsed() >= SECOND * deadline);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_alarm_serves_a_row_of_deadlines() {
        let began = Instant::now();
        let mut alarm = pin!(sleep_until(began + SECOND));
        for (deadline, is_in_time) in [(4000, true), (1500, false), (7000, true)] {
            let deadline = began + Duration::from_millis(deadline);
            let answer = pin!(sleep(SECOND));
            let outcome = until(alarm.as_mut(), deadline, answer).await;
            assert_eq!(outcome.is_ok(), is_in_time, "{deadline:?}");
        }
        assert_eq!(began.elapsed().as_millis() / 10, 250);
    }

    #[tokio::test(start_paused = true)]
    async fn a_near_host_is_reached_before_a_timer_is_set_at_all() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let over = Instant::now();
        let mut alarm = pin!(sleep_until(over));

        let near = pin!(TcpStream::connect(addr));
        let outcome = soon_or_until(alarm.as_mut(), over, near).await;
        assert!(matches!(outcome, Ok(Ok(_))), "{outcome:?}");
        let outcome = soon_or_until(alarm.as_mut(), over, pending::<()>()).await;
        assert!(outcome.is_err());
    }

    #[tokio::test]
    async fn a_future_that_uses_up_its_tasks_budget_is_out_of_time_all_the_same() {
        let greedy = pin!(async {
            loop {
                tokio::task::consume_budget().await;
            }
        });
        let deadline = Instant::now() + Duration::from_millis(5);
        let mut alarm = pin!(sleep_until(deadline));
        let timed = until(alarm.as_mut(), deadline, greedy);
        let outcome = tokio::time::timeout(SECOND * 10, timed).await;
        assert!(outcome.unwrap().is_err());
    }
}
