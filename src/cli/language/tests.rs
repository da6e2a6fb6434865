//! Nothing is said in one language only: the resources are held to each other and to the sources that use them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::{Command, CommandFactory as _};
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser::parse;

use super::help::translated;
use super::*;
use crate::cli::{student, teacher};

const LANGUAGES: [Language; 2] = [Language::English, Language::Portuguese];

// Which language it is.

#[test]
fn the_language_is_that_of_the_first_variable_that_says_something() {
    let language = |set: &[(&str, &str)]| {
        let value = |name: &str| set.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        Language::of_environment(value)
    };
    assert_eq!(language(&[]), Language::English);
    assert_eq!(language(&[("LANG", "pt_BR.UTF-8")]), Language::Portuguese);
    assert_eq!(language(&[("LANG", "pt_BR.UTF-8"), ("LC_ALL", "C")]), Language::English);
    assert_eq!(language(&[("LC_MESSAGES", "pt_BR"), ("LANG", "C")]), Language::Portuguese);
    assert_eq!(language(&[("ROLLCALL_LANG", ""), ("LANG", "pt")]), Language::Portuguese);
    assert_eq!(language(&[("ROLLCALL_LANG", "en"), ("LC_ALL", "pt_BR")]), Language::English);
}

#[test]
fn a_locale_is_written_in_many_ways_and_english_stands_for_the_others() {
    for portuguese in ["pt", "pt-BR", "pt_BR", "pt_BR.UTF-8", "PT", "pt_PT@euro"] {
        assert_eq!(Language::of_locale(portuguese), Language::Portuguese, "{portuguese}");
    }
    for english in ["en", "en_GB.UTF-8", "C", "C.UTF-8", "POSIX", "de_DE", "ptolemaic", "?"] {
        assert_eq!(Language::of_locale(english), Language::English, "{english}");
    }
}

// The texts.

#[test]
fn a_text_is_filled_in_without_marks_and_counts_as_its_language_does() {
    let said = |language, key, count: u32| {
        Texts::of(language).find(key, &[("count", count.into())]).unwrap()
    };
    assert_eq!(said(Language::English, "students", 1), "1 student");
    assert_eq!(said(Language::English, "students", 1_000), "1000 students");
    assert_eq!(said(Language::Portuguese, "students", 1), "1 aluno");
    assert_eq!(said(Language::Portuguese, "students", 2), "2 alunos");
}

#[test]
fn a_text_that_is_missing_is_there_in_english_or_by_its_key() {
    let mut texts = Texts::of(Language::Portuguese);
    let only_in_english = FluentResource::try_new("only-there = Only there".into()).unwrap();
    texts.bundle.add_resource(only_in_english).unwrap();
    assert_eq!(texts.find("only-there", &[]).as_deref(), Some("Only there"));
    assert_eq!(texts.find("nowhere", &[]), None);
    assert_eq!(said("nowhere"), "nowhere");
}

fn said(key: &str) -> String {
    super::translated(key, &[])
}

/// The variables of each message of a resource.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let parsed = parse(language.resource()).unwrap_or_else(|(_, errors)| {
        panic!("{} is not understood: {errors:?}", language.tag());
    });
    let mut messages = BTreeMap::new();
    for entry in parsed.body {
        let Entry::Message(message) = entry else { continue };
        let key = message.id.name.to_owned();
        let mut variables = BTreeSet::new();
        of_pattern(&message.value.expect("a text"), &mut variables);
        let before = messages.insert(key, variables);
        assert_eq!(before, None, "{} twice in {}", message.id.name, language.tag());
    }
    messages
}

fn of_pattern(pattern: &Pattern<&str>, variables: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        match element {
            PatternElement::Placeable { expression: Expression::Inline(inline) } => {
                of_inline(inline, variables);
            }
            PatternElement::Placeable { expression: Expression::Select { selector, variants } } => {
                of_inline(selector, variables);
                for it in variants {
                    of_pattern(&it.value, variables);
                }
            }
            PatternElement::TextElement { .. } => {}
        }
    }
}

fn of_inline(inline: &InlineExpression<&str>, variables: &mut BTreeSet<String>) {
    if let InlineExpression::VariableReference { id } = inline {
        variables.insert(id.name.to_owned());
    }
}

#[test]
fn every_language_has_the_same_texts_with_the_same_variables() {
    let [english, portuguese] = LANGUAGES.map(messages);
    for (key, variables) in &english {
        assert_eq!(Some(variables), portuguese.get(key), "the variables of {key}");
    }
    let lonely: Vec<_> = portuguese.keys().filter(|key| !english.contains_key(*key)).collect();
    assert!(lonely.is_empty(), "only in Portuguese: {lonely:?}");
}

// The sources.

/// What a call of [`text!`] asks for: a key, with these variables.
type Call = (String, BTreeSet<String>);

/// Every call in the commands.
fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli"), &mut calls);
    calls
}

fn sources(folder: &Path, calls: &mut Vec<Call>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, calls);
        } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with(file!()) {
            let source = std::fs::read_to_string(&path).unwrap();
            let parts = source.split("text!(").skip(1);
            calls.extend(parts.filter_map(|part| call(part.trim_start())));
        }
    }
}

