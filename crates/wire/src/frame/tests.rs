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
        Err(FrameError::TooLong(0xffff_ffff, FRAME_BYTES_MAX))
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

/// The vectors that the Python side reads too.
mod shared {
    use serde::Deserialize;

    use super::*;

    const PATH: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../apps/bridgekit/tests/vectors.json"
    );

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        name: String,
        #[serde(rename = "about")]
        _about: String,
        hex: Option<String>,
        chunks: Option<Vec<String>>,
        messages: Vec<Value>,
        error: Option<String>,
    }

    impl Vector {
        fn chunks(&self) -> Vec<Vec<u8>> {
            let whole = self.hex.clone().map(|hex| vec![hex]);
            let chunks = self.chunks.clone().or(whole).expect("bytes of some kind");
            chunks.iter().map(|hex| hex::decode(hex).unwrap()).collect()
        }

        /// The hash is looked at where blobs are put together, not here.
        fn error(&self) -> Option<&str> {
            self.error.as_deref().filter(|error| *error != "hash")
        }
    }

    fn vectors() -> Vec<Vector> {
        let vectors: Vec<Vector> = serde_json::from_slice(&std::fs::read(PATH).unwrap()).unwrap();
        assert!(vectors.len() > 30, "{}", vectors.len());
        vectors
    }

    fn kind(error: &FrameError) -> &'static str {
        match error {
            FrameError::Http => "http",
            FrameError::BareJson => "bare_json",
            FrameError::TooLong(..) => "too_long",
            FrameError::Empty => "empty",
            FrameError::Unknown => "unknown",
            FrameError::Json(_) => "not_json",
            FrameError::NoType => "no_type",
            FrameError::Piece(_) => "piece",
        }
    }

    fn told(frame: Frame) -> Value {
        match frame {
            Frame::Message(message) => message,
            Frame::Piece(Piece { head, bytes }) => json!({"piece": {
                "blob": head.blob, "offset": head.offset, "total": head.total,
                "hex": hex::encode(bytes),
            }}),
        }
    }

    fn check<'a>(vector: &Vector, chunks: impl Iterator<Item = &'a [u8]>) {
        let mut decoder = Decoder::new();
        let (mut messages, mut error) = (Vec::new(), None);
        'all: for chunk in chunks {
            decoder.push(chunk);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => messages.push(told(frame)),
                    Ok(None) => break,
                    Err(wrong) => {
                        error = Some(kind(&wrong));
                        break 'all;
                    }
                }
            }
        }
        assert_eq!(error, vector.error(), "{}", vector.name);
        assert_eq!(messages, vector.messages, "{}", vector.name);
    }

    #[test]
    fn every_vector_is_read_as_it_says_in_any_cut() {
        for vector in vectors() {
            let chunks = vector.chunks();
            check(&vector, chunks.iter().map(Vec::as_slice));
            let whole = chunks.concat();
            for size in 1..=whole.len().min(40) {
                check(&vector, whole.chunks(size));
            }
        }
    }

    #[test]
    fn messages_are_written_so_that_they_are_read_again() {
        for vector in vectors().iter().filter(|vector| vector.error.is_none()) {
            let mut bytes = Vec::new();
            for message in &vector.messages {
                bytes.extend(match message.get("piece") {
                    None => encode_message(message).unwrap(),
                    Some(piece) => {
                        let head = serde_json::from_value(piece.clone()).unwrap();
                        let raw = hex::decode(piece["hex"].as_str().unwrap()).unwrap();
                        encode_piece(&head, &raw).unwrap()
                    }
                });
            }
            check(vector, std::iter::once(bytes.as_slice()));
        }
    }
}

#[test]
fn who_is_allowed_less_is_refused_by_the_length_alone() {
    let mut decoder = Decoder::new();
    decoder.allow(16);
    decoder.push(&encode_message(&json!({"t": "beat"})).unwrap());
    assert!(matches!(decoder.next_frame(), Ok(Some(Frame::Message(_)))));
    decoder.push(&[0, 0, 0, 17]);
    assert_eq!(decoder.next_frame(), Err(FrameError::TooLong(17, 16)));
    let mut trusted = Decoder::new();
    trusted.allow(usize::MAX);
    trusted.push(&u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes());
    assert!(matches!(trusted.next_frame(), Err(FrameError::TooLong(..))));
}
