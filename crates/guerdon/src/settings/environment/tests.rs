use std::{collections::HashMap, io::Write, os::unix::ffi::OsStringExt};

use clap::{CommandFactory, FromArgMatches};

use super::*;
use crate::{ChosenCommand, CommandLine, settings::Settings};

/// The settings of `guerdon serve` with these variables. clap itself reads the test's own environment, which has none.
fn settings_from(variables: &[(&str, &str)]) -> Result<Settings, String> {
    let variables: HashMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
    read_settings(&["serve"], |name| variables.get(name).cloned())
}

fn read_settings(words: &[&str], variables: impl Fn(&str) -> Option<OsString>) -> Result<Settings, String> {
    let words: Vec<_> = words.iter().map(OsString::from).collect();
    let command = EnvironmentReader::new(variables).prepare(CommandLine::command(), &words);
    let command = command.map_err(|error| error.to_string())?;
    let matches = command.try_get_matches_from(std::iter::once("guerdon".into()).chain(words));
    let cli = CommandLine::from_arg_matches(&matches.map_err(|error| error.to_string())?);
    match cli.map_err(|error| error.to_string())?.command {
        ChosenCommand::Serve(serve) => Ok(serve.settings),
        _ => Err("another command".to_owned()),
    }
}

fn secret_file(text: &str, mode: u32) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
    file
}

#[test]
fn a_secret_comes_from_the_file_that_its_variable_names() {
    for (text, mode) in [("of the file\n", 0o600), ("of the file\r\n", 0o444), ("of the file", 0o644)] {
        let file = secret_file(text, mode);
        let path = file.path().to_str().unwrap();
        let settings =
            settings_from(&[("JWT_SECRET_FILE", path), ("USER_DB_URL_FILE", path), ("JWT_SECRET", "")])
                .unwrap();
        assert_eq!(settings.secrets.jwt_secret.unwrap().expose(), "of the file");
        assert_eq!(settings.stores.user_db_url.unwrap().expose(), "of the file");
        assert_eq!(settings.stores.event_db_url, None);
    }
}

#[test]
fn every_variable_that_can_hold_a_secret_has_a_file_variable_and_no_other() {
    let file = secret_file("of the file", 0o600);
    let path = file.path().to_str().unwrap();
    for variable in
        ["JWT_SECRET", "JWT_SECRET_PREVIOUS", "USER_DB_URL", "EVENT_DB_URL", "TOKEN_DB_URL", "MONGODB_URI"]
    {
        let file_variable = format!("{variable}_FILE");
        let error = settings_from(&[(&file_variable, path), (variable, "hunter2")]).unwrap_err();
        assert!(error.starts_with(&format!("{variable} and {variable}_FILE")), "{error}");
        assert!(!error.contains("hunter2"));
    }
    assert_eq!(settings_from(&[("HTTP_PORT_FILE", path)]).unwrap().http_port, 3333);
}

#[test]
fn a_secret_file_that_is_missing_empty_or_changeable_by_others_is_refused_by_name() {
    let (empty, changeable) = (secret_file("\n", 0o600), secret_file("of the file", 0o666));
    for (path, reason) in [
        (Path::new("/no/such/file"), "cannot be read"),
        (empty.path(), "is empty"),
        (changeable.path(), "chmod o-w"),
    ] {
        let error = settings_from(&[("TOKEN_DB_URL_FILE", path.to_str().unwrap())]).unwrap_err();
        assert!(error.contains("TOKEN_DB_URL_FILE") && error.contains(reason), "{error}");
        assert!(!error.contains("of the file"), "{error}");
    }
}

#[test]
fn what_is_no_text_is_refused_by_name() {
    let broken = |name: &str| (name == "LOG_LEVEL").then(|| OsString::from_vec(vec![0xff]));
    assert_eq!(read_settings(&["serve"], broken).unwrap_err(), "LOG_LEVEL is not UTF-8 text");
}

#[test]
fn a_command_is_not_disturbed_by_the_variables_of_another() {
    let broken = |name: &str| (name == "JWT_SECRET_FILE").then(|| OsString::from("/no/such/file"));
    assert_eq!(read_settings(&["healthcheck"], broken).unwrap_err(), "another command");
}

#[test]
fn a_secret_from_a_file_does_not_show_in_the_help() {
    let file = secret_file("hunter2", 0o600);
    let path = file.path().to_owned();
    let variables = |name: &str| (name == "JWT_SECRET_FILE").then(|| path.clone().into_os_string());
    let help = read_settings(&["serve", "--help"], variables).unwrap_err();
    assert!(help.contains("JWT_SECRET") && !help.contains("hunter2"), "{help}");
}

#[test]
fn a_value_that_cannot_be_is_explained_by_variable_and_reason_without_the_value() {
    let mut command = CommandLine::command();
    let refused = command.try_get_matches_from_mut(["guerdon", "serve", "--redis-host", "me:hunter2@db:1"]);
    let line = explain_refused_value(&command, &refused.unwrap_err()).unwrap();
    assert!(line.starts_with("REDIS_HOST (--redis-host): must be a host name"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
}
