//! Reads a log on all cores: one thread finds lines, many make sense of them, and whoever asks gets them in order.
//!
//! To parse a line takes some ten times as long as to fold it, so this is where cores help; and since the lines come in the
//! order of the log, what is folded from them is to the last digit what one core would have found. What is in flight is
//! bounded, however long the log.

#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::record::Line;
use crate::record::ReadError;
use crate::record::Reader;
use crate::record::read::parse;

/// How many bytes of lines are handed on together.
const BATCH_BYTES: usize = 512 * 1024;

/// How many batches wait for each thread.
const AHEAD: usize = 2;

/// The lines of a log, in order, parsed by many threads. Dropped, it lets them end.
#[derive(Debug)]
pub struct ParallelReader {
    batches: Receiver<Parsing>,
    lines: std::vec::IntoIter<Result<Line, ReadError>>,
    so_far: SoFar,
    bytes_total: u64,
}

/// What was read when a batch was.
#[derive(Debug, Clone, Copy, Default)]
struct SoFar {
    bytes: u64,
    torn: u64,
}

/// A batch whose lines are on their way.
#[derive(Debug)]
struct Parsing {
    lines: Receiver<Vec<Result<Line, ReadError>>>,
    so_far: SoFar,
}

/// Lines of one file that follow each other, or a file that cannot be read.
#[derive(Debug)]
enum Batch {
    Lines { path: Arc<Path>, first: u64, bytes: Vec<u8>, ends: Vec<usize> },
    Failed(ReadError),
}

/// A batch and who waits for its lines.
type Work = (Batch, SyncSender<Vec<Result<Line, ReadError>>>);

/// Reads what a reader would, on as many threads as there are cores.
pub fn read_in_parallel(reader: Reader) -> ParallelReader {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let bytes_total = reader.bytes_total();
    let (hand, batches) = sync_channel(AHEAD * threads);
    let (work, works) = sync_channel::<Work>(AHEAD * threads);
    let works = Arc::new(Mutex::new(works));
    for _ in 0..threads {
        let works = Arc::clone(&works);
        thread::spawn(move || {
            loop {
                let next = works.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((batch, ready)) = next else { return };
                // Nobody may want it any more.
                let _ = ready.send(batch.parsed());
            }
        });
    }
    thread::spawn(move || find(reader, &hand, &work));
    ParallelReader { batches, lines: Vec::new().into_iter(), so_far: SoFar::default(), bytes_total }
}

/// Finds lines and hands them out in batches, until there are no more or nobody wants them.
fn find(mut reader: Reader, hand: &SyncSender<Parsing>, work: &SyncSender<Work>) {
    let mut batch: Option<Batch> = None;
    let give = |batch: Batch, reader: &Reader| {
        let (ready, lines) = sync_channel(1);
        let so_far = SoFar { bytes: reader.bytes_read(), torn: reader.torn() };
        hand.send(Parsing { lines, so_far }).is_ok() && work.send((batch, ready)).is_ok()
    };
    while let Some(found) = reader.advance() {
        let failed = found.err();
        let place = reader.place().filter(|_| failed.is_none());
        let goes_on = matches!((&batch, place), (Some(Batch::Lines { path, bytes, .. }), Some((own, _)))
            if **path == *own && bytes.len() < BATCH_BYTES);
        if !goes_on
            && let Some(batch) = batch.take()
            && !give(batch, &reader)
        {
            return;
        }
        match (place, failed) {
            (_, Some(error)) => {
                if !give(Batch::Failed(error), &reader) {
                    return;
                }
            }
            (Some((path, line)), None) => {
                let open = batch.get_or_insert_with(|| Batch::beginning(path, line));
                open.add(reader.line_bytes());
            }
            (None, None) => {}
        }
    }
    // Torn lines and bytes that came behind the last batch are told with an empty one.
    let last = batch.take().unwrap_or_else(|| Batch::beginning(Path::new(""), 0));
    give(last, &reader);
}

impl Batch {
    fn beginning(path: &Path, first: u64) -> Self {
        let bytes = Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 8);
        Self::Lines { path: path.into(), first, bytes, ends: Vec::new() }
    }

    fn add(&mut self, line: &[u8]) {
        if let Self::Lines { bytes, ends, .. } = self {
            bytes.extend_from_slice(line);
            ends.push(bytes.len());
        }
    }

    fn parsed(self) -> Vec<Result<Line, ReadError>> {
        let (path, first, bytes, ends) = match self {
            Batch::Failed(error) => return vec![Err(error)],
            Batch::Lines { path, first, bytes, ends } => (path, first, bytes, ends),
        };
        let begins = [0].into_iter().chain(ends.iter().copied());
        let lines = begins.zip(&ends).zip(first..);
        let parsed = lines.map(|((begin, end), line)| {
            parse(&bytes[begin..*end]).map_err(|source| ReadError::Line {
                path: PathBuf::from(&*path),
                line,
                source,
            })
        });
        parsed.collect()
    }
}

impl ParallelReader {
    /// How many torn lines were passed over so far.
    pub fn torn(&self) -> u64 {
        self.so_far.torn
    }

    /// How many bytes of lines were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.so_far.bytes
    }

    /// How many bytes of lines there were to read when reading began.
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }
}

impl Iterator for ParallelReader {
    type Item = Result<Line, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.lines.next() {
                return Some(line);
            }
            let Parsing { lines, so_far } = self.batches.recv().ok()?;
            self.so_far = so_far;
            // A thread that panicked over a batch, which parsing does not, loses that batch.
            self.lines = lines.recv().unwrap_or_default().into_iter();
        }
    }
}
