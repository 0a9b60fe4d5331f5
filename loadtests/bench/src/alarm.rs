//! A wake-up at an exact moment, for an event loop whose own time-outs are whole milliseconds.

use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

use mio::Interest;
use mio::Registry;
use mio::Token;
use mio::unix::SourceFd;
use rustix::time::Itimerspec;
use rustix::time::TimerfdClockId;
use rustix::time::TimerfdFlags;
use rustix::time::TimerfdTimerFlags;
use rustix::time::Timespec;
use rustix::time::timerfd_create;
use rustix::time::timerfd_settime;

use crate::clock::NS_PER_SECOND;

/// A timer whose expiry is an event of a poll. It need not be read: the poll reports edges.
pub(crate) struct Alarm {
    timer: OwnedFd,
    set_for: Option<u64>,
}

impl Alarm {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, set_for: None })
    }

    /// Wakes the poll at this moment of [`crate::clock::now_ns`], or never; a moment in the past is now.
    pub(crate) fn set(&mut self, at_ns: Option<u64>) -> io::Result<()> {
        if self.set_for == at_ns {
            return Ok(());
        }
        self.set_for = at_ns;
        // Zero would switch the timer off, and stands for never.
        let at = at_ns.map_or(0, |at| at.max(1));
        let value = Timespec { tv_sec: (at / NS_PER_SECOND) as i64, tv_nsec: (at % NS_PER_SECOND) as i64 };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }

    /// To be called when the alarm's event came: it rings once.
    pub(crate) fn rang(&mut self) {
        self.set_for = None;
    }
}
