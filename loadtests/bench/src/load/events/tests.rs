//! Events are found wherever their bytes are split.

use crate::load::events::EventReader;
use crate::load::tally::Tally;

#[test]
fn events_are_counted_wherever_their_bytes_are_split() {
    let text = b"data: 100 xxx\n\n: comment\n\ndata: 250 xxx\n\n";
    for size in 1..=text.len() {
        let (mut reader, mut tally) = (EventReader::default(), Tally::new(0));
        for piece in text.chunks(size) {
            reader.feed(piece, 300, &mut tally);
        }
        assert_eq!(tally.events, 2, "in pieces of {size}");
    }
}
