//! Carries records into a topic of Kafka.
//!
//! The producer is idempotent, so that its own tries again leave no second copy and change no order. All messages of a
//! gateway have one key, and so one partition, in which they keep the log's order; the header `crossfade-record-id` tells
//! which line each is.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Header;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::FutureProducer;
use rdkafka::producer::FutureRecord;
use rdkafka::producer::Producer;
use rdkafka::producer::future_producer::DeliveryFuture;

use crate::delivery::failure::Failure;
use crate::delivery::stretch::Stretch;
use crate::delivery::target::Carried;
use crate::delivery::target::Carrying;
use crate::delivery::target::Target;
use crate::delivery::target::blocking;
use crate::vocab::Secret;

/// The header that tells which line a message is.
const ID: &str = "crossfade-record-id";

/// How long the broker may take to have a message; librdkafka tries again all that time.
const PATIENCE: &str = "30000";

/// How long messages that were given up may take to be forgotten.
const FORGET: Duration = Duration::from_secs(1);

/// A topic of Kafka.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// The brokers, separated by commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// Properties of librdkafka.
    pub properties: Vec<(String, String)>,
    /// The same where they are secret.
    pub secrets: Vec<(String, Secret)>,
}

/// A topic being fed.
pub(super) struct Topic {
    settings: Kafka,
    /// The key of every message.
    gateway: String,
    /// There once one could be made.
    producer: Option<FutureProducer>,
}

/// Lines as messages, by id.
struct Messages {
    lines: Vec<(String, String)>,
    carried: Carried,
}

impl Kafka {
    /// Makes a producer, which connects by itself.
    ///
    /// # Errors
    /// Says which property is wrong.
    pub fn producer(&self) -> Result<FutureProducer, KafkaError> {
        let mut config = ClientConfig::new();
        config.set("client.id", "crossfade").set("compression.type", "gzip").set("linger.ms", "5");
        config.set("message.timeout.ms", PATIENCE);
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        for (name, secret) in &self.secrets {
            config.set(name, String::from_utf8_lossy(secret.expose()));
        }
        // Not to be changed: at least once, in order.
        config.set("bootstrap.servers", &self.brokers).set("enable.idempotence", "true").create()
    }
}

impl Topic {
    pub(super) fn of(settings: Kafka, gateway: String) -> Self {
        Self { settings, gateway, producer: None }
    }

    async fn publish(&mut self, messages: Messages) -> Result<Carried, Failure> {
        let producer = match &self.producer {
            Some(producer) => producer.clone(),
            None => {
                let producer = self.settings.producer().map_err(|error| self.failed(&error))?;
                self.producer.insert(producer).clone()
            }
        };
        let Messages { lines, mut carried } = messages;
        let mut acknowledgements = Vec::with_capacity(lines.len());
        for (id, line) in &lines {
            match self.hand_over(&producer, id, line).await {
                Ok(acknowledgement) => acknowledgements.push(acknowledgement),
                Err(error) if is_too_large(&error) => {
                    carried.too_large += 1;
                    carried.lines -= 1;
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        for acknowledgement in acknowledgements {
            match acknowledgement.await {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) if is_too_large(&error) => {
                    carried.too_large += 1;
                    carried.lines -= 1;
                }
                Ok(Err((error, _))) => return Err(self.failed(&error)),
                // The producer is gone.
                Err(_) => return Err(Failure::Fault),
            }
        }
        Ok(carried)
    }

    /// Hands a message to librdkafka, waiting while its queue is full.
    async fn hand_over(
        &self,
        producer: &FutureProducer,
        id: &str,
        line: &str,
    ) -> Result<DeliveryFuture, KafkaError> {
        loop {
            let headers = OwnedHeaders::new_with_capacity(1).insert(Header { key: ID, value: Some(id) });
            let record =
                FutureRecord::to(&self.settings.topic).key(&self.gateway).payload(line).headers(headers);
            match producer.send_result(record) {
                Ok(acknowledgement) => return Ok(acknowledgement),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    fn failed(&self, error: &KafkaError) -> Failure {
        let authority = format!("Kafka at {}", self.settings.brokers);
        Failure::Refused {
            authority,
            answer: error.to_string(),
            hint: "check that the topic is there and may be written",
        }
    }
}

fn is_too_large(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge))
}

impl Target for Topic {
    fn carry(&mut self, stretch: Stretch) -> Carrying<'_> {
        Box::pin(async move {
            let messages = blocking(move || Messages::of(stretch)).await?;
            let carried = self.publish(messages).await;
            if carried.is_err()
                && let Some(producer) = self.producer.take()
            {
                // What it still holds would come behind the next try's.
                blocking(move || {
                    producer.purge(rdkafka::producer::PurgeConfig::default().queue().inflight());
                    let _ = producer.flush(FORGET);
                    Ok(())
                })
                .await?;
            }
            carried
        })
    }
}

impl Messages {
    fn of(mut stretch: Stretch) -> Result<Self, Failure> {
        let mut lines = Vec::new();
        stretch.each(|row| {
            lines.push((row.id.to_string(), row.text.to_string()));
            Ok(())
        })?;
        Ok(Self { lines, carried: stretch.carried() })
    }
}
