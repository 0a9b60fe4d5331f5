//! What a command is to read: files and directories as they are, and what stands in object stores, brought here first.

use std::error::Error;
use std::path::Path;
use std::path::PathBuf;

/// Paths to read. Dropped, what was brought here is deleted.
pub(super) struct Sources {
    /// Files and directories.
    pub(super) paths: Vec<PathBuf>,
    /// Kept until they are read.
    _spool: Option<Spool>,
}

/// A directory for what was brought here.
struct Spool(PathBuf);

impl Drop for Spool {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("crossfade: `{}` could not be deleted: {error}", self.0.display());
        }
    }
}

impl Sources {
    /// Brings here what must be; credentials come from the environment and the platform, as the stores' own tools have them.
    pub(super) fn of(named: &[PathBuf]) -> Result<Self, Box<dyn Error>> {
        let (mut paths, mut spool) = (Vec::new(), None);
        for path in named {
            match path.to_str().filter(|text| is_in_store(text)) {
                Some(url) => paths.extend(fetched(url, &mut spool)?),
                None => paths.push(path.clone()),
            }
        }
        Ok(Self { paths, _spool: spool })
    }
}

fn is_in_store(text: &str) -> bool {
    ["s3://", "gs://", "az://"].iter().any(|scheme| text.starts_with(scheme)) && !Path::new(text).exists()
}

#[cfg(not(feature = "object-store"))]
fn fetched(url: &str, _spool: &mut Option<Spool>) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    Err(format!(
        "this build knows no object stores, so not `{url}`; hint: build with `--features object-store`"
    )
    .into())
}

#[cfg(feature = "object-store")]
fn fetched(url: &str, spool: &mut Option<Spool>) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    use crate::delivery::Address;
    use crate::delivery::Bucket;
    use crate::delivery::Format;
    use crate::tls::ClientFiles;
    use crate::tls::Live;

    if spool.is_none() {
        let dir = std::env::temp_dir().join(format!("crossfade-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&dir)
            .map_err(|source| format!("`{}` cannot be made: {source}", dir.display()))?;
        *spool = Some(Spool(dir));
    }
    let dir = &spool.as_ref().expect("it was just made").0;
    let tls = Live::open(ClientFiles { ca_file: None, identity: None, server_name: None })?;
    let address = Address { url, options: Vec::new(), secrets: Vec::new(), tls: std::sync::Arc::new(tls) };
    let bucket = Bucket::at(address, Format::Lines)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let files = runtime.block_on(bucket.fetch(dir))?;
    if files.is_empty() {
        return Err(
            format!("`{url}` holds no records: no `.parquet`, `.jsonl` or `.jsonl.zst` below it").into()
        );
    }
    Ok(files)
}
