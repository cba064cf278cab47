use std::{collections::HashMap, path::Path, process::Command, sync::OnceLock};

/// What `scripts/test-servers` says of a program: from the environment, or by asking it.
pub(crate) fn lookup(name: &str) -> Option<String> {
    static FOUND: OnceLock<HashMap<String, String>> = OnceLock::new();
    std::env::var(name).ok().or_else(|| FOUND.get_or_init(find).get(name).cloned())
}

/// The same, for what every test needs.
pub(crate) fn required(name: &str) -> String {
    lookup(name)
        .unwrap_or_else(|| panic!("{name} is not known: run scripts/test-servers, which installs servers"))
}

fn find() -> HashMap<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/test-servers");
    let answer = Command::new(&script).arg("find").output().expect("scripts/test-servers runs");
    let complaint = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "a server for tests is missing:\n{complaint}");
    String::from_utf8_lossy(&answer.stdout)
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace('\\', "")))
        .collect()
}
