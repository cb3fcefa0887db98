//! Who may begin a join: what a stranger can make the server do is bounded before anything else.
//!
//! Three bounds. All joins under way together: more wait in the listener's backlog. Those of one
//! address: more are turned away, so that one host can't take all places; loopback is one
//! address to everybody on this machine, and has no such bound. Failed joins of one address: see
//! [`Throttle`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::throttle::Throttle;

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionConfig {
    /// Joins under way at the same time. An address other than loopback may have a quarter.
    pub max_joining: usize,
    /// Wrong passwords an address may try in a row.
    pub failed_joins: u32,
}

/// Why somebody may not even try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum TurnedAway {
    #[error("too many joins of this address are under way")]
    TooManyJoining,
    #[error("too many failed joins of this address; {} s to wait", wait.as_secs() + 1)]
    TooManyFailures { wait: Duration },
}

/// The doorkeeper of all listeners.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    max_per_address: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    joining: BTreeMap<IpAddr, usize>,
    throttle: Throttle,
}

/// A place among the joins under way, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(config: AdmissionConfig) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.max_joining)),
            max_per_address: (config.max_joining / 4).max(1),
            state: Mutex::new(State {
                joining: BTreeMap::new(),
                throttle: Throttle::new(config.failed_joins),
            }),
        }
    }

    /// Waits for a place for `address`.
    ///
    /// # Errors
    ///
    /// At once, if the address has as many places as it may or failed too often.
    pub(crate) async fn admit(
        self: Arc<Self>,
        now: Instant,
        address: IpAddr,
    ) -> Result<Place, TurnedAway> {
        self.check(now, address)?;
        // It fails only when the semaphore is closed, which nobody does.
        let permit = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| TurnedAway::TooManyJoining)?;
        *self.lock().joining.entry(address).or_default() += 1;
        Ok(Place {
            admission: self,
            address,
            _permit: permit,
        })
    }

    /// Counts a wrong password, and returns how long `address` has to wait now.
    pub(crate) fn failed(&self, now: Instant, address: IpAddr) -> Duration {
        let throttle = &mut self.lock().throttle;
        throttle.failed(now, address);
        throttle.wait(now, address)
    }

    fn check(&self, now: Instant, address: IpAddr) -> Result<(), TurnedAway> {
        let state = self.lock();
        let wait = state.throttle.wait(now, address);
        if !wait.is_zero() {
            return Err(TurnedAway::TooManyFailures { wait });
        }
        let joining = state.joining.get(&address).copied().unwrap_or_default();
        if joining >= self.max_per_address && !address.is_loopback() {
            return Err(TurnedAway::TooManyJoining);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
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
        Arc::new(Admission::new(AdmissionConfig {
            max_joining,
            failed_joins: 1,
        }))
    }

    /// Whether somebody from `address` gets a place now; `None` if it would have to wait.
    fn try_admit(
        admission: &Arc<Admission>,
        now: Instant,
        address: &str,
    ) -> Option<Result<Place, TurnedAway>> {
        let admitted = Arc::clone(admission).admit(now, address.parse().unwrap());
        match pin!(admitted).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(admitted) => Some(admitted),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_address_gets_a_quarter_of_the_places_and_what_it_gives_back() {
        let now = Instant::now();
        let admission = admission(8);
        let first = try_admit(&admission, now, "192.0.2.1").unwrap().unwrap();
        let _second = try_admit(&admission, now, "192.0.2.1").unwrap().unwrap();
        let third = try_admit(&admission, now, "192.0.2.1").unwrap();
        assert_eq!(third.unwrap_err(), TurnedAway::TooManyJoining);
        assert!(try_admit(&admission, now, "192.0.2.2").unwrap().is_ok());
        drop(first);
        assert!(try_admit(&admission, now, "192.0.2.1").unwrap().is_ok());
    }

    #[test]
    fn when_all_places_are_taken_others_wait_for_one() {
        let now = Instant::now();
        let admission = admission(4);
        let mut places: Vec<Place> = (0..4)
            .map(|_| try_admit(&admission, now, "127.0.0.1").unwrap().unwrap())
            .collect();
        assert!(try_admit(&admission, now, "192.0.2.1").is_none());
        places.pop();
        assert!(try_admit(&admission, now, "192.0.2.1").unwrap().is_ok());
    }

    #[test]
    fn an_address_that_failed_too_often_is_turned_away_for_a_while() {
        let now = Instant::now();
        let admission = admission(4);
        let wait = admission.failed(now, "192.0.2.1".parse().unwrap());
        assert_eq!(wait, Throttle::PERIOD);
        let turned_away = try_admit(&admission, now, "192.0.2.1").unwrap();
        assert_eq!(
            turned_away.unwrap_err(),
            TurnedAway::TooManyFailures { wait }
        );
        assert!(
            try_admit(&admission, now + wait, "192.0.2.1")
                .unwrap()
                .is_ok()
        );
    }

    #[test]
    fn nothing_is_remembered_of_joins_that_ended() {
        let now = Instant::now();
        let admission = admission(4);
        drop(try_admit(&admission, now, "192.0.2.1"));
        assert!(admission.lock().joining.is_empty());
    }
}
