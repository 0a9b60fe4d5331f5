//! From a log to a snapshot: one pass to choose, one to gather, one to write in order.
//!
//! Nothing but an index is held in memory, so that a log of any size can be exported. The lines stand as they are in the
//! log, request by request by time: its design before the first that has it, the pair, its outcomes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use indexmap::IndexSet;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::columns::read_any;
use crate::dataset::Counts;
use crate::dataset::FolderError;
use crate::dataset::Format;
use crate::dataset::Manifest;
use crate::dataset::Redaction;
use crate::dataset::Set;
use crate::dataset::Snapshot;
use crate::dataset::Wanted;
use crate::dataset::folder::Folder;
use crate::dataset::formats;
use crate::dataset::formats::FormatError;
use crate::dataset::manifest::MANIFEST;
use crate::dataset::redaction::hidden;
use crate::dataset::select::Chosen;
use crate::dataset::select::Selection;
use crate::record::Body;
use crate::record::DesignRecord;
use crate::record::Line;
use crate::record::ObservationRecord;
use crate::record::OutcomeRecord;
use crate::record::PairedRecord;
use crate::record::ReadError;
use crate::record::SCHEMA;
use crate::vocab::ExperimentName;
use crate::vocab::RequestId;
use crate::vocab::Timestamp;

/// The lines while they are gathered, in no order.
const GATHERED: &str = "gathered";

/// The record lines while it is not known what they are called.
const ORDERED: &str = "ordered";

/// Says why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A directory or file that was named cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The snapshot's directory.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A format cannot be written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The gathered lines cannot be kept.
    #[error("the lines cannot be gathered beside the snapshot: {0}; hint: check the disk")]
    Gather(#[from] io::Error),
    /// Nothing was chosen.
    #[error("no request of {read} on record is of the set `{set}`; hint: {hint}")]
    Empty {
        /// The set.
        set: String,
        /// How many were read.
        read: u64,
        /// What may help.
        hint: &'static str,
    },
    /// The log changed while it was read.
    #[error(
        "{gone} of the chosen requests were gone when the log was read again; hint: is it being cleaned up?"
    )]
    Gone {
        /// How many.
        gone: u64,
    },
}

/// What makes the figures of a request comparable with others: it has the design of this.
type Design = (ExperimentName, String, String);

/// Lines as they are gathered, whatever they come from.
pub(super) struct Gathering {
    folder: Folder,
    file: BufWriter<File>,
    at: u64,
    index: Vec<Piece>,
    experiments: IndexSet<ExperimentName>,
    subjects: IndexSet<Design>,
    designs: BTreeMap<Design, (Timestamp, Vec<u8>)>,
    redaction: Redaction,
    policies: BTreeSet<String>,
    seen: HashSet<(u32, RequestId)>,
}

/// Where a gathered line lies, and where it belongs.
#[derive(Debug)]
struct Piece {
    time: Timestamp,
    experiment: u32,
    request: RequestId,
    rank: Rank,
    /// The subject of a pair.
    subject: u32,
    offset: u64,
    bytes: u32,
}

/// A line's place among those of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Pair,
    Outcome(Timestamp, u64),
}

/// How a snapshot came to be, but for what its lines tell.
pub(super) struct Origin {
    pub(super) set: String,
    pub(super) sources: Vec<String>,
    pub(super) filters: Value,
    pub(super) counts: Counts,
    pub(super) format: Format,
}

/// Makes a snapshot of the requests that are wanted of these directories and files, at `place`.
///
/// # Errors
/// When something that was named cannot be read, nothing is chosen, or the snapshot cannot be written.
pub fn export(
    paths: &[PathBuf],
    wanted: &Wanted,
    format: Format,
    place: &Path,
) -> Result<Snapshot, ExportError> {
    let mut gathering = Gathering::begin(place)?;
    let chosen = choose(paths, wanted)?;
    if chosen.counts.kept == 0 {
        return Err(nothing(wanted, &chosen.counts));
    }
    let outcomes = gather(paths, &chosen, &mut gathering)?;
    let gone = chosen.counts.kept - gathering.seen.len() as u64;
    if gone > 0 {
        return Err(ExportError::Gone { gone });
    }
    let mut sources: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    sources.sort();
    gathering.finish(Origin {
        set: wanted.set.to_string(),
        sources,
        filters: serde_json::to_value(wanted).unwrap_or_default(),
        counts: Counts { outcomes, ..chosen.counts },
        format,
    })
}

