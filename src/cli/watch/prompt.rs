//! What the teacher is being asked, and the text that is being typed.

use super::text::safe;

/// The longest extension: what a roll call can last.
pub(crate) const EXTEND_MAX_MINUTES: u32 = 24 * 60;
/// What is offered, as most often a few minutes are what is missing.
const EXTEND_DEFAULT: &str = "5";
/// A name has at most this many characters; more was pasted by mistake.
pub(crate) const FIELD_MAX_CHARACTERS: usize = 64;

/// A question at the bottom of the screen.
#[derive(Clone, Debug)]
pub(crate) enum Prompt {
    /// By how many minutes to extend.
    Extend(Field),
    /// Whom to mark.
    Find(Find),
    /// Whether to mark a number that is not on the roster. What was typed is kept, to go back to.
    WalkIn { number: String, nearest: Option<(String, String)>, find: Find },
    /// Whether to close.
    Close,
}

impl Prompt {
    pub(crate) fn extend() -> Self {
        Self::Extend(Field { text: EXTEND_DEFAULT.into(), offered: true })
    }

    pub(crate) fn find() -> Self {
        Self::Find(Find::default())
    }

    pub(crate) fn field_mut(&mut self) -> Option<&mut Field> {
        match self {
            Self::Extend(field) | Self::Find(Find { field, .. }) => Some(field),
            Self::WalkIn { .. } | Self::Close => None,
        }
    }
}

/// A line of text that is being typed at its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    text: String,
    /// Whether the text is an offer, which the first key replaces.
    offered: bool,
}

impl Field {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_offered(&self) -> bool {
        self.offered
    }

    /// Adds what was typed or pasted. Line ends and tabs become spaces: a paste presses no keys.
    pub(crate) fn add(&mut self, text: &str) {
        if std::mem::take(&mut self.offered) {
            self.text.clear();
        }
        let free = FIELD_MAX_CHARACTERS.saturating_sub(self.text.chars().count());
        let spaced = text.chars().map(|it| if it.is_control() { ' ' } else { it });
        self.text.extend(spaced.take(free));
    }

    pub(crate) fn rub_out(&mut self) {
        if std::mem::take(&mut self.offered) {
            self.text.clear();
        }
        self.text.pop();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn minutes(&self) -> Option<u32> {
        let minutes = self.text.trim().parse().ok()?;
        (1..=EXTEND_MAX_MINUTES).contains(&minutes).then_some(minutes)
    }
}

/// The search for a student.
#[derive(Clone, Debug, Default)]
pub(crate) struct Find {
    pub(crate) field: Field,
    /// Number and name of those who match, the best first.
    pub(crate) matches: Vec<(String, String)>,
    selected: usize,
}

/// What is selected in a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// A student of the roster.
    Listed { number: &'a str, name: &'a str },
    /// What was typed, as a number that is not on the roster.
    WalkIn { number: &'a str },
}

impl Find {
    /// Takes over what matches the text that was typed. The best is selected.
    pub(crate) fn set_matches(&mut self, matches: Vec<(String, String)>) {
        self.matches = matches;
        let typed = self.field.text().trim();
        self.selected = self.matches.iter().position(|(number, _)| number == typed).unwrap_or(0);
    }

    /// What can be chosen: those who match, and what was typed if it is the number of none of them.
    pub(crate) fn choices(&self) -> impl Iterator<Item = Choice<'_>> {
        self.matches
            .iter()
            .map(|(number, name)| Choice::Listed { number, name })
            .chain(self.walk_in().map(|number| Choice::WalkIn { number }))
    }

    fn walk_in(&self) -> Option<&str> {
        let typed = self.field.text().trim();
        let known = self.matches.iter().any(|(number, _)| number == typed);
        (!known && looks_like_number(typed)).then_some(typed)
    }

    pub(crate) fn selected(&self) -> usize {
        self.selected
    }

    pub(crate) fn choice(&self) -> Option<Choice<'_>> {
        self.choices().nth(self.selected)
    }

    pub(crate) fn select_next(&mut self) {
        self.selected = (self.selected + 1).min(self.choices().count().saturating_sub(1));
    }

    pub(crate) fn select_previous(&mut self) {
        self.selected = self.selected.saturating_sub(1);
    }

    /// What was typed, for a message.
    pub(crate) fn typed(&self) -> String {
        safe(self.field.text().trim()).into_owned()
    }
}

/// Whether a text can be meant as a student number: what is visible in ASCII, with a digit. A name is none.
fn looks_like_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic()) && text.bytes().any(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(typed: &str, matches: &[(&str, &str)]) -> Find {
        let mut find = Find::default();
        find.field.add(typed);
        find.set_matches(matches.iter().map(|&(a, b)| (a.into(), b.into())).collect());
        find
    }

    #[test]
    fn an_offer_is_replaced_by_what_is_typed() {
        let Prompt::Extend(mut field) = Prompt::extend() else { unreachable!() };
        assert_eq!(field.minutes(), Some(5));
        field.add("1");
        field.add("0");
        assert_eq!(field.minutes(), Some(10));
        field.rub_out();
        assert_eq!(field.text(), "1");
    }

    #[test]
    fn minutes_are_a_number_within_a_day() {
        for (text, minutes) in
            [("1", Some(1)), ("1440", Some(1_440)), ("1441", None), ("0", None), ("-5", None)]
        {
            let mut field = Field::default();
            field.add(text);
            assert_eq!(field.minutes(), minutes, "{text}");
        }
    }

    #[test]
    fn a_field_takes_one_bounded_line() {
        let mut field = Field::default();
        field.add("Ana\nSilva\r");
        assert_eq!(field.text(), "Ana Silva ");
        field.add(&"é".repeat(1_000));
        assert_eq!(field.text().chars().count(), FIELD_MAX_CHARACTERS);
    }

    #[test]
    fn an_exact_number_is_selected_and_is_no_walk_in() {
        let find = find("04", &[("042", "Ana"), ("04", "Bia")]);
        assert_eq!(find.choice(), Some(Choice::Listed { number: "04", name: "Bia" }));
        assert_eq!(find.choices().count(), 2);
    }

    #[test]
    fn a_number_that_only_begins_another_can_be_a_walk_in() {
        let mut find = find("04", &[("042", "Ana")]);
        find.select_next();
        find.select_next();
        assert_eq!(find.choice(), Some(Choice::WalkIn { number: "04" }));
    }

    #[test]
    fn a_name_is_no_number() {
        assert_eq!(find("Zoe", &[]).choice(), None);
        assert_eq!(find("", &[]).choice(), None);
    }
}
