//! Since when calls to an endpoint are under way and none goes well.
//!
//! Few calls that hang fill no bound, and fail only at their deadline. What tells of them sooner is that there is
//! always one under way and none is answered. For how long that means nothing, the endpoint's own answers say: one
//! that takes ten seconds over each is slow, and not gone.
//!
//! A call that went well says so for all that began before it: one of them that hangs on is a straggler, and no sign.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The shortest silence that means something: no shorter one can be told from slowness.
pub(super) const STALL: Duration = Duration::from_secs(1);

/// How many times as long as the longest call of late a silence must be that means something.
const SLOWNESS: u64 = 2;

/// The length that is remembered of the longest call of late shrinks by this part of it with each call.
const FADING: u32 = 64;

/// A silence, or none.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// One word, so that nobody sees the one without the other: in the low half the moment when the silence began, in
    /// milliseconds, wrapping; above it the calls under way since then, in 16 bits; above them its number, likewise.
    word: AtomicU64,
    /// How long the longest call of late took that went well, in milliseconds.
    longest: AtomicU32,
}

/// A call's part in a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) struct Sits {
    silence: u16,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    number: u16,
    calls: u16,
    since: u32,
}

impl Silence {
    /// Notes that a call begins now, in milliseconds; says too whether a silence lasts that means something.
    pub(super) fn begins(&self, now: u64) -> (Sits, bool) {
        let before = self.change(|word| match word.calls {
            0 => Word { calls: 1, since: now as u32, ..word },
            // Beyond that, calls are more than any bound lets pass, and not counted.
            calls => Word { calls: calls.saturating_add(1), ..word },
        });
        (Sits { silence: before.number }, self.lasts(before, now))
    }

    /// Notes that a call has ended that did not go well.
    pub(super) fn ends(&self, sits: Sits) {
        self.change(|word| match word.number == sits.silence {
            true => Word { calls: word.calls.saturating_sub(1), ..word },
            false => word,
        });
    }

    /// Notes that a call went well, and how long it took.
    pub(super) fn breaks(&self, took: Duration) {
        self.change(|word| Word { number: word.number.wrapping_add(1), calls: 0, ..word });
        let took = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        let longest = self.longest.load(Relaxed);
        let next = took.max(longest - longest / FADING);
        if next != longest {
            self.longest.store(next, Relaxed);
        }
    }

    /// Says whether a silence lasts that means something.
    pub(super) fn is_telling(&self, now: u64) -> bool {
        self.lasts(Word::of(self.word.load(Relaxed)), now)
    }

    fn lasts(&self, word: Word, now: u64) -> bool {
        // Signed: of two threads, one may have read the clock before the other and come after it.
        let lasting = i64::from((now as u32).wrapping_sub(word.since) as i32);
        let enough = (SLOWNESS * u64::from(self.longest.load(Relaxed))).max(STALL.as_millis() as u64);
        word.calls > 0 && u64::try_from(lasting).is_ok_and(|lasting| lasting >= enough)
    }

    /// Changes the word and gives what it was.
    fn change(&self, next: impl Fn(Word) -> Word) -> Word {
        let mut before = self.word.load(Relaxed);
        loop {
            let after = next(Word::of(before)).packed();
            match self.word.compare_exchange_weak(before, after, Relaxed, Relaxed) {
                Ok(_) => return Word::of(before),
                Err(present) => before = present,
            }
        }
    }
}

impl Word {
    fn of(word: u64) -> Self {
        Self { number: (word >> 48) as u16, calls: (word >> 32) as u16, since: word as u32 }
    }

    fn packed(self) -> u64 {
        let Self { number, calls, since } = self;
        u64::from(number) << 48 | u64::from(calls) << 32 | u64::from(since)
    }
}
