//! How variables reach the settings: an empty one counts as not set, and a secret may come from a file.

use std::{
    error::Error,
    ffi::OsString,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::{
    Arg, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// Why a variable cannot be used. Says which, never what it holds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvironmentError {
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    #[error("{0} and {0}_FILE are both set: remove one of them")]
    SetTwice(String),
    #[error("{variable}_FILE names {path}, which cannot be read: {source}")]
    Unreadable { variable: String, path: PathBuf, source: io::Error },
    #[error("{variable}_FILE names {path}, which is empty")]
    EmptyFile { variable: String, path: PathBuf },
    #[error("{variable}_FILE names {path}, which others can change: chmod o-w {path}")]
    Changeable { variable: String, path: PathBuf },
}

/// Prepares a command for the variables there are.
///
/// A variable that is hidden from the help can hold a secret; for each of those, `NAME_FILE` may name a file that holds it
/// instead.
pub(crate) struct EnvironmentReader<V> {
    variables: V,
    fault: Option<EnvironmentError>,
}

impl<V: Fn(&str) -> Option<OsString>> EnvironmentReader<V> {
    /// Reads variables by this function.
    pub(crate) fn new(variables: V) -> Self {
        Self { variables, fault: None }
    }

    /// The command, told which variables count and what the named files hold. Only the subcommand that `words` call is
    /// looked at: others' variables are none of its business.
    pub(crate) fn prepare(
        mut self,
        command: Command,
        words: &[OsString],
    ) -> Result<Command, EnvironmentError> {
        let command = self.prepare_called(command, words);
        self.fault.map_or(Ok(command), Err)
    }

    fn prepare_called(&mut self, command: Command, words: &[OsString]) -> Command {
        let called = words.split_first().and_then(|(word, rest)| {
            command.find_subcommand(word).map(|called| (called.get_name().to_owned(), rest))
        });
        match called {
            Some((name, rest)) => command.mut_subcommand(name, |called| self.prepare_called(called, rest)),
            None => command.mut_args(|argument| self.prepare_argument(argument)),
        }
    }

    fn prepare_argument(&mut self, argument: Arg) -> Arg {
        let Some(variable) = argument.get_env().and_then(|name| name.to_str()).map(str::to_owned) else {
            return argument;
        };
        let set = self.text_of(&variable);
        // clap has read the variable already and would take an empty text for its value.
        let argument = if set.is_none() { argument.env(None::<&'static str>) } else { argument };
        if !argument.is_hide_env_values_set() {
            return argument;
        }
        let Some(path) = self.text_of(&format!("{variable}_FILE")).map(PathBuf::from) else {
            return argument;
        };
        if set.is_some() {
            return self.refuse(argument, EnvironmentError::SetTwice(variable));
        }
        match read_secret_file(&variable, &path) {
            Ok(secret) => argument.default_value(secret).hide_default_value(true),
            Err(error) => self.refuse(argument, error),
        }
    }

    fn refuse(&mut self, argument: Arg, error: EnvironmentError) -> Arg {
        self.fault.get_or_insert(error);
        argument
    }

    /// What a variable holds; `None` if that is nothing.
    fn text_of(&mut self, variable: &str) -> Option<String> {
        let value = (self.variables)(variable).filter(|value| !value.is_empty())?;
        let text = value.into_string();
        if text.is_err() {
            self.fault.get_or_insert_with(|| EnvironmentError::NotText(variable.to_owned()));
        }
        text.ok()
    }
}

/// The file's text without the line break that editors put at its end.
///
/// Others may be able to read it, as they can where containers mount secrets, but not to change it.
fn read_secret_file(variable: &str, path: &Path) -> Result<String, EnvironmentError> {
    let unreadable = |source| EnvironmentError::Unreadable {
        variable: variable.to_owned(),
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode();
    if mode & 0o002 != 0 {
        return Err(EnvironmentError::Changeable { variable: variable.to_owned(), path: path.to_owned() });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(EnvironmentError::EmptyFile { variable: variable.to_owned(), path: path.to_owned() });
    }
    Ok(secret.to_owned())
}

/// One line about a value that a flag or variable cannot have: which, and why, without the value. `None` for other errors.
pub(crate) fn explain_refused_value(command: &Command, error: &clap::Error) -> Option<String> {
    let (ErrorKind::ValueValidation, Some(ContextValue::String(argument)), Some(reason)) =
        (error.kind(), error.get(ContextKind::InvalidArg), error.source())
    else {
        return None;
    };
    let flag = argument.split([' ', '=', '[']).next()?;
    let variable = find_variable(command, flag.strip_prefix("--")?);
    Some(variable.map_or_else(|| format!("{flag}: {reason}"), |name| format!("{name} ({flag}): {reason}")))
}

fn find_variable(command: &Command, flag: &str) -> Option<String> {
    let own = command.get_arguments().filter(|argument| argument.get_long() == Some(flag));
    let own = own.filter_map(|argument| argument.get_env()?.to_str()).map(str::to_owned).next();
    own.or_else(|| command.get_subcommands().find_map(|command| find_variable(command, flag)))
}

#[cfg(test)]
mod tests;
