//! Which crates are compiled into which.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{path::Path, process::Command};

/// Every crate that a package of the workspace is built from.
fn dependencies_of(package: &str) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    cargo.args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{lib}"]);
    let tree = cargo.args(["--offline", "--locked"]).output().expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8_lossy(&tree.stdout).lines().map(|line| line.trim().to_owned()).collect()
}

/// The drivers of all stores, and the services that own the stores.
const STORE_CRATES: [&str; 9] =
    ["mongodb", "redis", "sqlx", "sqlx_core", "libsqlite3_sys", "store_kit", "event_store", "auth", "event"];

#[test]
fn the_gateway_is_built_without_any_database_driver_or_service() {
    let dependencies = dependencies_of("gateway");
    for store in STORE_CRATES {
        assert!(!dependencies.iter().any(|name| name == store), "gateway depends on {store}");
    }
    assert!(dependencies.iter().any(|name| name == "hyper"), "{dependencies:?}");
}

#[test]
fn auth_and_event_do_not_depend_on_each_other() {
    assert!(!dependencies_of("auth").iter().any(|name| name == "event"));
    assert!(!dependencies_of("event").iter().any(|name| name == "auth"));
}
