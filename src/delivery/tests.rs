use std::fs;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

use crate::delivery::Batches;
use crate::delivery::Delivery;
use crate::delivery::backoff::Backoff;
use crate::delivery::failure::Failure;
use crate::delivery::log::Log;
use crate::delivery::place::Place;
use crate::delivery::stretch::Stretch;
use crate::delivery::target::Carrying;
use crate::delivery::target::Target;
use crate::delivery::target::blocking;
use crate::record::Position;
use crate::telemetry::Metrics;
use crate::vocab::DeliveryName;

/// Two lines at a time, or one that waits for a second.
const SOON: Batches = Batches { bytes: 300, every: Duration::from_secs(1) };
const ALL: u64 = u64::MAX;

/// A log in a directory of its own.
struct Written(TempDir);

impl Written {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn segment(&self, number: u32) -> PathBuf {
        self.dir().join(format!("{}.jsonl", stem(number)))
    }

    /// Appends text to a segment.
    fn append(&self, number: u32, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.segment(number)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn behind(&self, name: &DeliveryName) -> (Place, Log) {
        let place = Place::of(name, self.dir());
        let log = Log::behind(place.content.reached.clone(), self.dir());
        (place, log)
    }

    fn metrics_of(&self, target: &Taker) -> (Arc<Metrics>, Delivery) {
        let (metrics, name) = (Arc::new(Metrics::new()), DeliveryName::new("there").unwrap());
        let target = Box::new(target.clone());
        let delivery =
            Delivery::feeding(target, name.clone(), SOON, self.behind(&name), Arc::clone(&metrics));
        (metrics, delivery)
    }
}

fn stem(number: u32) -> String {
    format!("crossfade-20260101T00000{number}-{}", "0".repeat(32))
}

/// A line of 200 bytes, give or take.
fn gap(lost: u64) -> String {
    format!(
        r#"{{"schema":2,"kind":"gap","experiment":"e","of":"pair","lost":{lost},"reason":"queue","since":"2026-01-01T00:00:00.000000Z","until":"2026-01-01T00:00:00.000000Z"}}"#
    ) + "\n"
}

/// What a target was handed, by id, and what it does with it.
#[derive(Clone, Default)]
struct Taker(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    ids: Vec<String>,
    lines: String,
    tries: u32,
    /// How many tries fail first.
    refuses: u32,
    /// It takes lines and never says so.
    is_mute: bool,
}

impl Taker {
    fn refusing(tries: u32) -> Self {
        let taker = Self::default();
        taker.0.lock().unwrap().refuses = tries;
        taker
    }

    fn lines(&self) -> String {
        self.0.lock().unwrap().lines.clone()
    }

    fn tries(&self) -> u32 {
        self.0.lock().unwrap().tries
    }
}

impl Target for Taker {
    fn carry(&mut self, mut stretch: Stretch) -> Carrying<'_> {
        let taken = Arc::clone(&self.0);
        Box::pin(async move {
            let is_mute = taken.lock().unwrap().is_mute;
            let carried = blocking(move || {
                let mut taken = taken.lock().unwrap();
                taken.tries += 1;
                if taken.tries <= taken.refuses {
                    return Err(Failure::Fault);
                }
                stretch.each(|row| {
                    taken.ids.push(row.id.to_string());
                    taken.lines += &row.text;
                    taken.lines += "\n";
                    Ok(())
                })?;
                Ok(stretch.carried())
            });
            let carried = carried.await?;
            if is_mute {
                std::future::pending::<()>().await;
            }
            Ok(carried)
        })
    }
}

