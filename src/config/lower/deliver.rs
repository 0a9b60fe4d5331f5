//! Lowers where records are carried.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
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
    let At { place, value: schema::Deliver { parquet, clickhouse, every, bytes } } = raw;
    let keys = [("parquet", parquet.is_there()), ("clickhouse", clickhouse.is_there())];
    exactly_one(&keys, &place, report);
    let (to, default) = if let Some(raw) = parquet.given() {
        (files(raw, report)?, FILES)
    } else {
        (To::ClickHouse(table(clickhouse.given()?, report)?), MESSAGES)
    };
    let every = every.scalar().map_or(default.every, |every| every.0);
    let bytes = bytes.scalar().map_or(default.bytes, |bytes| bytes.0);
    Some((to, Batches { bytes, every }))
}

#[cfg(feature = "parquet")]
fn files(raw: At<schema::ParquetFiles>, report: &Report) -> Option<To> {
    let At { place, value: schema::ParquetFiles { dir } } = raw;
    let dir = not_empty(dir.required("dir", &place, report)?, report)?;
    Some(To::Parquet { dir: PathBuf::from(dir) })
}

#[cfg(not(feature = "parquet"))]
fn files(raw: At<schema::ParquetFiles>, report: &Report) -> Option<To> {
    not_built(&raw.place, "Parquet", "parquet", report)
}

fn table(raw: At<schema::ClickHouse>, report: &Report) -> Option<ClickHouse> {
    let At { place, value: schema::ClickHouse { url, database, table, user, password, tls } } = raw;
    let url = url.required("url", &place, report);
    let name = |field: Field<Scalar<String>>, default: &str| match field.given() {
        Some(name) => not_empty(name, report),
        None => Some(default.to_owned()),
    };
    let (database, table) = (name(database, "crossfade"), name(table, "records"));
    let password = password.given().map(|source| secret(source, report));
    Some(ClickHouse {
        server: target(url?.value.0, tls, &place, report)?,
        database: database?,
        table: table?,
        user: user.given().and_then(|user| not_empty(user, report)),
        password: match password {
            Some(password) => Some(password?),
            None => None,
        },
    })
}

/// Reports a target that this build does not know.
#[cfg(not(feature = "parquet"))]
fn not_built(
    place: &crate::config::diagnostic::Place,
    what: &str,
    feature: &str,
    report: &Report,
) -> Option<To> {
    let hint = format!("build with `--features {feature}`, or use a target that is built in");
    report.add(place, format!("this build knows no {what}; hint: {hint}"));
    None
}
