//! Where the program's memory comes from: first a small room of its own, then the system's allocator.
//!
//! Nearly every run is over in a millisecond and needs a few kilobytes; keeping book of them piece by piece cost a quarter
//! of its instructions and a third of its system calls. What is taken from the room is not given back. Once
//! it is full everything goes by the system's allocator, so that a run that goes on for long holds no more than the room
//! too much.
//!
//! Beside `signals` the one place with `unsafe`: an allocator can't be written without.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// In bytes. Pages of it that nothing is taken from take no memory.
const SIZE: usize = 64 * 1024;

/// An allocator for `#[global_allocator]`.
#[derive(Clone, Copy, Debug)]
pub struct Arena;

static ROOM: Room = Room::new();

// SAFETY: a piece of the room is aligned and as large as was asked for, and nobody else has it; what is not of the room
// is the system's, and goes back to it. What each call asks of its caller is what is asked of the system's.
unsafe impl GlobalAlloc for Arena {
    // Each call by its own is larger than what is called from everywhere.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match ROOM.take(layout) {
            Some(piece) => piece,
            // SAFETY: see above.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        if ROOM.offset(piece).is_none() {
            // SAFETY: see above.
            unsafe { System.dealloc(piece, layout) }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = ROOM.offset(piece) else {
            // SAFETY: see above.
            return unsafe { System.realloc(piece, layout, size) };
        };
        if ROOM.resize(start, layout.size(), size) {
            return piece;
        }
        // SAFETY: `size` is right for that alignment, or the caller may not ask for it. The new piece is another one, and
        // neither is smaller than what is copied.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(piece, moved, layout.size());
            }
            moved
        }
    }
}

/// Pieces of it are taken one behind the other.
struct Room {
    bytes: UnsafeCell<Bytes>,
    /// Where what is free begins.
    end: AtomicUsize,
}

/// Aligned as nearly everything that is asked for.
#[repr(align(16))]
struct Bytes {
    _all: MaybeUninit<[u8; SIZE]>,
}

// SAFETY: `bytes` are never read or written here, only handed out, no part of them to two at a time: `end` is moved by
// compare-and-exchange. Who gets what another gave back sees all that was done with it before, by the order of that.
unsafe impl Sync for Room {}

impl Room {
    const fn new() -> Room {
        Room {
            bytes: UnsafeCell::new(Bytes {
                _all: MaybeUninit::uninit(),
            }),
            end: AtomicUsize::new(0),
        }
    }

    /// A piece; none where there is no room for it.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        if layout.align() > align_of::<Bytes>() {
            return None;
        }
        loop {
            let before = self.end.load(Ordering::Relaxed);
            let start = before.next_multiple_of(layout.align());
            let end = start.checked_add(layout.size())?;
            if end > SIZE {
                return None;
            }
            if self.move_end(before, end) {
                return Some(self.bytes.get().cast::<u8>().wrapping_add(start));
            }
        }
    }

    /// Where a piece begins; none where it is not of this room.
    fn offset(&self, piece: *mut u8) -> Option<usize> {
        let offset = piece.addr().wrapping_sub(self.bytes.get().addr());
        (offset < SIZE).then_some(offset)
    }

    /// Whether a piece now has the new size, in its place.
    fn resize(&self, start: usize, old: usize, new: usize) -> bool {
        let end = start.saturating_add(new);
        (end <= SIZE && self.move_end(start + old, end)) || new <= old
    }

    /// Moves the end of what is taken, where that is `from`.
    fn move_end(&self, from: usize, to: usize) -> bool {
        self.end
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    fn take(room: &Room, size: usize, align: usize) -> Option<usize> {
        room.take(layout(size, align))
            .map(|piece| room.offset(piece).unwrap())
    }

    #[test]
    fn pieces_are_aligned_and_end_with_the_room() {
        static ROOM: Room = Room::new();
        assert_eq!(take(&ROOM, 1, 1), Some(0));
        assert_eq!(take(&ROOM, 8, 8), Some(8));
        assert_eq!(take(&ROOM, 3, 1), Some(16));
        assert_eq!(take(&ROOM, 16, 16), Some(32));
        assert_eq!(take(&ROOM, 8, 32), None, "more than the room is aligned to");
        assert_eq!(take(&ROOM, SIZE, 1), None);
        assert_eq!(take(&ROOM, usize::MAX / 2, 1), None);
        assert_eq!(take(&ROOM, SIZE - 48, 1), Some(48));
        assert_eq!(take(&ROOM, 1, 1), None);
        let (mut elsewhere, start) = (0u8, ROOM.bytes.get().cast::<u8>());
        assert_eq!(ROOM.offset(&raw mut elsewhere), None);
        assert_eq!(ROOM.offset(start.wrapping_add(SIZE)), None);
        assert_eq!(ROOM.offset(start.wrapping_sub(1)), None);
    }

    #[test]
    fn only_the_last_piece_grows_in_its_place() {
        static ROOM: Room = Room::new();
        assert_eq!(take(&ROOM, 100, 1), Some(0));
        assert!(ROOM.resize(0, 100, 200));
        assert_eq!(take(&ROOM, 10, 1), Some(200));
        assert!(!ROOM.resize(0, 200, 201));
        assert!(ROOM.resize(0, 200, 20));
        assert!(!ROOM.resize(200, 10, SIZE - 199));
        assert!(!ROOM.resize(200, 10, usize::MAX));
        assert!(ROOM.resize(200, 10, SIZE - 200));
        assert_eq!(take(&ROOM, 1, 1), None);
        assert!(ROOM.resize(200, SIZE - 200, 5));
        assert_eq!(take(&ROOM, 1, 1), Some(205));
    }

    #[test]
    fn no_two_threads_get_the_same() {
        static ROOM: Room = Room::new();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(|| std::iter::from_fn(|| take(&ROOM, 24, 8)).collect::<Vec<_>>())
            })
            .collect();
        let mut all: Vec<_> = threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect();
        all.sort_unstable();
        assert!(all.into_iter().eq((0..SIZE / 24).map(|i| i * 24)));
    }

    #[test]
    fn what_is_in_a_piece_moves_with_it() {
        let text = b"0123456789";
        let mut size = text.len();
        // SAFETY: each layout is the one that the piece was got with, and what is read was written.
        unsafe {
            let mut piece = Arena.alloc(layout(size, 1));
            ptr::copy_nonoverlapping(text.as_ptr(), piece, size);
            // Others in between, so that it can't grow in its place; in the end it is the system's.
            while size < 4 * SIZE {
                let other = Arena.alloc(layout(7, 1));
                piece = Arena.realloc(piece, layout(size, 1), size * 2);
                size *= 2;
                assert_eq!(std::slice::from_raw_parts(piece, text.len()), text);
                Arena.dealloc(other, layout(7, 1));
            }
            assert_eq!(ROOM.offset(piece), None);
            piece = Arena.realloc(piece, layout(size, 1), 5);
            assert_eq!(std::slice::from_raw_parts(piece, 5), &text[..5]);
            Arena.dealloc(piece, layout(5, 1));
        }
    }
}
