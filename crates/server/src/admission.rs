//! Admission control: limits the work that unauthenticated clients can cause.
//!
//! There are three limits:
//! - on all concurrent joins: further connections wait in the listener's backlog;
//! - on the concurrent joins of one address: further connections are refused, so that one host cannot take all permits.
//!   Loopback is exempt, because all users of this machine share it;
//! - on the failed joins of one address: see [`Throttle`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::throttle::Throttle;

/// A client may not start to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum AdmissionError {
    #[error("too many concurrent joins from this address")]
    TooManyJoining,
    #[error("too many failed joins from this address; wait {} s", wait.as_secs() + 1)]
    TooManyFailures { wait: Duration },
}

#[derive(Debug)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    max_per_address: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    joining: BTreeMap<IpAddr, usize>,
    throttle: Throttle,
}

/// Permits one client to join. Dropping it lets the next one start.
#[derive(Debug)]
pub(crate) struct JoinPermit {
    admission: Arc<Admission>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    /// Allows `max_joining` concurrent joins, a quarter of them from one address, and `failed_joins` consecutive wrong passwords
    /// of an address before it has to wait.
    pub(crate) fn new(max_joining: usize, failed_joins: u32) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(max_joining)),
            max_per_address: (max_joining / 4).max(1),
            state: Mutex::new(State {
                joining: BTreeMap::new(),
                throttle: Throttle::new(failed_joins),
            }),
        }
    }

    /// Waits until a client from `address` may join. Fails immediately if the address has reached its limit of concurrent or
    /// failed joins.
    pub(crate) async fn admit(
        self: Arc<Self>,
        now: Instant,
        address: IpAddr,
    ) -> Result<JoinPermit, AdmissionError> {
        self.check(now, address)?;
        // This fails only if the semaphore is closed, and it never is.
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| AdmissionError::TooManyJoining)?;
        *self.lock().joining.entry(address).or_default() += 1;
        Ok(JoinPermit {
            admission: self,
            address,
            _permit: permit,
        })
    }

    /// Counts a wrong password and returns how long `address` has to wait before the next join.
    pub(crate) fn failed(&self, now: Instant, address: IpAddr) -> Duration {
        let throttle = &mut self.lock().throttle;
        throttle.failed(now, address);
        throttle.wait(now, address)
    }

    fn check(&self, now: Instant, address: IpAddr) -> Result<(), AdmissionError> {
        let state = self.lock();
        let wait = state.throttle.wait(now, address);
        if !wait.is_zero() {
            return Err(AdmissionError::TooManyFailures { wait });
        }
        let joining = state.joining.get(&address).copied().unwrap_or_default();
        if joining >= self.max_per_address && !address.is_loopback() {
            return Err(AdmissionError::TooManyJoining);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for JoinPermit {
    fn drop(&mut self) {
        let joining = &mut self.admission.lock().joining;
        if let Some(count) = joining.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                joining.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn admission(max_joining: usize) -> Arc<Admission> {
        Arc::new(Admission::new(max_joining, 1))
    }

    /// Tries to admit a client from `address`. Returns `None` if it would have to wait.
    fn try_admit(
        admission: &Arc<Admission>,
        now: Instant,
        address: &str,
    ) -> Option<Result<JoinPermit, AdmissionError>> {
        let admitted = Arc::clone(admission).admit(now, address.parse().unwrap());
        match pin!(admitted).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(admitted) => Some(admitted),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_address_gets_a_quarter_of_the_permits() {
        let now = Instant::now();
        let admission = admission(8);
        let first = try_admit(&admission, now, "192.0.2.1").unwrap().unwrap();
        let _second = try_admit(&admission, now, "192.0.2.1").unwrap().unwrap();
        let third = try_admit(&admission, now, "192.0.2.1").unwrap();
        assert_eq!(third.unwrap_err(), AdmissionError::TooManyJoining);
        assert!(try_admit(&admission, now, "192.0.2.2").unwrap().is_ok());
        drop(first);
        assert!(try_admit(&admission, now, "192.0.2.1").unwrap().is_ok());
    }

    #[test]
    fn clients_wait_while_all_permits_are_taken() {
        let now = Instant::now();
        let admission = admission(4);
        let mut permits: Vec<JoinPermit> = (0..4)
            .map(|_| try_admit(&admission, now, "127.0.0.1").unwrap().unwrap())
            .collect();
        assert!(try_admit(&admission, now, "192.0.2.1").is_none());
        permits.pop();
        assert!(try_admit(&admission, now, "192.0.2.1").unwrap().is_ok());
    }

    #[test]
    fn an_address_with_too_many_failures_is_refused_for_a_while() {
        let now = Instant::now();
        let admission = admission(4);
        let wait = admission.failed(now, "192.0.2.1".parse().unwrap());
        assert_eq!(wait, Throttle::PERIOD);
        let refused = try_admit(&admission, now, "192.0.2.1").unwrap();
        assert_eq!(
            refused.unwrap_err(),
            AdmissionError::TooManyFailures { wait }
        );
        assert!(
            try_admit(&admission, now + wait, "192.0.2.1")
                .unwrap()
                .is_ok()
        );
    }

    #[test]
    fn finished_joins_leave_no_state() {
        let now = Instant::now();
        let admission = admission(4);
        drop(try_admit(&admission, now, "192.0.2.1"));
        assert!(admission.lock().joining.is_empty());
    }
}
