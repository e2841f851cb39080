//! Frames from bytes: however they are split, the same frames and the same end come out, and what is
//! encoded again is what came.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::frame::{Decoder, Frame, encode_message, encode_piece};

fuzz_target!(|data: &[u8]| {
    // The first byte says where the rest is split; a frame may be longer than all of it.
    let Some((&step, data)) = data.split_first() else {
        return;
    };
    let whole = decode(data, data.len().max(1));
    let split = decode(data, usize::from(step).max(1));
    assert_eq!(whole, split);
});

fn decode(data: &[u8], step: usize) -> (Vec<Vec<u8>>, Option<String>) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for part in data.chunks(step) {
        decoder.push(part);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(encode(&frame)),
                Ok(None) => break,
                Err(error) => return (frames, Some(error.to_string())),
            }
        }
    }
    (frames, None)
}

fn encode(frame: &Frame) -> Vec<u8> {
    match frame {
        Frame::Message(message) => encode_message(message).expect("what was decoded can be encoded"),
        Frame::Piece(piece) => encode_piece(&piece.head, &piece.bytes).expect("what was decoded can be encoded"),
    }
}