/// The call whose arguments a text begins with.
fn call(text: &str) -> Option<Call> {
    let (key, rest) = text.strip_prefix('"')?.split_once('"')?;
    let names = arguments(rest).into_iter().filter_map(|argument| {
        let name = argument.split('=').next().unwrap_or_default().trim();
        (!name.is_empty()).then(|| name.to_owned())
    });
    Some((key.to_owned(), names.collect()))
}

/// What stands between the commas up to the end of the call.
fn arguments(text: &str) -> Vec<String> {
    let (mut arguments, mut depth, mut in_text) = (vec![String::new()], 0_i32, false);
    for it in text.chars() {
        match it {
            '"' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            break;
        }
        if it == ',' && depth == 0 && !in_text {
            arguments.push(String::new());
        } else {
            arguments.last_mut().expect("there is one").push(it);
        }
    }
    arguments
}

/// The keys under which the help of the programs is looked for.
fn help_keys() -> BTreeSet<String> {
    let texts = Texts::of(Language::English);
    let asked = RefCell::new(BTreeSet::new());
    for program in programs() {
        translated(program, &|key, filled| {
            asked.borrow_mut().insert(key.to_owned());
            texts.find(key, filled)
        });
    }
    asked.into_inner()
}

#[test]
fn every_text_that_is_used_is_there_and_every_text_that_is_there_is_used() {
    let messages = messages(Language::English);
    let calls = calls();
    for (key, variables) in &calls {
        assert_eq!(Some(variables), messages.get(key), "the variables of text!({key:?}, ...)");
    }
    let mut used = help_keys();
    used.extend(calls.into_iter().map(|it| it.0));
    let unused: Vec<_> = messages.keys().filter(|key| !used.contains(*key)).collect();
    assert!(unused.is_empty(), "nobody says {unused:?}");
}

// Help.

fn programs() -> [Command; 2] {
    [teacher::Flags::command(), student::Flags::command()]
}

fn in_language(program: Command, language: Language) -> Command {
    let texts = Texts::of(language);
    translated(program, &|key, filled| texts.find(key, filled))
}

/// Every page of help of a program, under the words that show it.
fn pages(command: &mut Command, name: &str, all: &mut Vec<(String, String)>) {
    all.push((format!("{name} -h"), command.render_help().to_string()));
    all.push((format!("{name} --help"), command.render_long_help().to_string()));
    for it in command.get_subcommands_mut() {
        let name = format!("{name} {}", it.get_name());
        pages(it, &name, all);
    }
}

#[test]
fn the_english_help_is_what_the_comments_of_the_flags_say() {
    for mut program in programs() {
        let mut shown = in_language(program.clone(), Language::English);
        program.build();
        let (mut of_comments, mut of_texts) = (Vec::new(), Vec::new());
        pages(&mut program, "rollcall", &mut of_comments);
        pages(&mut shown, "rollcall", &mut of_texts);
        assert_eq!(of_comments.len(), of_texts.len());
        for ((name, of_comments), (_, of_texts)) in of_comments.iter().zip(&of_texts) {
            assert_eq!(of_comments, of_texts, "{name}");
        }
    }
}

/// What is said of a command, of its arguments and of all below it, by what it is said of.
fn descriptions(command: &Command, name: &str, all: &mut Vec<(String, String)>) {
    let mut add = |of: &str, text: Option<&clap::builder::StyledStr>| {
        all.extend(text.map(|text| (format!("{name}{of}"), text.to_string())));
    };
    add("", command.get_about());
    add(" (long)", command.get_long_about());
    add(" (after)", command.get_after_help());
    for argument in command.get_arguments() {
        add(&format!(" {}", argument.get_id()), argument.get_help());
        add(&format!(" {} (long)", argument.get_id()), argument.get_long_help());
    }
    for it in command.get_subcommands() {
        descriptions(it, &format!("{name} {}", it.get_name()), all);
    }
}

#[test]
fn no_command_and_no_argument_is_described_in_english_to_a_reader_of_portuguese() {
    for program in programs() {
        let [english, portuguese] = LANGUAGES.map(|language| {
            let mut all = Vec::new();
            descriptions(&in_language(program.clone(), language), program.get_name(), &mut all);
            all
        });
        assert_eq!(english.len(), portuguese.len());
        for ((of, english), (_, portuguese)) in english.iter().zip(&portuguese) {
            assert_ne!(english, portuguese, "{of}");
        }
    }
}

#[test]
fn what_clap_says_around_the_help_is_portuguese_too() {
    for program in programs() {
        let mut all = Vec::new();
        pages(&mut in_language(program, Language::Portuguese), "rollcall", &mut all);
        for (name, page) in all {
            for english in ["Usage", "Commands", "Arguments", "Options", "[default", "[possible"] {
                assert!(!page.contains(english), "{english} in {name}:\n{page}");
            }
            for english in ["[OPTIONS]", "[COMMAND]", "<CLASS>", "[CLASS]", "Print "] {
                assert!(!page.contains(english), "{english} in {name}:\n{page}");
            }
        }
    }
}
