//! Makes files of a stretch, one for each day in it: `date=2026-01-31/crossfade-….parquet`.
//!
//! A file is named by the place where its stretch begins. The same stretch comes again after a failure, perhaps longer;
//! its file takes the place of the one before then, and no line is in two.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use crate::columns::Row;
#[cfg(feature = "parquet")]
use crate::columns::parquet;
use crate::delivery::failure::Failure;
#[cfg(feature = "object-store")]
use crate::delivery::packed::Packed;
use crate::delivery::stretch::Stretch;
use crate::record::Line;

/// What files are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Rows of typed columns.
    #[cfg(feature = "parquet")]
    Parquet,
    /// Lines as the log has them, compressed by Zstandard.
    #[cfg(feature = "object-store")]
    Lines,
}

/// A file being written. Dropped, it leaves nothing.
enum File {
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::Writer>),
    #[cfg(feature = "object-store")]
    Lines(Packed),
}

/// Writes a stretch into files below a directory and says which, without the directory. They are on the disk when this
/// returns. Blocks.
pub(super) fn make(stretch: &mut Stretch, dir: &Path, format: Format) -> Result<Vec<PathBuf>, Failure> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    let (mut names, mut stem, mut date) = (Vec::new(), None, None);
    stretch.each(|row| {
        let stem = stem.get_or_insert_with(|| row.id.replace(':', "-"));
        let date = match row.line {
            // It stands before the pairs that it is of, while its own time may be long ago.
            Line::Design(_) => date.get_or_insert_with(|| begun(&row.id).unwrap_or_else(|| day(row))),
            Line::Pair(_) | Line::Answered(_) | Line::Outcome(_) | Line::Judgement(_) | Line::Gap(_) => {
                date.insert(day(row))
            }
        };
        if !files.contains_key(date) {
            let name = Path::new(&format!("date={date}")).join(format!("{stem}.{}", format.ending()));
            files.insert(date.clone(), File::create(&dir.join(&name), format)?);
            names.push(name);
        }
        files.get_mut(date).map_or(Ok(()), |file| file.add(row))
    })?;
    files.into_values().try_for_each(File::finish)?;
    Ok(names)
}

fn day(row: &Row<'_>) -> String {
    row.time().to_string()[..10].to_owned()
}

/// The day on which a line's segment began, which its name tells: `crossfade-20260131T..`.
fn begun(id: &str) -> Option<String> {
    let digits = id.strip_prefix("crossfade-")?.get(..8)?;
    let is_date = digits.bytes().all(|digit| digit.is_ascii_digit());
    is_date.then(|| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]))
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            #[cfg(feature = "parquet")]
            Format::Parquet => "parquet",
            #[cfg(feature = "object-store")]
            Format::Lines => "jsonl.zst",
        }
    }
}

impl File {
    fn create(path: &Path, format: Format) -> Result<Self, Failure> {
        Ok(match format {
            #[cfg(feature = "parquet")]
            Format::Parquet => File::Parquet(Box::new(parquet::Writer::create(path)?)),
            #[cfg(feature = "object-store")]
            Format::Lines => File::Lines(Packed::create(path)?),
        })
    }

    fn add(&mut self, row: &Row<'_>) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "parquet")]
            File::Parquet(file) => file.push(row).map_err(Failure::from),
            #[cfg(feature = "object-store")]
            File::Lines(file) => file.push(row),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "parquet")]
            File::Parquet(file) => file.finish().map(|_| ()).map_err(Failure::from),
            #[cfg(feature = "object-store")]
            File::Lines(file) => file.finish(),
        }
    }
}
