//! What is wrong with a command line, as [`clap`] finds it.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::causes::words_of;
use super::text;

/// The cause, and what may have been meant, without the end of a sentence.
pub(in crate::cli) fn misused(error: &clap::Error) -> String {
    let cause = cause(error).unwrap_or_else(|| first_paragraph(error));
    format!("{cause}{}", suggestion(error))
}

/// The cause, where it is one that can be mistyped; nothing where clap's own words have to do.
fn cause(error: &clap::Error) -> Option<String> {
    let one = |kind| error.get(kind).map(shown);
    let argument = || one(ContextKind::InvalidArg);
    let value = || one(ContextKind::InvalidValue);
    Some(match error.kind() {
        ErrorKind::ArgumentConflict => conflict(&argument()?, &one(ContextKind::PriorArg)?),
        ErrorKind::InvalidSubcommand => {
            text!("usage-command", command = one(ContextKind::InvalidSubcommand)?)
        }
        ErrorKind::InvalidUtf8 => text!("usage-not-text"),
        ErrorKind::InvalidValue => {
            let (argument, value) = (argument()?, value()?);
            let cause = if value.is_empty() {
                text!("usage-no-value", argument)
            } else {
                text!("usage-value", argument, value)
            };
            format!("{cause}{}", possible(error))
        }
        ErrorKind::MissingRequiredArgument => text!("usage-missing", arguments = argument()?),
        ErrorKind::TooManyValues => {
            text!("usage-too-many-values", argument = argument()?, value = value()?)
        }
        ErrorKind::UnknownArgument => text!("usage-argument", argument = argument()?),
        ErrorKind::ValueValidation => {
            let cause = words_of(std::error::Error::source(error)?);
            text!("usage-value-because", argument = argument()?, value = value()?, cause)
        }
        _ => return None,
    })
}

fn conflict(argument: &str, prior: &str) -> String {
    if argument == prior {
        return text!("usage-twice", argument);
    }
    text!("usage-conflict", argument, prior)
}

/// The values that there are, after a space; nothing where they are not known.
fn possible(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            format!(" {}", text!("help-possible-values", value = values.join(", ")))
        }
        _ => String::new(),
    }
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(all) => all.join(" "),
        other => other.to_string(),
    }
}

/// In clap's words. What comes after the first paragraph repeats the usage.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// What a mistyped word may have been, as the end of a sentence.
fn suggestion(error: &clap::Error) -> String {
    let kinds =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let words = kinds.iter().find_map(|&kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(format!("'{word}'")),
        Some(ContextValue::Strings(words)) if !words.is_empty() => {
            let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
            Some(words.join(&format!(" {} ", text!("or"))))
        }
        _ => None,
    });
    words.map(|words| text!("usage-suggestion", words)).unwrap_or_default()
}
