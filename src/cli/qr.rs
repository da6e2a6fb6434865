//! A text as a QR code (ISO/IEC 18004): for a terminal, or as a picture.

use std::io;
use std::path::Path;

use qrcode::QrCode;
use qrcode::render::{svg, unicode};

/// Two rows of modules in one line of text. Dark on light, as a camera expects it, whatever colours the
/// terminal has: what is printed is the light part.
pub(super) fn for_terminal(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    Some(
        code.render::<unicode::Dense1x2>()
            .dark_color(unicode::Dense1x2::Light)
            .light_color(unicode::Dense1x2::Dark)
            .build(),
    )
}

/// Writes it as an SVG to a new file.
///
/// # Errors
/// If the file is there already or cannot be written, or the text is longer than a code can be.
pub(super) fn write_svg(text: &str, path: &Path) -> io::Result<()> {
    let code = QrCode::new(text).map_err(io::Error::other)?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(400, 400).build();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    io::Write::write_all(&mut file, picture.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_room_for_the_longest_join_link() {
        let longest = format!("rollcall://{}:65535/#{}", "h".repeat(253), "k".repeat(58));
        let code = for_terminal(&longest).unwrap();
        assert!(code.lines().count() > 20 && code.lines().all(|line| line.chars().count() < 120));
    }

    #[test]
    fn a_picture_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link.svg");
        write_svg("rollcall://localhost:5050/#k", &path).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written.contains("<svg"), "{written}");
        let again = write_svg("other", &path).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    }
}
