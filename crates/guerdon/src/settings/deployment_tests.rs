//! Holds what is deployed and documented against what the program reads, both ways: a variable that nobody reads is a
//! setting that does nothing, and one that nobody can set might as well not be there.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use clap::{Command, CommandFactory};
use serde::Deserialize;
use serde_json::Value;

use super::EnvironmentReader;
use crate::CommandLine;

const COMPOSE: &str = include_str!("../../../../compose.yaml");
const EXAMPLE: &str = include_str!("../../../../.env.example");
const OPERATIONS: &str = include_str!("../../../../docs/OPERATIONS.md");
const DOCKERFILE: &str = include_str!("../../../../deploy/Dockerfile");
const TOOLCHAIN: &str = include_str!("../../../../rust-toolchain.toml");
const CONFIG_MAP: &str = include_str!("../../../../deploy/kubernetes/settings.yaml");
const MANIFESTS: [(&str, &str); 3] = [
    ("gateway", include_str!("../../../../deploy/kubernetes/gateway.yaml")),
    ("auth", include_str!("../../../../deploy/kubernetes/auth.yaml")),
    ("event", include_str!("../../../../deploy/kubernetes/event.yaml")),
];

/// What the other images of compose.yaml read, each by its own documentation.
const THIRD_PARTIES: [(&str, &[&str]); 7] = [
    ("mongo-user", &["MONGO_INITDB_ROOT_PASSWORD", "MONGO_INITDB_ROOT_USERNAME"]),
    ("mongo-event", &["MONGO_INITDB_ROOT_PASSWORD", "MONGO_INITDB_ROOT_USERNAME"]),
    ("redis", &["REDISCLI_AUTH"]),
    ("prometheus", &[]),
    ("cadvisor", &[]),
    (
        "grafana",
        &[
            "GF_ANALYTICS_REPORTING_ENABLED",
            "GF_SECURITY_ADMIN_PASSWORD",
            "GF_SECURITY_ADMIN_USER",
            "GF_USERS_ALLOW_SIGN_UP",
        ],
    ),
    // Not services: what Docker and its clients read, and the load tests.
    (
        "",
        &[
            "DOCKER_BUILDKIT",
            "COMPOSE_DOCKER_CLI_BUILD",
            "ADMIN_EMAIL",
            "ADMIN_PASSWORD",
            "BASE_URL",
            "SECONDS_OF_LOAD",
        ],
    ),
];

/// What compose.yaml itself is told and hands to no service of ours under this name.
const OF_COMPOSE: [&str; 7] = [
    "GRAFANA_PASSWORD",
    "GUERDON_BINARY",
    "MONGO_EVENT_PASSWORD",
    "MONGO_USER_PASSWORD",
    "PRIVATE_ADDRESS",
    "PUBLIC_ADDRESS",
    "REDIS_PASSWORD",
];

/// What `serve` reads and compose.yaml has no use for.
const NOT_IN_COMPOSE: [&str; 5] = [
    // For embedded stores. The image sets it.
    "GUERDON_DATA_DIR",
    // MONGODB_URI names both databases.
    "USER_DB_URL",
    "EVENT_DB_URL",
    // TOKEN_DB_URL names Redis with its password.
    "REDIS_HOST",
    "REDIS_PORT",
];

/// Words that docs/OPERATIONS.md writes as variables are written and that are none: codes of answers.
const NO_VARIABLES: [&str; 1] = ["SESSION_REVOKED"];

/// Variables of `scripts/up-local`, beside those of the program.
const OF_UP_LOCAL: [&str; 3] = ["GUERDON_LOCAL_DIR", "MONGO_EVENT_PORT", "MONGO_USER_PORT"];

#[derive(Deserialize)]
struct ComposeFile {
    services: BTreeMap<String, ComposeService>,
}

#[derive(Deserialize)]
struct ComposeService {
    build: Option<Value>,
    #[serde(default)]
    environment: BTreeMap<String, Value>,
}

impl ComposeFile {
    fn read() -> Self {
        serde_saphyr::from_str(COMPOSE).unwrap()
    }

    /// The services that run the program.
    fn ours(&self) -> impl Iterator<Item = (&String, &ComposeService)> {
        self.services.iter().filter(|(_, service)| service.build.is_some())
    }
}

/// What a command and its subcommands read, with the names of files that hold secrets.
fn variables_of(command: &Command) -> BTreeSet<String> {
    let mut variables = BTreeSet::new();
    for argument in command.get_arguments() {
        let Some(variable) = argument.get_env().and_then(|name| name.to_str()) else { continue };
        variables.insert(variable.to_owned());
        if argument.is_hide_env_values_set() {
            variables.insert(format!("{variable}_FILE"));
        }
    }
    variables.extend(command.get_subcommands().flat_map(variables_of));
    variables
}

fn variables_of_serve() -> BTreeSet<String> {
    variables_of(CommandLine::command().find_subcommand("serve").unwrap())
}

