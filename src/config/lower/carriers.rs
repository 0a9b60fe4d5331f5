//! Lowers the targets of records that only some builds know; the others report them.

#[cfg(feature = "parquet")]
use std::path::PathBuf;

use crate::config::diagnostic::Report;
use crate::config::field::At;
#[cfg(any(feature = "kafka", feature = "object-store"))]
use crate::config::field::Entries;
#[cfg(any(feature = "kafka", feature = "object-store"))]
use crate::config::field::Field;
#[cfg(any(feature = "parquet", feature = "kafka", feature = "nats", feature = "object-store"))]
use crate::config::lower::matcher::not_empty;
#[cfg(any(feature = "kafka", feature = "nats", feature = "object-store"))]
use crate::config::lower::service::secret;
#[cfg(feature = "object-store")]
use crate::config::lower::tls;
#[cfg(feature = "object-store")]
use crate::config::scalar::ObjectFormat;
#[cfg(any(feature = "kafka", feature = "object-store"))]
use crate::config::scalar::Scalar;
use crate::config::schema;
#[cfg(feature = "object-store")]
use crate::delivery::Address;
#[cfg(feature = "object-store")]
use crate::delivery::Bucket;
#[cfg(feature = "object-store")]
use crate::delivery::Format;
#[cfg(feature = "kafka")]
use crate::delivery::Kafka;
#[cfg(feature = "nats")]
use crate::delivery::Nats;
use crate::delivery::To;
#[cfg(any(feature = "kafka", feature = "object-store"))]
use crate::vocab::Secret;

#[cfg(feature = "parquet")]
pub(super) fn parquet(raw: At<schema::ParquetFiles>, report: &Report) -> Option<To> {
    let At { place, value: schema::ParquetFiles { dir } } = raw;
    let dir = not_empty(dir.required("dir", &place, report)?, report)?;
    Some(To::Parquet { dir: PathBuf::from(dir) })
}

#[cfg(feature = "object-store")]
pub(super) fn object_store(raw: At<schema::Objects>, report: &Report) -> Option<To> {
    let At { place, value: schema::Objects { url, format, options, secrets, tls } } = raw;
    let url = url.required("url", &place, report);
    let format = format.given();
    let tls = tls::model(tls, &place, report);
    let (options, secrets) = (texts(options), self::secrets(secrets, report));
    let format = match format {
        #[cfg(feature = "parquet")]
        None => Format::Parquet,
        #[cfg(not(feature = "parquet"))]
        None => Format::Lines,
        Some(At { value: Scalar(ObjectFormat::Lines), .. }) => Format::Lines,
        #[cfg(feature = "parquet")]
        Some(At { value: Scalar(ObjectFormat::Parquet), .. }) => Format::Parquet,
        #[cfg(not(feature = "parquet"))]
        Some(At { place, .. }) => return not_built(&place, "Parquet", "parquet", report),
    };
    let At { place, value: Scalar(url) } = url?;
    let address = Address { url: &url, options, secrets: secrets?, tls: tls? };
    Bucket::at(address, format).map(To::ObjectStore).map_err(|problem| report.add(&place, problem)).ok()
}

#[cfg(feature = "nats")]
pub(super) fn nats(raw: At<schema::Nats>, report: &Report) -> Option<To> {
    let At { place, value: schema::Nats { url, subject, user, password, token } } = raw;
    let (url, subject) = (url.required("url", &place, report), subject.required("subject", &place, report));
    if user.is_there() != password.is_there() {
        report.add(&place, "expected `user` and `password`, or neither");
    }
    let (user, password) = (user.scalar(), password.given().and_then(|source| secret(source, report)));
    Some(To::Nats(Nats {
        url: not_empty(url?, report)?,
        subject: not_empty(subject?, report)?,
        user: user.zip(password),
        token: token.given().and_then(|source| secret(source, report)),
    }))
}

#[cfg(feature = "kafka")]
pub(super) fn kafka(raw: At<schema::Kafka>, report: &Report) -> Option<To> {
    let At { place, value: schema::Kafka { brokers, topic, properties, secrets } } = raw;
    let (brokers, topic) =
        (brokers.required("brokers", &place, report), topic.required("topic", &place, report));
    let (properties, secrets) = (texts(properties), self::secrets(secrets, report));
    let topic = Kafka {
        brokers: not_empty(brokers?, report)?,
        topic: not_empty(topic?, report)?,
        properties,
        secrets: secrets?,
    };
    drop(topic.producer().map_err(|error| report.add(&place, error)).ok()?);
    Some(To::Kafka(topic))
}

#[cfg(any(feature = "kafka", feature = "object-store"))]
fn texts(raw: Field<Entries<Scalar<String>>>) -> Vec<(String, String)> {
    raw.entries().map(|(name, text)| (name.value, text.value.0)).collect()
}

#[cfg(any(feature = "kafka", feature = "object-store"))]
fn secrets(raw: Field<Entries<schema::SecretSource>>, report: &Report) -> Option<Vec<(String, Secret)>> {
    let read: Vec<_> = raw.entries().map(|(name, source)| (name.value, secret(source, report))).collect();
    read.into_iter().map(|(name, secret)| Some((name, secret?))).collect()
}

macro_rules! unknown {
    ($(#[cfg(not(feature = $feature:literal))] $target:ident: $raw:ident, $what:literal;)+) => {
        $(#[cfg(not(feature = $feature))]
        pub(super) fn $target(raw: At<schema::$raw>, report: &Report) -> Option<To> {
            not_built(&raw.place, $what, $feature, report)
        })+
    };
}

unknown! {
    #[cfg(not(feature = "parquet"))] parquet: ParquetFiles, "Parquet";
    #[cfg(not(feature = "object-store"))] object_store: Objects, "object stores";
    #[cfg(not(feature = "nats"))] nats: Nats, "NATS";
    #[cfg(not(feature = "kafka"))] kafka: Kafka, "Kafka";
}

/// Reports what this build does not know.
#[cfg(not(all(feature = "parquet", feature = "kafka", feature = "nats", feature = "object-store")))]
fn not_built(
    place: &crate::config::diagnostic::Place,
    what: &str,
    feature: &str,
    report: &Report,
) -> Option<To> {
    let hint = format!("build with `--features {feature}`, or deliver to what this build knows");
    report.add(place, format!("this build knows no {what}; hint: {hint}"));
    None
}
