//! The dashboard's page: the files of `dashboard/dist`, which lie in this binary as they were built.
//!
//! In comes a name; out goes the file, compressed where the browser takes it, with the headers that keep a page
//! to itself: no script, style, picture or connection but this hub's own, no frame around it, no word to
//! other sites. What its scripts may ask is decided where they ask it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};
use wire::{Code, Problem};

use crate::problem::Refused;

/// A build makes names of their own for what it changes, and `index.html` has those names: whenever something is new
/// here, a file that was known is other than before, and cargo sees it.
#[derive(RustEmbed)]
#[folder = "../../dashboard/dist"]
struct Dist;

/// What the page may load: its own. Nothing inline, nothing made from text, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

/// Endings of the compressed twins of a file, the better first, and how HTTP names them.
const CODINGS: [(&str, &str); 2] = [(".br", "br"), (".gz", "gzip")];

struct File {
    bytes: Cow<'static, [u8]>,
    etag: HeaderValue,
}

/// `GET /`
pub(crate) async fn index(headers: HeaderMap) -> Response {
    send("index.html", &headers, "no-cache").unwrap_or_else(|| {
        let problem = Problem::new(Code::INTERNAL, "This build does not include the dashboard.")
            .hint("Run npm ci && npm run build in dashboard/, then cargo build.");
        Refused(problem).into_response()
    })
}

/// `GET /assets/{name}`: names have their content's hash in them, so a name's content never changes.
pub(crate) async fn asset(Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let path = format!("assets/{name}");
    send(&path, &headers, "public, max-age=31536000, immutable").unwrap_or_else(|| {
        let problem = Problem::new(
            Code::ROUTE_UNKNOWN,
            format!("The page has no file {}.", uri.path()),
        )
        .hint("Reload the page: another version of the hub is running now.");
        Refused(problem).into_response()
    })
}

fn send(name: &str, asked: &HeaderMap, caching: &'static str) -> Option<Response> {
    let kind = kind(name)?;
    let files = files();
    let plain = files.get(name)?;
    let (file, coding) = CODINGS
        .iter()
        .filter(|(_, coding)| takes(asked, coding))
        .find_map(|(ending, coding)| {
            let file = files.get(format!("{name}{ending}").as_str())?;
            Some((file, Some(*coding)))
        })
        .unwrap_or((plain, None));
    let is_known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| {
            file.etag
                .to_str()
                .is_ok_and(|own| tag.trim().trim_start_matches("W/") == own)
        });
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(Body::from(file.bytes.clone())),
    };
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 8] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, caching),
        (header::VARY, "Accept-Encoding"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::ETAG, file.etag.clone());
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    Some(response)
}

fn kind(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

/// Whether the asker takes a coding: named, and not with `q=0`.
fn takes(asked: &HeaderMap, coding: &str) -> bool {
    asked
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| {
            let mut words = part.split(';').map(str::trim);
            let is_named = words
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(coding));
            let weight = words.find_map(|word| word.strip_prefix("q=")?.parse::<f32>().ok());
            is_named && weight.is_none_or(|weight| weight > 0.0)
        })
}

fn files() -> &'static BTreeMap<Cow<'static, str>, File> {
    static FILES: OnceLock<BTreeMap<Cow<'static, str>, File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let all = Dist::iter().filter_map(|name| {
            let bytes = Dist::get(&name)?.data;
            let hash = hex::encode(&Sha256::digest(&bytes)[..12]);
            let etag = HeaderValue::from_str(&format!("\"{hash}\"")).ok()?;
            Some((name, File { bytes, etag }))
        });
        all.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_read_with_their_weights() {
        let mut headers = HeaderMap::new();
        headers.append("accept-encoding", "gzip, br;q=0, deflate".parse().unwrap());
        assert!(takes(&headers, "gzip") && !takes(&headers, "br"));
        headers.append("accept-encoding", "BR;q=0.5".parse().unwrap());
        assert!(takes(&headers, "br") && !takes(&headers, "zstd"));
    }
}
