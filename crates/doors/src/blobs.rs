//! Blobs over HTTP: streamed to disk while they are hashed, read back whole or in a range.

use std::io::SeekFrom;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use bytes::BytesMut;
use futures_util::stream;
use http_body_util::BodyExt as _;
use hub::callers::{Caller, Scope};
use hub::policy::{Seen, may_see, require};
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use wire::{Code, Problem};

use crate::door::Door;
use crate::limits;
use crate::problem::Answer;
use crate::upload::Upload;

/// `PUT /v1/blobs`
pub(crate) async fn store(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    require(&caller, Scope::Write, || "store a blob".to_owned())?;
    let too_large = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .is_some_and(|length| length > hub::limits::BLOB_BYTES_MAX);
    if too_large {
        return Err(over_the_bound().into());
    }
    let mut upload = Upload::begin(&door.uploads, &door.hub, &caller, None)?;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| not_whole())?;
        if let Ok(data) = frame.into_data() {
            upload.write(data).await?;
        }
    }
    let (name, bytes) = upload.finish().await?;
    Ok((
        StatusCode::CREATED,
        Json(json!({"$blob": name, "bytes": bytes})),
    )
        .into_response())
}

/// For a blob that is known to be too large before its first byte.
pub(crate) fn over_the_bound() -> Problem {
    Problem::new(
        Code::BODY_TOO_LARGE,
        format!("A blob can be up to {} bytes.", hub::limits::BLOB_BYTES_MAX),
    )
    .hint("Give a large file by its path instead.")
}

/// `GET /v1/blobs/{name}`
pub(crate) async fn fetch(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    may_see(&caller, Seen::Blob)?;
    let name = door.hub.blob_name(&name)?;
    let path = door.hub.blobs().path(&name)?;
    let gone = |error: std::io::Error| {
        tracing::warn!(%error, blob = name, "a blob was removed while it was being read");
        Problem::new(Code::BLOB_UNKNOWN, format!("There is no blob `{name}`."))
    };
    let mut file = File::open(&path).await.map_err(gone)?;
    let total = file.metadata().await.map_err(gone)?.len();
    let asked = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let (status, start, end) = match asked.map(|text| range(text, total)) {
        None | Some(Range::Whole) => (StatusCode::OK, 0, total),
        Some(Range::Part(start, end)) => (StatusCode::PARTIAL_CONTENT, start, end),
        Some(Range::Outside) => return Ok(outside(&name, total)),
    };
    let media_type = media_type(&mut file).await;
    file.seek(SeekFrom::Start(start)).await.map_err(gone)?;
    let mut response = Response::new(body_of(file, end - start));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    // The name is the content's hash: it never changes.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, immutable, max-age=31536000"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&format!("bytes {start}-{}/{total}", end - 1))
    {
        headers.insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

/// `GET /v1/calls/{id}/picture`: the last picture of a render farm, from its file, where it is one that pages show.
pub(crate) async fn picture_of_call(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = door.hub.call_id(&caller, &id).await?;
    let call = door.hub.find_call(&id).await?;
    may_see(&caller, Seen::Call(&call))?;
    let path = door.hub.picture_of_call(&call)?;
    let unseen =
        |what: &str| Problem::new(Code::NOT_SUPPORTED, format!("{} {what}.", path.display()));
    let mut file = File::open(&path).await.map_err(|_| unseen("is gone"))?;
    let length = file.metadata().await.map_err(|_| unseen("is gone"))?.len();
    let kind = media_type(&mut file).await;
    if !kind.starts_with("image/") || length > limits::PICTURE_BYTES_MAX {
        return Err(unseen("is not a picture that a page can show").into());
    }
    file.rewind().await.map_err(|_| unseen("cannot be read"))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        // The next frame comes from the same route.
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=5"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    Ok((headers, body_of(file, length)).into_response())
}

/// What a page may show as a picture says so; all else is bytes. Told by its first bytes, never by whoever
/// stored it: nothing here can be a page or a script.
async fn media_type(file: &mut File) -> &'static str {
    let mut first = [0; 12];
    if file.read_exact(&mut first).await.is_err() {
        return "application/octet-stream";
    }
    match first {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => "image/webp",
        _ => "application/octet-stream",
    }
}

fn not_whole() -> Problem {
    Problem::new(Code::BODY_MALFORMED, "The bytes were cut off.")
}

fn body_of(file: File, length: u64) -> Body {
    Body::from_stream(stream::unfold(
        (file, length),
        |(mut file, left)| async move {
            if left == 0 {
                return None;
            }
            let wanted = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(limits::BLOB_READ_BYTES);
            let mut piece = BytesMut::with_capacity(wanted);
            let read = (&mut file).take(wanted as u64).read_buf(&mut piece).await;
            match read {
                Ok(0) => Some((Err(std::io::ErrorKind::UnexpectedEof.into()), (file, 0))),
                Ok(count) => Some((Ok(piece.freeze()), (file, left - count as u64))),
                Err(error) => Some((Err(error), (file, 0))),
            }
        },
    ))
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// From the first byte to the one after the last.
    Part(u64, u64),
    Outside,
}

/// One range of bytes; several at once, or another unit, give the whole, as RFC 9110 allows.
fn range(text: &str, total: u64) -> Range {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|text| text.split_once('-'))
    else {
        return Range::Whole;
    };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => part(first, last.saturating_add(1).min(total)),
        (Ok(first), Err(_)) if last.trim().is_empty() => part(first, total),
        (Err(_), Ok(count)) if first.trim().is_empty() => part(total.saturating_sub(count), total),
        _ => Range::Whole,
    }
}

#[cfg(fuzzing)]
pub(crate) fn part_of(text: &str, total: u64) -> Option<(u64, u64)> {
    match range(text, total) {
        Range::Part(start, end) => Some((start, end)),
        Range::Whole | Range::Outside => None,
    }
}

fn part(start: u64, end: u64) -> Range {
    if start < end {
        Range::Part(start, end)
    } else {
        Range::Outside
    }
}

fn outside(name: &str, total: u64) -> Response {
    let problem = Problem::new(
        Code::RANGE_INVALID,
        format!("`{name}` is {total} bytes long."),
    );
    let mut response = crate::problem::Refused(problem).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{total}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("bytes=0-3", 10), Range::Part(0, 4));
        assert_eq!(range("bytes=4-", 10), Range::Part(4, 10));
        assert_eq!(range("bytes=-3", 10), Range::Part(7, 10));
        assert_eq!(range("bytes=0-99", 10), Range::Part(0, 10));
        assert_eq!(range("bytes=10-", 10), Range::Outside);
        assert_eq!(range("bytes=0-1,3-4", 10), Range::Whole);
        assert_eq!(range("lines=1-2", 10), Range::Whole);
        assert_eq!(range("bytes=3-1", 10), Range::Whole);
    }
}
