use std::{collections::HashMap, path::Path, process::Command, sync::OnceLock};

/// What `scripts/test-servers` says of a program: from the environment, or by asking it.
#[allow(clippy::disallowed_methods, reason = "it is no setting of the product")]
pub(crate) fn look_up_program(name: &str) -> Option<String> {
    static FOUND: OnceLock<HashMap<String, String>> = OnceLock::new();
    std::env::var(name).ok().or_else(|| FOUND.get_or_init(find_programs).get(name).cloned())
}

/// The same, for what every test needs.
pub(crate) fn required_program(name: &str) -> String {
    look_up_program(name)
        .unwrap_or_else(|| panic!("{name} is not known: run scripts/test-servers, which installs servers"))
}

fn find_programs() -> HashMap<String, String> {
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
