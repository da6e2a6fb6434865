//! The languages in which people are spoken to: English and Brazilian Portuguese.
//!
//! Owns which of them a process speaks, and the texts of each: `en.ftl` and `pt-BR.ftl`, in the syntax of
//! [Project Fluent](https://projectfluent.org). What programs read (`--json`, exit codes) and the logs are in
//! no language, and never come from here.
//!
//! A text is named by its key and is a whole sentence wherever the grammar of another language could part its
//! words in another way: [`text!`] fills in the variables.

mod causes;
mod help;
#[cfg(test)]
mod tests;
mod usage;

use std::fmt::Display;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

pub(super) use causes::Cause;
pub(super) use help::with_help;
pub(super) use usage::misused;

/// A language in which there are texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Portuguese,
}

/// Where the environment names a language; the first that says something is followed.
const VARIABLES: [&str; 4] = ["ROLLCALL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];

impl Language {
    /// What it is called in standards (BCP 47).
    fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt-BR",
        }
    }

    /// Its texts.
    fn resource(self) -> &'static str {
        match self {
            Self::English => include_str!("en.ftl"),
            Self::Portuguese => include_str!("pt-BR.ftl"),
        }
    }

    /// The language of an environment with these variables.
    fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut named = VARIABLES.iter().filter_map(|name| variable(name));
        let locale = named.find(|it| !it.is_empty());
        locale.map_or(Self::English, |it| Self::of_locale(&it))
    }

    /// The language of a locale: `pt`, `pt-BR`, `pt_BR.UTF-8`. English stands for those that are not spoken.
    fn of_locale(locale: &str) -> Self {
        let language = locale.split(['-', '_', '.', '@']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("pt") { Self::Portuguese } else { Self::English }
    }
}

/// What is filled into a text, by the names of its variables.
type Filled<'a> = [(&'static str, FluentValue<'a>)];

/// The texts of a language. One that is missing is there in English.
pub(super) struct Texts {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    fn of(language: Language) -> Self {
        let tag = language.tag().parse().expect("a tag of a language");
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // The marks around what is filled in would be seen on terminals, and be part of what is copied there.
        bundle.set_use_isolating(false);
        for language in [Language::English, language] {
            bundle.add_resource_overriding(parsed(language.resource()));
        }
        Self { language, bundle }
    }

    /// The text of this key; nothing if there is none.
    fn find(&self, key: &str, filled: &Filled<'_>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let variables: FluentArgs<'_> = filled.iter().cloned().collect();
        // What cannot be filled in stands there by its name.
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&variables), &mut errors);
        Some(text.into_owned())
    }
}

/// What a resource says; what is wrong in it is left out, and found by a test.
fn parsed(resource: &str) -> FluentResource {
    FluentResource::try_new(resource.to_owned()).unwrap_or_else(|(parsed, _)| parsed)
}

static SPOKEN: OnceLock<Texts> = OnceLock::new();

/// The texts that this process speaks: English, until it is told to listen to its environment.
fn spoken() -> &'static Texts {
    #[cfg(test)]
    if let Some(texts) = SPOKEN_HERE.get() {
        return texts;
    }
    SPOKEN.get_or_init(|| Texts::of(Language::English))
}

#[cfg(test)]
thread_local! {
    /// The texts that a test speaks in place of those of the process.
    static SPOKEN_HERE: std::cell::Cell<Option<&'static Texts>> = const { std::cell::Cell::new(None) };
}

/// Does something in a language, which only this thread speaks.
#[cfg(test)]
pub(super) fn speaking<T>(language: Language, work: impl FnOnce() -> T) -> T {
    let before = SPOKEN_HERE.replace(Some(Box::leak(Box::new(Texts::of(language)))));
    let done = work();
    SPOKEN_HERE.set(before);
    done
}

/// From now on this process speaks the language of its environment, unless it has spoken already.
pub(super) fn speak_as_environment() {
    let language = Language::of_environment(|name| std::env::var(name).ok());
    SPOKEN.get_or_init(|| Texts::of(language));
}

/// The language that this process speaks.
pub(super) fn language() -> Language {
    spoken().language
}

/// The text of a key, which is written by [`text!`].
pub(super) fn translated(key: &str, filled: &Filled<'_>) -> String {
    spoken().find(key, filled).unwrap_or_else(|| key.to_owned())
}

/// A number with the decimal mark of the language, whatever stands around it: `4.88 KiB`, `4,88 KiB`.
pub(super) fn decimal(number: impl Display) -> String {
    number.to_string().replace('.', &text!("decimal-mark"))
}

/// What is filled into a text.
pub(super) trait Variable {
    fn value(&self) -> FluentValue<'static>;
}

/// As it is shown.
impl<T: Display> Variable for T {
    fn value(&self) -> FluentValue<'static> {
        self.to_string().into()
    }
}

/// How many there are, which decides about singular and plural.
pub(super) struct Count<T>(pub(super) T);

impl Variable for Count<u32> {
    fn value(&self) -> FluentValue<'static> {
        self.0.into()
    }
}

impl Variable for Count<usize> {
    fn value(&self) -> FluentValue<'static> {
        self.0.into()
    }
}

/// The text of a key in the language of this process: `text!("opened", class, at = opened_at.to_local())`. A
/// variable without a value is the one in scope of that name.
macro_rules! text {
    (@ $name:ident) => {
        $crate::cli::language::Variable::value(&$name)
    };
    (@ $name:ident = $value:expr) => {
        $crate::cli::language::Variable::value(&$value)
    };
    ($key:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        $crate::cli::language::translated(
            $key,
            &[$((stringify!($name), $crate::cli::language::text!(@ $name $(= $value)?))),*],
        )
    };
}
pub(super) use text;
