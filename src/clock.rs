//! Time: what time it is, and waiting. Code that depends on time takes a [`Clock`], so that its tests need not wait.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub trait Clock {
    /// Seconds since 1970.
    fn now(&self) -> u64;

    fn sleep(&self, duration: Duration);
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A clock that is set to a time before 1970 reads as 0.
    fn now(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs())
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
