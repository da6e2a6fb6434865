//! The page, which lies in the program: `web/build` makes it from `web`, and `page/SHA256SUMS` says what it made.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

/// What the page may load, and who may show it: only its own files, in no frame.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

macro_rules! files {
    ($($name:literal is $kind:literal,)*) => {
        const FILES: &[(&str, &str, &[u8])] =
            &[$((concat!("/", $name), $kind, include_bytes!(concat!("../page/", $name)))),*];
    };
}

files! {
    "index.html" is "text/html; charset=utf-8",
    "app.js" is "text/javascript; charset=utf-8",
    "core.js" is "text/javascript; charset=utf-8",
    "core_bg.wasm" is "application/wasm",
    "style.css" is "text/css; charset=utf-8",
    "manifest.webmanifest" is "application/manifest+json",
    "sw.js" is "text/javascript; charset=utf-8",
    "icon.svg" is "image/svg+xml",
    "icon-192.png" is "image/png",
    "icon-512.png" is "image/png",
}

/// The files, compressed once.
pub(crate) struct Page(Vec<File>);

struct File {
    path: &'static str,
    kind: &'static str,
    plain: Bytes,
    gzip: Bytes,
    /// Of the plain bytes, quoted.
    tag: HeaderValue,
}

impl Page {
    pub(crate) fn new() -> Self {
        let file = |&(path, kind, bytes): &(&'static str, &'static str, &'static [u8])| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(bytes).expect("memory takes everything");
            let gzip = gzip.finish().expect("memory takes everything");
            let sum = crc32fast::hash(bytes);
            let tag = format!("\"{sum:08x}-{}\"", bytes.len());
            let tag = HeaderValue::from_str(&tag).expect("of digits");
            File { path, kind, plain: bytes.into(), gzip: gzip.into(), tag }
        };
        Self(FILES.iter().map(file).collect())
    }

    /// The file at a path: the page itself at the root, and at the number of each class.
    pub(crate) fn get(&self, path: &str, asked: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        let is_class = path
            .strip_prefix('/')
            .is_some_and(|it| it.len() <= 10 && it.bytes().all(|byte| byte.is_ascii_digit()));
        let path = if is_class { "/index.html" } else { path };
        let file = self.0.iter().find(|it| it.path == path)?;
        let has = |name, value: &str| {
            let texts = asked.get_all(name).iter().filter_map(|it: &HeaderValue| it.to_str().ok());
            texts.flat_map(|it| it.split(',')).any(|it| it.trim() == value)
        };
        let tag = file.tag.to_str().expect("of digits");
        let mut answer = Response::new(Full::default());
        if has(header::IF_NONE_MATCH, tag) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        } else if has(header::ACCEPT_ENCODING, "gzip") {
            *answer.body_mut() = Full::from(file.gzip.clone());
            let gzip = HeaderValue::from_static("gzip");
            answer.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        } else {
            *answer.body_mut() = Full::from(file.plain.clone());
        }
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
        headers.insert(header::ETAG, file.tag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        // Asked for again each time: a page and a core of two versions would not fit.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_page_is_the_one_that_was_built() {
        let sums = include_str!("../page/SHA256SUMS");
        for (path, _, bytes) in FILES {
            let sum = format!("{:x}", Sha256::digest(bytes));
            let line = format!("{sum}  {}", &path[1..]);
            assert!(sums.lines().any(|it| it == line), "{line}: run web/build");
        }
        assert_eq!(sums.lines().count(), FILES.len(), "no file more");
    }

    #[test]
    fn files_are_given_compressed_to_who_reads_that_and_not_twice_to_who_has_them() {
        let page = Page::new();
        let get = |path: &str, headers: &[(header::HeaderName, &str)]| {
            let asked = headers.iter().map(|(name, it)| (name.clone(), it.parse().expect("text")));
            page.get(path, &asked.collect())
        };
        let plain = get("/3030", &[]).expect("the page of a class");
        assert_eq!(plain.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
        let small = get("/", &[(header::ACCEPT_ENCODING, "br, gzip")]).expect("the same");
        assert_eq!(small.headers()[header::CONTENT_ENCODING], "gzip");
        let tag = plain.headers()[header::ETAG].to_str().expect("text");
        let kept = get("/7", &[(header::IF_NONE_MATCH, tag)]).expect("the same");
        assert_eq!(kept.status(), StatusCode::NOT_MODIFIED);
        for other in ["/x", "/30300000000", "/../page.rs", "/index.html/", ""] {
            assert!(get(other, &[]).is_none(), "{other}");
        }
        let bytes: usize = page.0.iter().map(|it| it.gzip.len()).sum();
        assert!(bytes <= 250 * 1_024, "{bytes} bytes");
    }
}
