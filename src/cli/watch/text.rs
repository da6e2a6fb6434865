//! Text from elsewhere made safe, and text cut and wrapped by the columns it takes.
//!
//! A column is what ratatui measures: two for a CJK character or an emoji, none for a combining mark.

use std::borrow::Cow;

use ratatui::buffer::CellWidth as _;
use ratatui::style::Style;
use ratatui::text::Span;

/// What stands for the end that was cut off.
const ELLIPSIS: &str = "…";

/// A text that neither steers a terminal nor turns the direction of what is read (UAX 9) nor hides characters: those
/// that do are written out as escapes. Joiners stay, which Persian, Hindi and emoji are written with.
#[must_use]
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => safe.extend(character.escape_default()),
            _ if is_unsafe(character) => safe.extend(character.escape_unicode()),
            _ => safe.push(character),
        }
    }
    safe.into()
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'
                | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The columns a text takes.
pub(crate) fn width(text: &str) -> u16 {
    graphemes(text).fold(0_u16, |sum, (_, width)| sum.saturating_add(width))
}

/// What a reader takes for one character, with the columns it takes.
fn graphemes(text: &str) -> impl Iterator<Item = (String, u16)> {
    let span = Span::raw(text);
    let graphemes: Vec<_> = span
        .styled_graphemes(Style::new())
        .map(|it| (it.symbol.to_owned(), it.symbol.cell_width()))
        .collect();
    graphemes.into_iter()
}

/// As much from the start as fits, with an ellipsis if that is not all.
pub(crate) fn fit(text: &str, columns: u16) -> Cow<'_, str> {
    // Every character of ASCII takes one column: the common case costs no segmentation.
    let known = text.is_ascii() && text.len() <= usize::from(columns);
    if known || width(text) <= columns {
        return text.into();
    }
    let Some(room) = columns.checked_sub(1) else { return "".into() };
    let mut start = head(text, room);
    start.push_str(ELLIPSIS);
    start.into()
}

fn head(text: &str, columns: u16) -> String {
    let mut room = columns;
    graphemes(text)
        .map_while(|(symbol, width)| {
            room = room.checked_sub(width)?;
            Some(symbol)
        })
        .collect()
}

/// As much of the end as fits: of a text that is being typed, that is where the cursor is.
pub(crate) fn tail(text: &str, columns: u16) -> String {
    let all: Vec<_> = graphemes(text).collect();
    let mut room = columns;
    let kept = all
        .iter()
        .rev()
        .take_while(|(_, width)| match room.checked_sub(*width) {
            Some(rest) => {
                room = rest;
                true
            }
            None => false,
        })
        .count();
    all[all.len() - kept..].iter().map(|(symbol, _)| symbol.as_str()).collect()
}

/// A text in lines of at most so many columns, broken at spaces where there are any.
pub(crate) fn wrap(text: &str, columns: u16) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("never empty");
        let gap = u16::from(!line.is_empty());
        if width(line).saturating_add(gap).saturating_add(width(word)) <= columns {
            line.extend([if gap == 1 { " " } else { "" }, word]);
        } else {
            push_word(&mut lines, word, columns);
        }
    }
    lines
}

/// A word on lines of its own, as many as it takes.
fn push_word(lines: &mut Vec<String>, word: &str, columns: u16) {
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let mut rest = word;
    while width(rest) > columns {
        let start = head(rest, columns);
        // A character wider than the line: there is no way to show it.
        if start.is_empty() {
            break;
        }
        rest = rest.strip_prefix(start.as_str()).unwrap_or_default();
        lines.push(start);
    }
    lines.push(fit(rest, columns).into_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_or_hides_is_written_out() {
        assert_eq!(safe("Ana\u{1b}[2J\u{202e}x\u{2066}"), r"Ana\u{1b}[2J\u{202e}x\u{2066}");
        assert_eq!(safe("a\nb\u{0}\u{9b}\u{feff}"), r"a\nb\u{0}\u{9b}\u{feff}");
        for name in ["João d'Água", "王小明", "नमस्ते", "👩‍🔬", "مریم‌گل", "e\u{301}"]
        {
            assert!(matches!(safe(name), Cow::Borrowed(it) if it == name), "{name}");
        }
    }

    #[test]
    fn width_is_in_columns() {
        for (text, columns) in
            [("", 0), ("abc", 3), ("王小明", 6), ("e\u{301}", 1), ("👩‍🔬", 2), ("\u{301}", 0)]
        {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(fit("abcd", 4), "abcd");
        assert_eq!(fit("abcde", 4), "abc…");
        assert_eq!(fit("王小明", 6), "王小明");
        assert_eq!(fit("王小明", 4), "王…");
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(tail("abcde", 3), "cde");
        assert_eq!(tail("王小明", 3), "明");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("close class 3030? [y/N]", 12), ["close class", "3030? [y/N]"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("王", 1), ["…"]);
    }
}
