//! The one place that the time of day comes from, and where waiting is done.
//!
//! What decides by time takes the time as an argument, so that a test can say what it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock;

impl Clock {
    /// Seconds since 1970; 0 on a machine that thinks it is earlier.
    pub fn now(self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |passed| passed.as_secs())
    }

    /// Lets time go by.
    pub fn sleep(self, time: Duration) {
        std::thread::sleep(time);
    }
}
