//! Carries records into an object store: S3 and whatever speaks like it, Google Cloud Storage, Azure Blob Storage.
//!
//! Files are made beside the log first, so that memory stays small and an upload can be repeated; each goes to a key that
//! tells the place in the log where it begins, and the same stretch goes to the same key again.

mod http;

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::BackoffConfig;
use object_store::ObjectStore;
use object_store::ObjectStoreExt;
use object_store::RetryConfig;
use object_store::WriteMultipart;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path;
use tokio::io::AsyncReadExt;

use crate::delivery::failure::Failure;
use crate::delivery::files;
use crate::delivery::files::Format;
use crate::delivery::object_store::http::Connector;
use crate::delivery::stretch::Stretch;
use crate::delivery::target::Carrying;
use crate::delivery::target::Target;
use crate::delivery::target::blocking;
use crate::tls::ClientFiles;
use crate::tls::Live;
use crate::vocab::Secret;

/// A file up to this size goes up in one request, a larger one in parts of it.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// How many parts are on their way at once.
const PARTS: usize = 2;

/// A place in an object store.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: path::Path,
    /// What objects are written as.
    pub format: Format,
}

/// How a place in an object store is reached.
#[derive(Debug)]
pub struct Address<'a> {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub url: &'a str,
    /// Options by the names that the `object_store` crate and its environment variables have; they go before those.
    pub options: Vec<(String, String)>,
    /// The same for secrets.
    pub secrets: Vec<(String, Secret)>,
    /// How it is reached over TLS.
    pub tls: Arc<Live<ClientFiles>>,
}

impl Bucket {
    /// Takes the address, without any call. What options do not say comes from the environment, and from the platform:
    /// workload identity, the machine's metadata.
    ///
    /// # Errors
    /// Says what is wrong with the address.
    pub fn at(address: Address<'_>, format: Format) -> Result<Self, String> {
        let Address { url, options, secrets, tls } = address;
        let secrets = secrets.into_iter().map(|(name, secret)| {
            let value = String::from_utf8_lossy(secret.expose()).into_owned();
            (name, value)
        });
        let options: Vec<(String, String)> = options.into_iter().chain(secrets).collect();
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(format!(
                "`{url}` names no bucket: expected `s3://bucket/prefix`, `gs://..` or `az://..`"
            ));
        }
        let prefix = path::Path::parse(prefix.trim_end_matches('/')).map_err(|error| error.to_string())?;
        let connector = Connector { tls };
        // The task that carries tries again by itself.
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: 2,
            retry_timeout: Duration::from_secs(60),
        };
        macro_rules! built {
            ($builder:ty) => {{
                let mut builder = <$builder>::from_env().with_url(format!("{scheme}://{bucket}"));
                for (name, value) in options {
                    let key = name.to_ascii_lowercase().parse();
                    builder = builder.with_config(key.map_err(|_| unknown(&name))?, value);
                }
                let built = builder.with_http_connector(connector).with_retry(retry).build();
                Arc::new(built.map_err(|error| error.to_string())?) as Arc<dyn ObjectStore>
            }};
        }
        let store = match scheme {
            "s3" => built!(AmazonS3Builder),
            "gs" => built!(GoogleCloudStorageBuilder),
            "az" => built!(MicrosoftAzureBuilder),
            _ => return Err(format!("`{url}` is no object store: expected `s3://`, `gs://` or `az://`")),
        };
        Ok(Self { store, prefix, format })
    }

    /// Brings what records there are below the prefix into a directory, one piece at a time, and tells the files by name.
    ///
    /// # Errors
    /// [`Failure`] for the first that cannot be had or kept.
    pub async fn fetch(&self, into: &Path) -> Result<Vec<PathBuf>, Failure> {
        let refused = |source| Failure::Store { source };
        let (mut folders, mut found) = (vec![self.prefix.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            let listed = self.store.list_with_delimiter(Some(&folder)).await.map_err(refused)?;
            folders.extend(listed.common_prefixes);
            found.extend(listed.objects);
        }
        let mut files = Vec::new();
        for object in found {
            let name = object.location.as_ref().replace('/', "_");
            if ![".parquet", ".jsonl", ".jsonl.zst"].iter().any(|ending| name.ends_with(ending)) {
                continue;
            }
            let path = into.join(name);
            let unwritable = |source| Failure::File { path: path.clone(), source };
            let mut file = File::create(&path).map_err(unwritable)?;
            let mut at = 0;
            while at < object.size {
                let end = object.size.min(at + PART_BYTES as u64);
                let piece = self.store.get_range(&object.location, at..end).await.map_err(refused)?;
                file.write_all(&piece).map_err(unwritable)?;
                at = end;
            }
            files.push(path);
        }
        files.sort();
        Ok(files)
    }

    /// Puts a file to a key below the prefix.
    async fn put(&self, key: &Path, file: &Path) -> Result<(), Failure> {
        let location = key.iter().map(|part| part.to_string_lossy().into_owned());
        let location = location.fold(self.prefix.clone(), |path, part| path.join(part));
        let unreadable = |source| Failure::File { path: file.to_owned(), source };
        let refused = |source| Failure::Store { source };
        let length = tokio::fs::metadata(file).await.map_err(unreadable)?.len();
        if length <= PART_BYTES as u64 {
            let whole = tokio::fs::read(file).await.map_err(unreadable)?;
            self.store.put(&location, Bytes::from(whole).into()).await.map_err(refused)?;
            return Ok(());
        }
        let mut file = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let upload = self.store.put_multipart(&location).await.map_err(refused)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut piece = vec![0; PART_BYTES];
        loop {
            let length = match file.read(&mut piece).await {
                Ok(0) => break,
                Ok(length) => length,
                Err(source) => {
                    let _ = upload.abort().await;
                    return Err(unreadable(source));
                }
            };
            upload.wait_for_capacity(PARTS).await.map_err(refused)?;
            upload.write(&piece[..length]);
        }
        upload.finish().await.map_err(refused)?;
        Ok(())
    }
}

fn unknown(name: &str) -> String {
    format!(
        "`{name}` is no option of this store; hint: the names are those of its environment variables, as `aws_region`"
    )
}

/// A bucket being fed.
pub(super) struct Objects {
    bucket: Bucket,
    /// Where files are made.
    beside: PathBuf,
}

impl Objects {
    pub(super) fn new(bucket: Bucket, beside: PathBuf) -> Self {
        Self { bucket, beside }
    }
}

impl Target for Objects {
    fn carry(&mut self, mut stretch: Stretch) -> Carrying<'_> {
        Box::pin(async move {
            let (dir, format) = (self.beside.clone(), self.bucket.format);
            let (stretch, keys) = blocking(move || {
                // What a try before this one left.
                match fs::remove_dir_all(&dir) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(Failure::File { path: dir, source: error });
                    }
                    _ => {}
                }
                let keys = files::make(&mut stretch, &dir, format)?;
                Ok((stretch, keys))
            })
            .await?;
            for key in keys {
                self.bucket.put(&key, &self.beside.join(&key)).await?;
            }
            let dir = self.beside.clone();
            blocking(move || {
                // What stays goes with the next.
                let _ = fs::remove_dir_all(&dir);
                Ok(stretch.carried())
            })
            .await
        })
    }
}
