use crate::assign::Bucket;
use crate::assign::Share;

#[test]
fn a_share_reads_and_prints_as_the_operator_wrote_it() {
    for text in ["0%", "100%", "25%", "0.5%", "33.3333333%", "12.25%"] {
        assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
    }
    for text in ["", "%", "25", "1.%", "x%", "-1%", "100.1%", "1.12345678%", "99999999999%"] {
        assert!(text.parse::<Share>().is_err(), "{text}");
    }
}

#[test]
fn the_whole_admits_every_bucket_and_nothing_admits_none() {
    for bucket in [0, 1, u64::MAX / 2, u64::MAX].map(Bucket) {
        assert!(Share::ALL.admits(bucket));
        assert!(!Share::NONE.admits(bucket));
    }
}
