use std::io::ErrorKind;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Duration;
use tokio::time::sleep;

use crate::proxy::patience::Patient;
use crate::proxy::patience::STALL;

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_loses_its_connection() {
    let (ours, _theirs) = tokio::io::duplex(64);
    let error = Patient::new(ours).write_all(&[0; 65]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_keeps_it() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let reading = async {
        let mut total = 0;
        while total < 640 {
            sleep(STALL - Duration::from_secs(1)).await;
            let mut buffer = [0; 64];
            total += theirs.read(&mut buffer).await.unwrap();
        }
        total
    };
    let mut ours = Patient::new(ours);
    let (written, read) = tokio::join!(ours.write_all(&[0; 640]), reading);
    written.unwrap();
    assert_eq!(read, 640);
}