fn run(delivery: Delivery, stop: &CancellationToken) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(TaskTracker::new().spawn(delivery.run(stop.clone())))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(3600), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[tokio::test(start_paused = true)]
async fn lines_arrive_once_in_order_and_the_next_start_goes_on_behind_them() {
    let log = Written::new();
    log.append(1, &(gap(1) + &gap(2)));
    log.append(2, &gap(3));
    let taker = Taker::default();
    let (metrics, delivery) = log.metrics_of(&taker);
    let waits = format!(r#"crossfade_delivery_lag_bytes{{delivery="there"}} {}"#, 3 * gap(1).len());
    assert!(metrics.render().contains(&waits), "{waits}");
    let stop = CancellationToken::new();
    let running = run(delivery, &stop);
    until("three lines", || taker.lines() == gap(1) + &gap(2) + &gap(3)).await;
    log.append(2, &gap(4));
    until("a fourth", || taker.lines().ends_with(&gap(4))).await;
    stop.cancel();
    running.await.unwrap();
    let rendered = metrics.render();
    for expected in [
        r#"crossfade_delivered_records_total{delivery="there"} 4"#,
        r#"crossfade_delivery_lag_bytes{delivery="there"} 0"#,
        r#"crossfade_delivery_lag_seconds{delivery="there"} 0"#,
    ] {
        assert!(rendered.contains(expected), "{expected}\n{rendered}");
    }

    log.append(3, &gap(5));
    let later = Taker::default();
    let stop = CancellationToken::new();
    let running = run(log.metrics_of(&later).1, &stop);
    until("only the fifth", || later.lines() == gap(5)).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(later.lines(), gap(5));
}

#[tokio::test(start_paused = true)]
async fn what_a_target_refuses_waits_and_is_tried_for_ever() {
    let log = Written::new();
    log.append(1, &gap(1));
    let taker = Taker::refusing(20);
    let (metrics, delivery) = log.metrics_of(&taker);
    let stop = CancellationToken::new();
    let _running = run(delivery, &stop);
    until("ten tries", || taker.tries() >= 10).await;
    log.append(1, &gap(2));
    until("both lines", || taker.lines() == gap(1) + &gap(2)).await;
    assert!(metrics.render().contains(r#"crossfade_delivery_failures_total{delivery="there"} 20"#));
}

#[tokio::test(start_paused = true)]
async fn who_dies_before_the_place_is_saved_delivers_the_same_ids_again() {
    let log = Written::new();
    log.append(1, &(gap(1) + &gap(2)));
    let taker = Taker::default();
    taker.0.lock().unwrap().is_mute = true;
    let running = run(log.metrics_of(&taker).1, &CancellationToken::new());
    until("both lines", || taker.lines() == gap(1) + &gap(2)).await;
    drop(running);
    log.append(1, &gap(3));

    let again = Taker::default();
    let _running = run(log.metrics_of(&again).1, &CancellationToken::new());
    until("all lines", || again.lines() == gap(1) + &gap(2) + &gap(3)).await;
    let (first, second) = (taker.0.lock().unwrap().ids.clone(), again.0.lock().unwrap().ids.clone());
    assert_eq!(first, second[..2]);
    assert_eq!(first[0], format!("{}:0", stem(1)));
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_before_it_was_carried_is_counted_and_the_rest_arrives() {
    let log = Written::new();
    log.append(1, &(gap(1) + &gap(2)));
    log.append(2, &gap(3));
    let taker = Taker::refusing(5);
    let (metrics, delivery) = log.metrics_of(&taker);
    fs::remove_file(log.segment(1)).unwrap();
    let _running = run(delivery, &CancellationToken::new());
    until("the third line", || taker.lines() == gap(3)).await;
    let lost = format!(r#"crossfade_delivery_lost_bytes_total{{delivery="there"}} {}"#, 2 * gap(1).len());
    assert!(metrics.render().contains(&lost), "{lost}\n{}", metrics.render());
}

#[tokio::test(start_paused = true)]
async fn what_is_left_when_the_gateway_stops_is_carried_before_it_is_gone() {
    let log = Written::new();
    let taker = Taker::default();
    let (metrics, name) = (Arc::new(Metrics::new()), DeliveryName::new("there").unwrap());
    let batches = Batches { bytes: ALL, every: Duration::from_secs(3600) };
    let delivery =
        Delivery::feeding(Box::new(taker.clone()), name.clone(), batches, log.behind(&name), metrics);
    log.append(1, &gap(1));
    let stop = CancellationToken::new();
    stop.cancel();
    run(delivery, &stop).await.unwrap();
    assert_eq!(taker.lines(), gap(1));
}

/// Reads what lies behind a place, and tells how far that came.
fn read(log: &Written, from: &Position) -> (String, Position, u64) {
    let mut stretch = Stretch::behind(from, None, log.dir(), ALL).unwrap();
    let mut lines = String::new();
    stretch
        .each(|row| {
            lines += &row.text;
            Ok(())
        })
        .unwrap();
    let carried = stretch.carried();
    (lines, carried.until, carried.unreadable)
}

fn start() -> Position {
    Position { segment: String::new(), bytes: 0 }
}

#[test]
fn a_line_that_is_being_written_is_left_for_later() {
    let log = Written::new();
    let line = gap(2);
    let length = gap(1).len() as u64;
    for written in [10, line.len() - 1] {
        let log = Written::new();
        log.append(1, &(gap(1) + &line[..written]));
        let (lines, until, unreadable) = read(&log, &start());
        assert_eq!((lines.as_str(), until.bytes, unreadable), (gap(1).trim_end(), length, 0), "{written}");
        log.append(1, &line[written..]);
        assert_eq!(read(&log, &until).0, line.trim_end());
    }
    // Whoever wrote it was killed, for there is a segment after it.
    log.append(1, line.trim_end());
    log.append(2, &(gap(3) + "what is this?\n"));
    let (lines, until, unreadable) = read(&log, &start());
    assert_eq!((lines, unreadable), (line.trim_end().to_owned() + gap(3).trim_end(), 1));
    assert_eq!(until.segment, format!("{}.jsonl", stem(2)));
    assert_eq!(read(&log, &until), (String::new(), until.clone(), 0));
}

#[test]
fn an_ended_segment_is_left_behind_once_there_is_another() {
    let log = Written::new();
    log.append(1, &gap(1));
    log.append(2, "");
    let (_, until, _) = read(&log, &start());
    assert_eq!(until, Position { segment: format!("{}.jsonl", stem(2)), bytes: 0 });
}

#[test]
fn a_segment_that_is_compressed_meanwhile_counts_as_what_it_was() {
    let log = Written::new();
    log.append(1, &(gap(1) + &gap(2)));
    let mut behind = Log::behind(start(), log.dir());
    let whole = behind.look().unwrap();
    assert_eq!((whole.bytes, whole.lost_bytes), (2 * gap(1).len() as u64, 0));
    assert_eq!(whole.since.unwrap().to_string(), "2026-01-01T00:00:00.000000Z");
    let mut stretch = behind.stretch(1).unwrap();
    stretch.each(|_| Ok(())).unwrap();
    assert!(behind.reach(stretch.carried()));
    let packed = zstd::encode_all(fs::File::open(log.segment(1)).unwrap(), 0).unwrap();
    fs::write(log.dir().join(format!("{}.jsonl.zst", stem(1))), packed).unwrap();
    fs::remove_file(log.segment(1)).unwrap();
    let waiting = behind.look();
    assert_eq!(
        waiting.map(|waiting| (waiting.bytes, waiting.lost_bytes)).ok(),
        Some((gap(1).len() as u64, 0))
    );
}

#[cfg(feature = "kafka")]
#[tokio::test]
async fn kafka_gets_every_line_in_order_with_its_id_though_brokers_fail_first() {
    use rdkafka::ClientConfig;
    use rdkafka::Message;
    use rdkafka::consumer::BaseConsumer;
    use rdkafka::consumer::Consumer;
    use rdkafka::message::Headers;
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::RDKafkaRespErr;

    use crate::delivery::Kafka;
    use crate::delivery::Settings;
    use crate::delivery::To;

    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("records", 3, 1).unwrap();
    cluster.topic_error("records", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).unwrap();
    let log = Written::new();
    let large = format!(r#"{{"experiment":"{}","#, "e".repeat(60)) + &" ".repeat(2_000_000);
    let lines: Vec<String> = (0..500).map(gap).collect();
    log.append(1, &lines[..250].concat());
    log.append(1, &gap(1000).replacen('{', &large, 1).replace(r#""experiment":"e","#, ""));
    log.append(2, &lines[250..].concat());
    let metrics = Arc::new(Metrics::new());
    let settings = Settings {
        name: DeliveryName::new("topic").unwrap(),
        batches: Batches { bytes: 10_000, every: Duration::from_millis(10) },
        to: To::Kafka(Kafka {
            brokers: cluster.bootstrap_servers(),
            topic: "records".to_owned(),
            properties: Vec::new(),
            secrets: Vec::new(),
        }),
    };
    let delivery = Delivery::new(settings, log.dir(), Arc::clone(&metrics));
    let stop = CancellationToken::new();
    let running = run(delivery, &stop);
    let failed = || !metrics.render().contains(r#"crossfade_delivery_failures_total{delivery="topic"} 0"#);
    until("a refusal", || failed() && metrics.render().contains("crossfade_delivery_failures_total{")).await;
    cluster.topic_error("records", RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).unwrap();
    until("all lines", || metrics.render().contains(r#"crossfade_delivery_lag_bytes{delivery="topic"} 0"#))
        .await;
    stop.cancel();
    running.await.unwrap();
    let skipped = r#"crossfade_delivery_skipped_records_total{delivery="topic",reason="too_large"} 1"#;
    assert!(metrics.render().contains(skipped), "{}", metrics.render());

    let servers = cluster.bootstrap_servers();
    let read = tokio::task::spawn_blocking(move || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers).set("group.id", "readers");
        config.set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().unwrap();
        consumer.subscribe(&["records"]).unwrap();
        let (mut lines, mut ids, mut partitions) =
            (Vec::new(), Vec::new(), std::collections::BTreeSet::new());
        let mut silence = 0;
        while lines.len() < 500 {
            // Nothing may also mean that something else happened, as that the group was joined.
            let Some(message) = consumer.poll(Duration::from_secs(1)) else {
                silence += 1;
                assert!(silence < 60, "{} lines came", lines.len());
                continue;
            };
            let message = message.unwrap();
            let id = message.headers().unwrap().get(0);
            assert_eq!(id.key, "crossfade-record-id");
            ids.push(String::from_utf8(id.value.unwrap().to_vec()).unwrap());
            lines.push(String::from_utf8(message.payload().unwrap().to_vec()).unwrap() + "\n");
            partitions.insert(message.partition());
        }
        (lines, ids, partitions)
    });
    let (read, ids, partitions) = read.await.unwrap();
    assert_eq!(read, lines);
    assert_eq!((ids[0].as_str(), partitions.len()), (format!("{}:0", stem(1)).as_str(), 1));
}

#[test]
fn waits_grow_and_are_never_twice_the_same() {
    let mut backoff = Backoff::new();
    let waits: Vec<f64> = (0..12).map(|_| backoff.next(1.0).as_secs_f64()).collect();
    assert_eq!(&waits[..4], [0.25, 0.5, 1.0, 2.0]);
    assert_eq!(waits[11], 60.0);
    assert_eq!(backoff.next(0.0).as_secs_f64(), 30.0);
}
