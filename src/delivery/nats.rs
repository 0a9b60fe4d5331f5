//! Carries records into a stream of NATS JetStream.
//!
//! Each line is a message with its id as `Nats-Msg-Id`, by which the stream drops what comes twice within its window. The
//! next leaves when the stream has acknowledged the one before: with two on their way the stream may refuse the first and
//! store the second, and lines that come again would stand behind later ones. So a gateway carries a record a round trip.

use std::time::Duration;

use async_nats::Client;
use async_nats::ConnectOptions;
use async_nats::HeaderMap;
use async_nats::jetstream;
use bytes::Bytes;

use crate::delivery::failure::Failure;
use crate::delivery::stretch::Stretch;
use crate::delivery::target::Carried;
use crate::delivery::target::Carrying;
use crate::delivery::target::Target;
use crate::delivery::target::blocking;
use crate::vocab::Secret;

/// How long a connection, and an acknowledgement, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a message's headers take of what the server allows, at most.
const HEADER_BYTES: usize = 256;

/// A stream of NATS JetStream.
#[derive(Debug, Clone)]
pub struct Nats {
    /// The server, or several of a cluster, separated by commas: `nats://host:4222`, with TLS `tls://host:4222`.
    pub url: String,
    /// The subject, which a stream must listen to.
    pub subject: String,
    /// Who publishes, with their password.
    pub user: Option<(String, Secret)>,
    /// A token instead.
    pub token: Option<Secret>,
}

/// A stream being fed.
pub(super) struct Stream {
    settings: Nats,
    /// There once a connection was made.
    client: Option<Client>,
}

/// Lines as messages.
struct Messages {
    lines: Vec<(String, Bytes)>,
    carried: Carried,
}

impl Stream {
    pub(super) fn of(settings: Nats) -> Self {
        Self { settings, client: None }
    }

    async fn client(&mut self) -> Result<Client, Failure> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let Nats { url, user, token, .. } = &self.settings;
        let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        let mut options = ConnectOptions::new().name("crossfade").connection_timeout(PATIENCE);
        if let Some((user, password)) = user {
            options = options.user_and_password(user.clone(), text(password));
        }
        if let Some(token) = token {
            options = options.token(text(token));
        }
        let addresses: Vec<&str> = url.split(',').map(str::trim).collect();
        let client = options.connect(addresses).await.map_err(|error| self.failed(error.to_string()))?;
        Ok(self.client.insert(client).clone())
    }

    async fn publish(&mut self, messages: Messages) -> Result<Carried, Failure> {
        let client = self.client().await?;
        let most_bytes = client.server_info().max_payload.saturating_sub(HEADER_BYTES);
        let mut context = jetstream::new(client);
        context.set_timeout(PATIENCE);
        let Messages { lines, mut carried } = messages;
        for (id, line) in lines {
            if line.len() > most_bytes {
                carried.too_large += 1;
                carried.lines -= 1;
                continue;
            }
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", id);
            let sent = context.publish_with_headers(self.settings.subject.clone(), headers, line).await;
            let acknowledgement = sent.map_err(|error| self.failed(error.to_string()))?;
            acknowledgement.await.map_err(|error| self.failed(error.to_string()))?;
        }
        Ok(carried)
    }

    fn failed(&self, answer: String) -> Failure {
        let hint = "let a stream of JetStream listen to the subject";
        Failure::Refused { authority: format!("NATS at {}", self.settings.url), answer, hint }
    }
}

impl Target for Stream {
    fn carry(&mut self, stretch: Stretch) -> Carrying<'_> {
        Box::pin(async move {
            let messages = blocking(move || Messages::of(stretch)).await?;
            let carried = self.publish(messages).await;
            if carried.is_err() {
                // Whatever is wrong with the connection, another has not.
                self.client = None;
            }
            carried
        })
    }
}

impl Messages {
    fn of(mut stretch: Stretch) -> Result<Self, Failure> {
        let mut lines = Vec::new();
        stretch.each(|row| {
            lines.push((row.id.to_string(), Bytes::copy_from_slice(row.text.as_bytes())));
            Ok(())
        })?;
        Ok(Self { lines, carried: stretch.carried() })
    }
}
