use std::pin::pin;

use crate::telemetry::Metrics;
use crate::telemetry::Plane;
use crate::telemetry::contained;
use crate::telemetry::contained_future;

#[tokio::test]
async fn a_panic_is_counted_where_it_happened_and_goes_no_further() {
    let metrics = Metrics::new();
    let counted = |plane: &str| metrics.panics.with_label_values(&[plane]).get();
    let late = pin!(async {
        tokio::task::yield_now().await;
        panic!("late");
    });
    assert!(contained_future(Plane::Copy, &metrics, late).await.is_err());
    assert!(contained(Plane::Record, &metrics, || panic!("at once")).is_err());
    struct Spiteful;
    impl Drop for Spiteful {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    let spiteful = || std::panic::panic_any(Spiteful);
    assert!(contained(Plane::Answer, &metrics, spiteful).is_err(), "nor does what was thrown");
    assert_eq!((counted("copy"), counted("record"), counted("answer"), counted("admin")), (1, 1, 1, 0));
    assert_eq!(contained_future(Plane::Copy, &metrics, pin!(async { 7 })).await.unwrap(), 7);
    assert_eq!(counted("copy"), 1);
}
