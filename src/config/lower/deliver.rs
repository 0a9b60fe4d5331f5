//! Lowers where records are carried. A target that this build does not know is reported with what would build it.

use std::time::Duration;

use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::lower::carriers;
use crate::config::lower::exactly_one;
use crate::config::lower::matcher::not_empty;
use crate::config::lower::rollout::target;
use crate::config::lower::service::secret;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::delivery::Batches;
use crate::delivery::ClickHouse;
use crate::delivery::Settings;
use crate::delivery::To;
use crate::vocab::DeliveryName;

/// Portions that become files.
const FILES: Batches = Batches { bytes: 128 * 1024 * 1024, every: Duration::from_secs(15 * 60) };
/// Portions that become messages or rows.
const MESSAGES: Batches = Batches { bytes: 1024 * 1024, every: Duration::from_secs(1) };

/// The places that records are carried to.
pub(super) fn deliveries(raw: schema::Deliveries, report: &Report) -> Vec<Settings> {
    let delivery = |(name, raw): (At<String>, At<schema::Deliver>)| {
        let of_name = DeliveryName::new(&name.value).map_err(|error| report.add(&name.place, error)).ok();
        let (to, batches) = delivery(raw, report)?;
        Some(Settings { name: of_name?, batches, to })
    };
    raw.entries().filter_map(delivery).collect()
}

fn delivery(raw: At<schema::Deliver>, report: &Report) -> Option<(To, Batches)> {
    let At { place, value } = raw;
    let schema::Deliver { parquet, clickhouse, object_store, nats, kafka, every, bytes } = value;
    let keys = [
        ("parquet", parquet.is_there()),
        ("clickhouse", clickhouse.is_there()),
        ("object_store", object_store.is_there()),
        ("nats", nats.is_there()),
        ("kafka", kafka.is_there()),
    ];
    exactly_one(&keys, &place, report);
    let files = parquet.is_there() || object_store.is_there();
    let default = if files { FILES } else { MESSAGES };
    let batches = Batches {
        bytes: bytes.scalar().map_or(default.bytes, |bytes| bytes.0),
        every: every.scalar().map_or(default.every, |every| every.0),
    };
    let to = if let Some(raw) = parquet.given() {
        carriers::parquet(raw, report)
    } else if let Some(raw) = object_store.given() {
        carriers::object_store(raw, report)
    } else if let Some(raw) = nats.given() {
        carriers::nats(raw, report)
    } else if let Some(raw) = kafka.given() {
        carriers::kafka(raw, report)
    } else {
        table(clickhouse.given()?, report)
    };
    Some((to?, batches))
}

fn table(raw: At<schema::ClickHouse>, report: &Report) -> Option<To> {
    let At { place, value: schema::ClickHouse { url, database, table, user, password, tls } } = raw;
    let url = url.required("url", &place, report);
    let name = |field: Field<Scalar<String>>, default: &str| match field.given() {
        Some(name) => not_empty(name, report),
        None => Some(default.to_owned()),
    };
    let (database, table) = (name(database, "crossfade"), name(table, "records"));
    let password = password.given().map(|source| secret(source, report));
    Some(To::ClickHouse(ClickHouse {
        server: target(url?.value.0, tls, &place, report)?,
        database: database?,
        table: table?,
        user: user.given().and_then(|user| not_empty(user, report)),
        password: match password {
            Some(password) => Some(password?),
            None => None,
        },
    }))
}
