//! What is another each time, as times and codes are, made the same so that whole texts can be compared.

/// Where a form is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    Anywhere,
    /// Where no letter or digit stands before it or behind it.
    AsWord,
}

/// The text with words in the place of what has their forms, of which the first counts: `#` stands for a digit, `a` for
/// a small letter or a digit, `A` for a capital or a digit, everything else for itself.
pub(crate) fn masked(text: &str, forms: &[(&str, &str)], place: Where) -> String {
    let is_inner =
        |it: Option<char>| place == Where::AsWord && it.is_some_and(char::is_alphanumeric);
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let before = text[..text.len() - rest.len()].chars().next_back();
        let found = forms.iter().find(|(form, _)| {
            let fits = !is_inner(before) && has_form(rest, form);
            fits && !is_inner(rest[form.len()..].chars().next())
        });
        let length = if let Some((form, word)) = found {
            masked.push_str(word);
            form.len()
        } else {
            masked.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    masked
}

/// Whether a text begins with this form.
pub(crate) fn has_form(text: &str, form: &str) -> bool {
    let fits = |(it, form): (u8, u8)| match form {
        b'#' => it.is_ascii_digit(),
        b'a' => it.is_ascii_digit() || it.is_ascii_lowercase(),
        b'A' => it.is_ascii_digit() || it.is_ascii_uppercase(),
        sign => it == sign,
    };
    text.len() >= form.len() && text.bytes().zip(form.bytes()).all(fits)
}
