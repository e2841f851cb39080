use proptest::prelude::*;
use serde_json::json;

use super::*;

fn decode_all(chunks: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

#[test]
fn foreign_dialects_are_named() {
    assert_eq!(decode_all(&[b"GET / HTTP/1.1\r\n"]), Err(FrameError::Http));
    assert_eq!(decode_all(&[b"POST"]), Err(FrameError::Http));
    assert_eq!(
        decode_all(&[b"{\"type\":\"ping\"}"]),
        Err(FrameError::BareJson)
    );
    assert_eq!(
        decode_all(&[&[0xff; 8]]),
        Err(FrameError::TooLong(0xffff_ffff))
    );
    assert_eq!(decode_all(&[&[0; 4]]), Err(FrameError::Empty));
    assert_eq!(decode_all(&[b"\0\0\0\x02hi"]), Err(FrameError::Unknown));
    assert_eq!(decode_all(&[b"\0\0\0\x02{}"]), Err(FrameError::NoType));
}

#[test]
fn a_piece_beyond_its_blob_is_refused() {
    let head = PieceHead {
        blob: "sha256:0".into(),
        offset: 3,
        total: 4,
    };
    let bytes = encode_piece(&head, b"ab").unwrap();
    assert!(matches!(decode_all(&[&bytes]), Err(FrameError::Piece(_))));
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(texts in prop::collection::vec(".{0,40}", 1..6), cut in 1usize..9) {
        let sent: Vec<Value> = texts.iter().map(|text| json!({"t": "x", "text": text})).collect();
        let mut bytes = Vec::new();
        for message in &sent {
            bytes.extend(encode_message(message).unwrap());
        }
        bytes.extend(encode_piece(&PieceHead { blob: "sha256:0".into(), offset: 0, total: 3 }, b"abc").unwrap());
        let chunks: Vec<&[u8]> = bytes.chunks(cut).collect();
        let got = decode_all(&chunks).unwrap();
        prop_assert_eq!(got.len(), sent.len() + 1);
        for (frame, message) in got.iter().zip(&sent) {
            prop_assert_eq!(frame, &Frame::Message(message.clone()));
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 1usize..50) {
        let chunks: Vec<&[u8]> = bytes.chunks(cut).collect();
        let _ = decode_all(&chunks);
    }
}