fn choose(paths: &[PathBuf], wanted: &Wanted) -> Result<Chosen, ExportError> {
    let mut selection = Selection::of(wanted);
    let mut reader = read_any(paths)?;
    for line in &mut reader {
        match line {
            Ok(line) => selection.fold(&line),
            Err(ReadError::Line { .. }) => selection.pass_over(),
            Err(error) => return Err(error.into()),
        }
    }
    (0..reader.torn()).for_each(|_| selection.pass_over());
    Ok(selection.chosen())
}

/// Takes in what is chosen; says how many outcomes that is.
fn gather(paths: &[PathBuf], chosen: &Chosen, gathering: &mut Gathering) -> Result<u64, ExportError> {
    let mut reader = read_any(paths)?;
    while let Some(line) = reader.next() {
        match line {
            Ok(Line::Design(record)) => gathering.add_design(&record, reader.line_bytes()),
            Ok(Line::Pair(record)) => {
                if chosen.time(&record.experiment, record.request_id).is_some() {
                    gathering.add_pair(&record, reader.line_bytes())?;
                }
            }
            Ok(Line::Outcome(record)) => {
                if let Some(time) = chosen.time(&record.experiment, record.request_id) {
                    gathering.add_outcome(&record, time, reader.line_bytes())?;
                }
            }
            Ok(Line::Answered(_) | Line::Judgement(_) | Line::Gap(_)) | Err(ReadError::Line { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(gathering.arrange())
}

fn nothing(wanted: &Wanted, counts: &Counts) -> ExportError {
    let hint = match wanted.set {
        _ if counts.read == 0 => {
            "name a directory that a gateway writes to (`record.dir`) or one of its files"
        }
        _ if counts.read == counts.filtered + counts.repeated => {
            "check `--experiment`, `--since` and `--until`"
        }
        Set::ThumbsDown if wanted.outcome.is_none() => {
            "without `--outcome` it holds outcomes of type binary that say no; name another, as in `--outcome rating \
             --below 3`"
        }
        Set::ThumbsDown => "check `--outcome` and its bound against the records",
        Set::Disagreements => "only requests that two models answered can disagree",
        Set::Prod | Set::Errors | Set::All => "`--set all` holds everything that is on record",
    };
    ExportError::Empty { set: wanted.set.to_string(), read: counts.read, hint }
}

impl Gathering {
    /// Begins a snapshot that will stand here.
    pub(super) fn begin(place: &Path) -> Result<Self, ExportError> {
        let folder = Folder::begin(place)?;
        let file = File::create_new(folder.aside(GATHERED))?;
        Ok(Self {
            folder,
            file: BufWriter::new(file),
            at: 0,
            index: Vec::new(),
            experiments: IndexSet::new(),
            subjects: IndexSet::new(),
            designs: BTreeMap::new(),
            redaction: Redaction::default(),
            policies: BTreeSet::new(),
            seen: HashSet::new(),
        })
    }

    /// Takes in a design: of those that say the same, the earliest stands.
    pub(super) fn add_design(&mut self, record: &DesignRecord, line: &[u8]) {
        let key = (record.experiment.clone(), record.policy.clone(), record.identity.clone());
        let told = (record.time, ended(line));
        match self.designs.get_mut(&key) {
            Some(known) if *known <= told => {}
            Some(known) => *known = told,
            None => drop(self.designs.insert(key, told)),
        }
    }

    /// Takes in a pair, once; `false`: it was there before.
    pub(super) fn add_pair(&mut self, record: &PairedRecord, line: &[u8]) -> Result<bool, ExportError> {
        let experiment = self.experiment(&record.experiment);
        if !self.seen.insert((experiment, record.request_id)) {
            return Ok(false);
        }
        let design = (record.experiment.clone(), record.policy.clone(), record.identity.clone());
        let subject = self.subjects.insert_full(design).0 as u32;
        self.policies.insert(record.policy.clone());
        if let Some(why) = hidden(record) {
            *self.redaction.requests.entry(why).or_default() += 1;
        }
        let is_changed =
            |seen: &&ObservationRecord| seen.redacted || matches!(seen.body, Some(Body::Withheld(_)));
        self.redaction.answers += record.observations.iter().filter(is_changed).count() as u64;
        let (time, request) = (record.time, record.request_id);
        self.add(line, |offset, bytes| Piece {
            time,
            experiment,
            request,
            rank: Rank::Pair,
            subject,
            offset,
            bytes,
        })?;
        Ok(true)
    }

    /// Takes in an outcome of a request of this time.
    pub(super) fn add_outcome(
        &mut self,
        record: &OutcomeRecord,
        time: Timestamp,
        line: &[u8],
    ) -> Result<(), ExportError> {
        let experiment = self.experiment(&record.experiment);
        let (request, rank) = (record.request_id, Rank::Outcome(record.time, xxh3_64(line.trim_ascii_end())));
        self.add(line, |offset, bytes| Piece { time, experiment, request, rank, subject: 0, offset, bytes })
    }

    fn add(&mut self, line: &[u8], piece: impl FnOnce(u64, u32) -> Piece) -> Result<(), ExportError> {
        let line = ended(line);
        self.file.write_all(&line)?;
        self.index.push(piece(self.at, line.len() as u32));
        self.at += line.len() as u64;
        Ok(())
    }

    fn experiment(&mut self, name: &ExperimentName) -> u32 {
        let place = self.experiments.get_index_of(name);
        place.unwrap_or_else(|| self.experiments.insert_full(name.clone()).0) as u32
    }

    /// Puts the lines in their order, each once; says how many are outcomes.
    pub(super) fn arrange(&mut self) -> u64 {
        let Self { index, experiments, .. } = self;
        let place =
            |piece: &Piece| (piece.time, &experiments[piece.experiment as usize], piece.request, piece.rank);
        index.sort_by(|one, other| place(one).cmp(&place(other)));
        index.dedup_by(|one, other| place(one) == place(other));
        index.iter().filter(|piece| matches!(piece.rank, Rank::Outcome(..))).count() as u64
    }

    /// Writes the lines, which are arranged, and all that goes with them.
    pub(super) fn finish(mut self, origin: Origin) -> Result<Snapshot, ExportError> {
        self.file.flush()?;
        let mut lines = self.folder.file(ORDERED)?;
        let mut gathered = File::open(self.folder.aside(GATHERED))?;
        let (mut introduced, mut line, mut by_experiment) = (HashSet::new(), Vec::new(), BTreeMap::new());
        for piece in &self.index {
            if piece.rank == Rank::Pair {
                *by_experiment.entry(self.experiments[piece.experiment as usize].clone()).or_default() += 1;
                let design = self.designs.get(&self.subjects[piece.subject as usize]);
                if let Some((_, design)) = design.filter(|_| introduced.insert(piece.subject)) {
                    lines.write(design)?;
                }
            }
            line.resize(piece.bytes as usize, 0);
            gathered.seek(SeekFrom::Start(piece.offset))?;
            gathered.read_exact(&mut line)?;
            lines.write(&line)?;
        }
        drop(gathered);
        std::fs::remove_file(self.folder.aside(GATHERED))?;
        let content = lines.sha256();
        let begun = self.index.first().map(|piece| piece.time).unwrap_or(Timestamp::from_micros(0));
        let records = segment_name(begun, &content);
        let mut folder = self.folder;
        folder.keep(&records, lines)?;
        let Origin { set, sources, filters, counts, format } = origin;
        let manifest = Manifest {
            manifest: MANIFEST,
            set,
            content,
            records,
            schema: SCHEMA,
            crossfade: env!("CARGO_PKG_VERSION").to_owned(),
            created: Timestamp::from(SystemTime::now()),
            sources,
            filters,
            policies: self.policies.into_iter().collect(),
            experiments: by_experiment,
            redaction: self.redaction,
            counts,
            files: BTreeMap::new(),
        };
        formats::write(format, &mut folder, &manifest)?;
        Ok(folder.finish(manifest)?)
    }
}

/// A name by which readers of logs know the file, of what it holds alone.
fn segment_name(begun: Timestamp, content: &str) -> String {
    let digits: String =
        begun.to_string().chars().filter(|c| c.is_ascii_digit() || *c == 'T').take(15).collect();
    format!("crossfade-{digits}-{}.jsonl", &content[..32])
}

/// The last line of a log may lack its line feed.
fn ended(line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    if !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    line
}
