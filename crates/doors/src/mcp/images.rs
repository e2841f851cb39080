//! Pictures of a value, shown as pictures: blobs of `image/*` wherever they stand in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub::Hub;
use rmcp::model::{ContentBlock, Resource};
use serde_json::Value;

use super::uris;
use crate::limits;

/// What a picture adds to an answer.
pub(crate) struct Picture {
    /// For those who see no pictures: size, kind, and where it is.
    pub(crate) line: String,
    pub(crate) blocks: Vec<ContentBlock>,
}

/// A blob of a picture, as it stands in a value.
struct Found<'a> {
    blob: &'a str,
    media_type: &'a str,
    about: &'a Value,
    /// A file with the same picture, told beside it.
    path: Option<&'a str>,
}

pub(crate) fn of(hub: &Hub, value: &Value) -> Vec<Picture> {
    let mut found = Vec::new();
    look(value, None, &mut found);
    found.into_iter().map(|one| picture(hub, &one)).collect()
}

fn look<'a>(value: &'a Value, path: Option<&'a str>, found: &mut Vec<Found<'a>>) {
    if found.len() >= limits::ANSWER_IMAGES_MAX {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| look(item, path, found)),
        Value::Object(map) => {
            let text = |name: &str| map.get(name).and_then(Value::as_str);
            let path = text("path").or(path);
            match (text("$blob"), text("media_type")) {
                (Some(blob), Some(media_type)) if media_type.starts_with("image/") => {
                    found.push(Found {
                        blob,
                        media_type,
                        about: value,
                        path,
                    });
                }
                _ => map.values().for_each(|value| look(value, path, found)),
            }
        }
        _ => {}
    }
}

fn picture(hub: &Hub, found: &Found<'_>) -> Picture {
    let number = |name: &str| found.about.get(name).and_then(Value::as_u64);
    let size = match (number("width"), number("height")) {
        (Some(width), Some(height)) => format!(" {width}×{height}"),
        _ => String::new(),
    };
    let uri = uris::blob_uri(found.blob);
    let place = found
        .path
        .map_or_else(|| uri.clone(), |path| format!("{path} ({uri})"));
    let mut line = format!("picture{size} {}: {place}", found.media_type);
    let mut blocks = Vec::new();
    match read(hub, found.blob) {
        Ok(Some(bytes)) => blocks.push(ContentBlock::image(
            STANDARD.encode(bytes),
            found.media_type,
        )),
        Ok(None) => line.push_str(" (too large to show here)"),
        Err(why) => line.push_str(&format!(" (cannot be shown: {why})")),
    }
    let link = Resource::new(uri, "picture").with_mime_type(found.media_type);
    blocks.push(ContentBlock::resource_link(link));
    Picture { line, blocks }
}

/// The bytes, unless they are too many.
fn read(hub: &Hub, blob: &str) -> Result<Option<Vec<u8>>, String> {
    let path = hub.blobs().path(blob).map_err(|problem| problem.message)?;
    let size = std::fs::metadata(&path)
        .map_err(|error| error.to_string())?
        .len();
    if size > limits::ANSWER_IMAGE_BYTES_MAX {
        return Ok(None);
    }
    std::fs::read(&path)
        .map(Some)
        .map_err(|error| error.to_string())
}
