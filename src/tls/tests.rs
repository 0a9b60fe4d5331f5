use std::path::Path;

use crate::tls::Error;
use crate::tls::Live;
use crate::tls::Renewed;
use crate::tls::ServerFiles;

/// Writes a certificate for `localhost` and its key.
fn write_pair(dir: &Path) -> ServerFiles {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = ServerFiles { cert_file: dir.join("cert"), key_file: dir.join("key"), client_ca_file: None };
    std::fs::write(&files.cert_file, made.cert.pem()).unwrap();
    std::fs::write(&files.key_file, made.signing_key.serialize_pem()).unwrap();
    files
}

#[test]
fn files_that_change_are_taken_up_and_bad_ones_are_reported_once() {
    let dir = tempfile::tempdir().unwrap();
    let files = write_pair(dir.path());
    let live = Live::open(files.clone()).unwrap();
    let first = live.made();
    assert!(matches!(live.renew(), Renewed::Unchanged));

    let key = std::fs::read(&files.key_file).unwrap();
    write_pair(dir.path());
    let new_key = std::fs::read(&files.key_file).unwrap();
    std::fs::write(&files.key_file, &key).unwrap();
    let rejected = live.renew();
    assert!(matches!(rejected, Renewed::Rejected(Error::Unusable { .. })), "{rejected:?}");
    assert!(matches!(live.renew(), Renewed::Unchanged), "reported already");
    assert!(std::sync::Arc::ptr_eq(&live.made(), &first), "the old pair stays");

    std::fs::remove_file(&files.key_file).unwrap();
    assert!(matches!(live.renew(), Renewed::Rejected(Error::Unreadable { .. })));
    std::fs::write(&files.key_file, new_key).unwrap();
    assert!(matches!(live.renew(), Renewed::Changed));
    assert!(!std::sync::Arc::ptr_eq(&live.made(), &first));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name_and_without_its_content() {
    let dir = tempfile::tempdir().unwrap();
    let good = write_pair(dir.path());
    let odd = dir.path().join("odd");
    let cases: [(&str, ServerFiles, &str); 4] = [
        ("", ServerFiles { cert_file: odd.clone(), ..good.clone() }, "holds no certificate in PEM"),
        (
            "-----BEGIN PRIVATE KEY-----\nsecret!\n-----END PRIVATE KEY-----\n",
            ServerFiles { key_file: odd.clone(), ..good.clone() },
            "holds no private key in PEM",
        ),
        (
            "nothing",
            ServerFiles { client_ca_file: Some(odd.clone()), ..good.clone() },
            "holds no certificate",
        ),
        (
            "",
            ServerFiles { cert_file: "/dev/zero".into(), ..good.clone() },
            "`/dev/zero` has more than 1048576 bytes",
        ),
    ];
    for (content, files, expected) in cases {
        std::fs::write(&odd, content).unwrap();
        let error = Live::open(files).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("secret"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_who_does_not_shake_hands_is_given_up_after_ten_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let live = Live::open(write_pair(dir.path())).unwrap();
    let (_user, gateway) = tokio::io::duplex(64);
    let begun = tokio::time::Instant::now();
    let error = live.accept(gateway).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed().as_secs()), (std::io::ErrorKind::TimedOut, 10));
}
