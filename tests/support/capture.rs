//! Captures the output of a running program in a thread, with bounded waits instead of sleeps.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

/// The output of a pipe or terminal so far.
#[derive(Clone, Default)]
pub struct Capture(Arc<(Mutex<State>, Condvar)>);

impl Capture {
    /// Reads `source` to its end in a separate thread.
    pub fn of(mut source: impl Read + Send + 'static) -> Capture {
        let capture = Capture::default();
        let writer = capture.clone();
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            // A terminal ends with an error (EIO) where a pipe ends with nothing to read.
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                writer.lock().bytes.extend_from_slice(&buffer[..count]);
                writer.0.1.notify_all();
            }
            writer.lock().ended = true;
            writer.0.1.notify_all();
        });
        capture
    }

    /// Everything so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Waits for the end; false if it does not come in time.
    pub fn wait_for_end(&self, limit: Duration) -> bool {
        self.wait(limit, |state| state.ended.then_some(()))
            .is_some()
    }

    /// Waits for `text` after position `from` and returns the position after it; `None` on time-out or at the end.
    pub fn wait_for(&self, text: &str, from: usize, limit: Duration) -> Option<usize> {
        self.wait(limit, |state| {
            match find(&state.bytes[from..], text.as_bytes()) {
                Some(at) => Some(Some(from + at + text.len())),
                None => state.ended.then_some(None),
            }
        })
        .flatten()
    }

    fn wait<T>(&self, limit: Duration, ready: impl Fn(&State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(found) = ready(&state) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let waited = self.0.1.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
