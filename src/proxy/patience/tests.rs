use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Duration;
use tokio::time::sleep;

use crate::proxy::limits::Limits;
use crate::proxy::patience::Patient;
use crate::proxy::watch::Watchlist;
use crate::telemetry::Metrics;

fn list() -> Rc<Watchlist> {
    Watchlist::new(&Limits::default(), &Arc::new(Metrics::new()))
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_loses_its_connection() {
    let (ours, _theirs) = tokio::io::duplex(64);
    let list = list();
    let error = Patient::new(ours, Rc::clone(&list)).write_all(&[0; 65]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(list.metrics().limited.with_label_values(&["write_stall"]).get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_keeps_it() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let list = list();
    let stall = list.limits().write_stall;
    let reading = async {
        let mut total = 0;
        while total < 640 {
            sleep(stall - Duration::from_secs(1)).await;
            let mut buffer = [0; 64];
            total += theirs.read(&mut buffer).await.unwrap();
        }
        total
    };
    let mut ours = Patient::new(ours, list);
    let (written, read) = tokio::join!(ours.write_all(&[0; 640]), reading);
    written.unwrap();
    assert_eq!(read, 640);
}