/// Every word that is written as variables with more than one part are: `HTTP_PORT`.
fn variable_words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_variable = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.contains('_')
            && !word.ends_with('_')
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    words.filter(is_variable).map(str::to_owned).collect()
}

fn set_of(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Each `${NAME…}` of a text, with what follows the name: `:-default` or `:?message`.
fn interpolations(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("${").skip(1).filter_map(|part| part.split_once('}'));
    parts.map(|(inner, _)| inner.split_at(inner.find(':').unwrap_or(inner.len()))).collect()
}

/// A value as Compose hands it to the container when .env holds nothing but the secrets.
fn interpolated(value: &Value) -> String {
    let mut text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    while let Some((before, rest)) = text.split_once("${") {
        let (inner, after) = rest.split_once('}').unwrap();
        let value = match inner.split_once(":-") {
            Some((_, default)) => default.to_owned(),
            None => "0123456789abcdef".repeat(4),
        };
        text = format!("{before}{value}{after}");
    }
    text
}

/// The lines of .env.example that set something or would if they were no comments.
fn example_lines() -> impl Iterator<Item = (bool, &'static str, &'static str)> {
    EXAMPLE.lines().filter_map(|line| {
        let (name, value) = line.trim_start_matches('#').split_once('=')?;
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        is_name.then_some((line.starts_with('#'), name, value))
    })
}

/// Reads variables as the program does at its start.
fn accept(words: &[&str], variables: &BTreeMap<String, String>) -> Result<(), String> {
    let words: Vec<_> = words.iter().map(OsString::from).collect();
    let read = |name: &str| variables.get(name).map(OsString::from);
    let mut command = EnvironmentReader::new(read)
        .prepare(CommandLine::command(), &words)
        .map_err(|error| error.to_string())?;
    // clap reads the process's own variables, of which a test must not set any: they go in as flags.
    let serve = command.find_subcommand("serve").unwrap();
    let flags = serve.get_arguments().filter_map(|argument| {
        let value = variables.get(argument.get_env()?.to_str()?).filter(|value| !value.is_empty())?;
        Some(OsString::from(format!("--{}={value}", argument.get_long()?)))
    });
    let words: Vec<_> = std::iter::once("guerdon".into()).chain(words.iter().cloned()).chain(flags).collect();
    command.try_get_matches_from_mut(words).map(drop).map_err(|error| error.to_string())
}

#[test]
fn compose_sets_every_setting_of_the_program_and_none_that_it_has_not() {
    let compose = ComposeFile::read();
    let set: BTreeSet<_> =
        compose.ours().flat_map(|(_, service)| service.environment.keys().cloned()).collect();
    let mut read = variables_of_serve();
    read.retain(|name| !name.ends_with("_FILE") && !NOT_IN_COMPOSE.contains(&name.as_str()));
    assert_eq!(set, read);
    assert!(compose.ours().map(|(name, _)| name).eq(["auth", "event", "gateway"]));
}

#[test]
fn other_images_are_told_only_what_they_are_known_to_read() {
    for (name, service) in ComposeFile::read().services {
        if service.build.is_none() {
            let known = THIRD_PARTIES.iter().find(|(service, _)| *service == name).unwrap().1;
            assert_eq!(service.environment.keys().cloned().collect::<BTreeSet<_>>(), set_of(known), "{name}");
        }
    }
}

#[test]
fn the_program_accepts_what_compose_tells_it_with_nothing_but_secrets_set() {
    for (name, service) in ComposeFile::read().ours() {
        let variables =
            service.environment.iter().map(|(name, value)| (name.clone(), interpolated(value))).collect();
        accept(&["serve", name], &variables).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_example_names_what_compose_asks_for_and_nothing_else() {
    let asked: BTreeSet<_> = interpolations(COMPOSE).into_iter().map(|(name, _)| name.to_owned()).collect();
    // In a comment of the file, which is about such names.
    let asked = &asked - &set_of(&["NAME"]);
    let named: BTreeSet<_> = example_lines().map(|(_, name, _)| name.to_owned()).collect();
    assert_eq!(asked, named);
    assert_eq!(&named - &variables_of_serve(), set_of(&OF_COMPOSE));
}

#[test]
fn no_secret_has_a_default_and_compose_refuses_to_start_without_one() {
    let secrets: BTreeSet<_> = example_lines().filter(|(comment, ..)| !comment).collect();
    assert!(secrets.iter().all(|(_, _, value)| value.is_empty()), "{secrets:?}");
    let secrets: BTreeSet<_> = secrets.into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(secrets.len(), 5);
    for (name, rest) in interpolations(COMPOSE) {
        assert_eq!(secrets.contains(name), rest.starts_with(":?"), "{name}{rest}");
    }
}

#[test]
fn the_program_accepts_the_values_of_the_example() {
    let variables = example_lines().map(|(_, name, value)| (name.to_owned(), value.to_owned())).collect();
    accept(&["serve", "all"], &variables).unwrap();
    let wrong = [("TRUSTED_PROXIES".to_owned(), "some".to_owned())].into();
    assert!(accept(&["serve", "all"], &wrong).unwrap_err().contains("invalid value"));
}

#[test]
fn operators_find_every_variable_documented_and_no_other() {
    let known = variables_of(&CommandLine::command());
    // `_FILE` is explained once for all of them.
    let documented = variable_words(OPERATIONS);
    let missing: Vec<_> = known
        .iter()
        .filter(|name| !name.ends_with("_FILE") && !OPERATIONS.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "not in docs/OPERATIONS.md: {missing:?}");
    let others: BTreeSet<_> = THIRD_PARTIES.iter().flat_map(|(_, names)| set_of(names)).collect();
    let others = &(&others | &set_of(&OF_COMPOSE)) | &(&set_of(&NO_VARIABLES) | &set_of(&OF_UP_LOCAL));
    let unknown: Vec<_> =
        documented.iter().filter(|name| !known.contains(*name) && !others.contains(*name)).collect();
    assert!(unknown.is_empty(), "in docs/OPERATIONS.md, but nothing reads it: {unknown:?}");
    assert!(known.len() > 40 && documented.len() > 30);
}

#[test]
fn the_image_sets_only_what_the_program_reads_and_compiles_with_our_toolchain() {
    let environment = DOCKERFILE.lines().rev().find_map(|line| line.strip_prefix("ENV ")).unwrap();
    let known = variables_of_serve();
    for assignment in environment.split_whitespace() {
        assert!(known.contains(assignment.split_once('=').unwrap().0), "{assignment}");
    }
    let toolchain =
        TOOLCHAIN.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    assert!(DOCKERFILE.contains(&format!("ARG RUST=rust:{toolchain}-slim-bookworm\n")), "{toolchain}");
}

/// The pod of a manifest's deployment.
fn pod_of(manifest: &str) -> Value {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap();
    let deployment = documents.into_iter().find(|document| document["kind"] == "Deployment").unwrap();
    deployment["spec"]["template"]["spec"].clone()
}

/// What a container of the pod is told: by its own list and by the shared settings.
fn told_variables(container: &Value) -> BTreeMap<String, String> {
    assert_eq!(container["envFrom"][0]["configMapRef"]["name"], "settings");
    let shared: Value = serde_saphyr::from_str(CONFIG_MAP).unwrap();
    let shared = shared["data"].as_object().unwrap().clone().into_iter();
    let own = container["env"].as_array().unwrap().iter();
    let own = own.map(|variable| (variable["name"].as_str().unwrap().to_owned(), variable["value"].clone()));
    // The cluster takes text alone.
    shared.chain(own).map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn the_program_accepts_what_the_kubernetes_manifests_tell_it() {
    let known = variables_of_serve();
    for (name, manifest) in MANIFESTS {
        let pod = pod_of(manifest);
        let container = &pod["containers"][0];
        assert_eq!(container["args"], serde_json::json!(["serve", name]));
        let mut variables = BTreeMap::new();
        for (variable, value) in told_variables(container) {
            assert!(known.contains(&variable), "{name}: nothing reads {variable}");
            let secret =
                variable.strip_suffix("_FILE").map(|secret| (secret.to_owned(), "a secret".to_owned()));
            variables.extend([secret.unwrap_or((variable, value))]);
        }
        accept(&["serve", name], &variables).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A cluster sets `GATEWAY_PORT=tcp://…` in every pod beside a Service named `gateway`, unless it is told not to.
#[test]
fn no_kubernetes_pod_gets_the_variables_that_a_cluster_makes_of_services() {
    for (name, manifest) in MANIFESTS {
        assert_eq!(pod_of(manifest)["enableServiceLinks"], false, "{name}");
    }
    let told = [("GATEWAY_PORT".to_owned(), "tcp://10.0.0.7:3333".to_owned())].into();
    assert!(accept(&["serve", "gateway"], &told).unwrap_err().contains("invalid value"));
}

#[test]
fn each_kubernetes_pod_is_handed_the_secrets_it_reads_and_no_others() {
    let needed = [
        ("gateway", ["JWT_SECRET", "TOKEN_DB_URL"].as_slice()),
        ("auth", &["JWT_SECRET", "TOKEN_DB_URL", "USER_DB_URL"]),
        ("event", &["EVENT_DB_URL", "JWT_SECRET"]),
    ];
    for ((name, manifest), (of, secrets)) in MANIFESTS.into_iter().zip(needed) {
        let pod = pod_of(manifest);
        let container = &pod["containers"][0];
        let folder = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
        let items = pod["volumes"][0]["secret"]["items"].as_array().unwrap();
        let mounted: BTreeSet<_> =
            items.iter().map(|item| format!("{folder}/{}", item["path"].as_str().unwrap())).collect();
        let mut read = told_variables(container);
        read.retain(|variable, _| variable.ends_with("_FILE"));
        assert_eq!(read.values().cloned().collect::<BTreeSet<_>>(), mounted, "{name}");
        let variables: Vec<_> = read.keys().map(|name| name.strip_suffix("_FILE").unwrap()).collect();
        assert_eq!((name, variables.as_slice()), (of, secrets));
    }
}
