//! `--help` in the language of its reader.
//!
//! The doc comments of the flags are its source in English, where whoever writes a flag looks; the resources
//! have the same texts under keys that follow from the names of commands and arguments, and a test holds them
//! to the comments. What clap itself says around them is replaced too.

use clap::builder::StyledStr;
use clap::{Arg, Command};

use super::{Filled, spoken};

/// The command with its help in the language of this process. A program whose help is in no resource, as those of
/// operators, keeps its own.
pub(in crate::cli) fn with_help(command: Command) -> Command {
    translated(command, &|key, filled| spoken().find(key, filled))
}

/// The command with the texts that are found under its keys.
pub(super) fn translated(mut command: Command, find: Find<'_>) -> Command {
    let key = format!("help-{}", command.get_name().trim_start_matches("rollcall-"));
    if find(&key, &[]).is_none() {
        return command;
    }
    // From here on there is also what every command has and what it inherits.
    command.build();
    Walk { find }.command(command, &key)
}

/// Finds the text of a key.
pub(super) type Find<'a> = &'a dyn Fn(&str, &Filled<'_>) -> Option<String>;

/// Replaces what is shown of a command and of all below it.
struct Walk<'a> {
    find: Find<'a>,
}

impl Walk<'_> {
    fn find(&self, key: &str) -> Option<String> {
        (self.find)(key, &[])
    }

    /// A text that every resource has.
    fn text(&self, key: &str) -> String {
        self.find(key).unwrap_or_else(|| key.to_owned())
    }

    fn command(&self, command: Command, key: &str) -> Command {
        let command = self.described(command, key);
        let command = command.mut_args(|it| self.argument(it, key));
        let command = self.with_usage(command);
        command.mut_subcommands(|it| match it.get_name() {
            // It has the commands of the one above it below it.
            "help" => self.command(it.about(self.text("help-help")), key),
            name => {
                let key = format!("{key}-{name}");
                self.command(it, &key)
            }
        })
    }

    fn described(&self, mut command: Command, key: &str) -> Command {
        if command.get_name() == "help" {
            // Its key is that of the command above it, which has more to say.
            return command;
        }
        if let Some(about) = self.find(key) {
            command = command.about(about);
        }
        if let Some(about) = self.find(&format!("{key}_long")) {
            command = command.long_about(about);
        }
        if let Some(examples) = self.find(&format!("{key}_after")) {
            command = command.after_help(examples);
        }
        command
    }

    /// The line that shows how the command is written, and the headings below it.
    fn with_usage(&self, command: Command) -> Command {
        let mut command = command
            .subcommand_help_heading(self.text("help-commands"))
            .subcommand_value_name(self.text("help-command"));
        let style = *command.get_styles().get_usage();
        let rendered = command.render_usage().ansi().to_string();
        let usage = rendered.strip_prefix(&format!("{style}Usage:{style:#} ")).unwrap_or(&rendered);
        let usage = usage.replace("[OPTIONS]", &format!("[{}]", self.text("help-any-options")));
        let heading = self.text("help-usage");
        let template = format!(
            "{{before-help}}{{about-with-newline}}\n{style}{heading}:{style:#} {{usage}}\n\n\
             {{all-args}}{{after-help}}"
        );
        command.override_usage(StyledStr::from(usage)).help_template(StyledStr::from(template))
    }

    fn argument(&self, arg: Arg, key: &str) -> Arg {
        let arg = match arg.get_index() {
            // Below a heading of its own clap would sort them by name.
            Some(index) => arg.help_heading(self.text("help-arguments")).display_order(index),
            None => arg.help_heading(self.text("help-options")),
        };
        let arg = self.with_value_names(arg);
        if arg.get_id() == "help" {
            return self.help_flag(arg);
        }
        let name = match arg.get_long() {
            Some(long) => long.to_owned(),
            None => arg.get_id().as_str().replace('_', "-"),
        };
        let own = self.find(&format!("{key}--{name}"));
        let Some(text) = own.or_else(|| self.find(&format!("help--{name}"))) else { return arg };
        self.with_values(arg, text)
    }

    /// The flag says so where it shows more, or less, than the other form of it.
    fn help_flag(&self, arg: Arg) -> Arg {
        if arg.get_long_help().is_none() {
            return arg.help(self.text("help--help"));
        }
        arg.help(self.text("help--help_more")).long_help(self.text("help--help_summary"))
    }

    fn with_value_names(&self, arg: Arg) -> Arg {
        let Some(names) = arg.get_value_names() else { return arg };
        let name = |name: &str| {
            let key = name.to_lowercase().replace(|it: char| !it.is_ascii_alphanumeric(), "-");
            self.find(&format!("value-{key}")).unwrap_or_else(|| name.to_owned())
        };
        let names: Vec<_> = names.iter().map(|it| name(it)).collect();
        arg.value_names(names)
    }

    /// The text, and after it which values there are and which one there is without the argument.
    fn with_values(&self, arg: Arg, text: String) -> Arg {
        let values = self.values(&arg);
        let arg = arg.hide_env(true).hide_default_value(true).hide_possible_values(true);
        if values.is_empty() {
            return arg.help(text);
        }
        let long = format!("{text}\n\n{}", values.join("\n"));
        arg.help(format!("{text} {}", values.join(" "))).long_help(long)
    }

    fn values(&self, arg: &Arg) -> Vec<String> {
        let mut values = Vec::new();
        let mut add = |key, value: String| {
            values.extend((self.find)(key, &[("value", value.into())]));
        };
        if let Some(variable) = arg.get_env() {
            let value = std::env::var_os(variable).unwrap_or_default();
            add("help-env", format!("{}={}", variable.display(), value.display()));
        }
        if arg.get_num_args().is_some_and(|it| it.takes_values()) {
            let joined =
                |values: Vec<String>, by: &str| Some(values.join(by)).filter(|it| !it.is_empty());
            let defaults = arg.get_default_values().iter().map(|it| it.display().to_string());
            if let Some(defaults) = joined(defaults.collect(), " ") {
                add("help-default", defaults);
            }
            let possible = arg.get_possible_values();
            let possible = possible.iter().map(|it| it.get_name().to_owned());
            if let Some(possible) = joined(possible.collect(), ", ") {
                add("help-possible-values", possible);
            }
        }
        values
    }
}
