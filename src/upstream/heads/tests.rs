use std::io::IoSlice;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::duplex;

use crate::protocol::http2::PREFACE;
use crate::upstream::heads::HEADS_A_REQUEST;
use crate::upstream::heads::Heads;
use crate::upstream::heads::MOST;

const HEAD: [u8; 12] = [0, 0, 3, 1, 4, 0, 0, 0, 1, b'a', b'b', b'c'];
const DATA: [u8; 10] = [0, 0, 1, 0, 0, 0, 0, 0, 1, b'x'];

/// How many heads of answers are let through after so many requests; data beside them do not count.
async fn let_through(requests: usize, vectored: bool) -> usize {
    let (ours, theirs) = duplex(1 << 20);
    let mut heads = Heads::new(ours);
    heads.write_all(PREFACE).await.unwrap();
    for _ in 0..requests {
        if vectored {
            let pieces = [IoSlice::new(&HEAD[..5]), IoSlice::new(&HEAD[5..]), IoSlice::new(&DATA)];
            assert_eq!(heads.write_vectored(&pieces).await.unwrap(), HEAD.len() + DATA.len());
        } else {
            heads.write_all(&[&HEAD[..], &DATA].concat()).await.unwrap();
        }
    }
    // Nobody reads what was written to the model, which must not stop it.
    let (mut reads, mut writes) = tokio::io::split(theirs);
    let sink = async { drop(tokio::io::copy(&mut reads, &mut tokio::io::sink()).await) };
    let answer = async { while writes.write_all(&[&DATA[..], &HEAD].concat()).await.is_ok() {} };
    let read = async {
        let mut through = 0;
        let mut frame = [0; DATA.len() + HEAD.len()];
        while heads.read_exact(&mut frame).await.is_ok() {
            through += 1;
        }
        through
    };
    tokio::select! {
        through = read => through,
        ((), ()) = async { tokio::join!(sink, answer) } => unreachable!("the connection is open"),
    }
}

#[tokio::test]
async fn heads_come_as_many_as_requests_ask_for() {
    let each = HEADS_A_REQUEST as usize;
    for vectored in [false, true] {
        assert_eq!(let_through(1, vectored).await, each);
        assert_eq!(let_through(3, vectored).await, 3 * each);
    }
    assert_eq!(let_through(2_000, false).await, MOST as usize);
}
