//! Settings as operators make them: what is understood, and what stops the start by its name.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use e2e::{Api, Finished, PASSWORD, Process, SECRET, Setup, System};
use reqwest::Method;
use serde_json::{Value, json};

/// Variables for a process on free ports in this folder, with some set and others replaced.
fn environment(folder: &Path, variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let data = folder.join("data").display().to_string();
    let usual = [("HTTP_PORT", "0"), ("GATEWAY_PORT", "0"), ("GUERDON_DATA_DIR", data.as_str())];
    let usual = usual.iter().filter(|(name, _)| variables.iter().all(|(set, _)| set != name));
    usual.chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn start_failing(folder: &Path, variables: &[(&str, &str)]) -> Finished {
    Process::run(&["serve"], &environment(folder, variables), "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_stops_the_start_with_the_variables_name_and_without_its_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let not_a_database = folder.path().join("not-a-database");
    fs::write(&not_a_database, "x".repeat(5000)).expect("a file");
    let not_a_database = format!("sqlite:{}", not_a_database.display());
    for (variable, value, code, reason) in [
        ("JWT_SECRET", "hunter2", 1, "at least 32"),
        ("JWT_SECRET", "hunter2                                   ", 1, "has 7 bytes"),
        ("JWT_SECRET_PREVIOUS", "hunter2", 1, "at least 32"),
        ("JWT_SECRET_FILE", "/no/such/file", 2, "cannot be read"),
        ("USER_DB_URL", "oracle://me:hunter2@db/users", 1, "known:"),
        ("USER_DB_URL", "sqlite::memory:", 1, "plain path"),
        ("EVENT_DB_URL", "sqlite:file:event.db", 1, "plain path"),
        ("EVENT_DB_URL", "sqlite:event.db?mode=rwc", 1, "plain path"),
        ("TOKEN_DB_URL", "carrier-pigeon://me:hunter2@roof", 1, "known:"),
        ("EVENT_DB_URL", not_a_database.as_str(), 1, "not-a-database"),
        ("HTTP_PORT", port.as_str(), 1, "cannot listen"),
        ("GATEWAY_PORT", port.as_str(), 1, "cannot listen"),
        ("HTTP_PORT", "70000", 2, "0..=65535"),
        ("GATEWAY_PORT", "x", 2, "invalid digit"),
        ("AUTH_SERVICE_HOST", "auth:3001", 2, "host name or an IP address alone"),
        ("EVENT_SERVICE_HOST", "http://event", 2, "host name or an IP address alone"),
        ("REDIS_HOST", "me:hunter2@db:many", 2, "host name or an IP address alone"),
        ("BIND_HOST", "0.0.0.0.0", 2, "no host name"),
        ("RATE_LIMIT_LOGIN", "many", 2, "30/min"),
        ("RATE_LIMIT", "sometimes", 2, "boolean"),
        ("COOKIE_SECURE", "2", 2, "boolean"),
        ("KEEP_ALIVE_SECONDS", "0", 2, "1..=3600"),
        ("REFRESH_GRACE_SECONDS", "-1", 2, "invalid digit"),
        ("TRUSTED_PROXIES", "300", 2, "0..=32"),
        ("CORS_ORIGINS", "https://app.example.com/path", 2, "no origin"),
        ("CORS_ORIGINS", "*", 2, "no origin"),
        ("LOG_LEVEL", "warning", 2, "is no level"),
        ("LOG_LEVEL", "a=b=c", 2, "is no level"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", 2, "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hunter2@collector:4318", 2, "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318", 2, "must begin with http://"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2", 2, "name=value"),
        ("OTEL_EXPORTER_OTLP_HEADERS_FILE", "/no/such/file", 2, "cannot be read"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", 2, "from 0 to 1"),
    ] {
        let failed = start_failing(folder.path(), &[(variable, value)]).await;
        let told = format!("{variable}={value}: {}{}", failed.stdout, failed.stderr);
        assert_eq!(failed.code, Some(code), "{told}");
        assert_eq!(failed.stderr.lines().count(), 1, "{told}");
        assert!(failed.stderr.contains(reason), "{told}");
        assert!(failed.stderr.contains(variable) || reason == "not-a-database", "{told}");
        assert!(!told.replace(value, "").contains("hunter2"), "{told}");
        assert!(!failed.stderr.contains("hunter2"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_variable_counts_as_not_set_and_booleans_may_be_written_in_any_usual_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut variables = vec![("COOKIE_SECURE", "1"), ("RATE_LIMIT", "Off"), ("LOG_LEVEL", "INFO")];
    for name in [
        "JWT_SECRET",
        "JWT_SECRET_FILE",
        "JWT_SECRET_PREVIOUS",
        "USER_DB_URL",
        "EVENT_DB_URL",
        "TOKEN_DB_URL",
        "MONGODB_URI",
        "REDIS_HOST",
        "REDIS_PORT",
        "BIND_HOST",
        "GATEWAY_HOST",
        "AUTH_SERVICE_HOST",
        "AUTH_SERVICE_PORT",
        "CORS_ORIGINS",
        "TRUSTED_PROXIES",
        "KEEP_ALIVE_SECONDS",
        "RATE_LIMIT_LOGIN",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_TRACES_SAMPLER_ARG",
    ] {
        variables.push((name, ""));
    }
    let mut process = Process::start(&["serve"], &environment(folder.path(), &variables));
    let api = Api::new(&process.address("gateway").await);
    api.register("mina@example.com").await;
    let session = api.log_in_with("mina@example.com", PASSWORD).await;
    assert!(session.header("set-cookie").contains("Secure"), "{}", session.header("set-cookie"));
    assert!(folder.path().join("data/jwt-secret").is_file());
    assert_eq!(process.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_from_a_file_signs_as_the_same_secret_in_a_variable_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    fs::write(&file, format!("{SECRET}\n")).expect("a file");
    let variables = [("JWT_SECRET_FILE", file.to_str().expect("a path"))];
    let mut process = Process::start(&["serve"], &environment(folder.path(), &variables));
    let api = Api::new(&process.address("gateway").await);
    let user = api.register("mina@example.com").await;
    // Signed with the right secret, and of no session.
    let forged = e2e::forge::access_token(&user);
    api.get("/users/me", &forged).await.expect_problem(401, "SESSION_REVOKED");
    assert_eq!(process.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_folder_is_refused_and_told_who_serves_it() {
    let mut system = System::start(Setup::Embedded).await;
    for service in ["all", "auth", "event"] {
        let second = system.command(&["serve", service], "").await;
        assert_eq!(second.code, Some(1), "{}{}", second.stdout, second.stderr);
        let holder = "in use by process ";
        assert!(second.stderr.contains(holder) && second.stderr.contains("serve all"), "{}", second.stderr);
    }
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (from, to) = (system.data(), elsewhere.path().join("copy"));
    let (from, to) = (from.to_str().expect("a path"), to.to_str().expect("a path"));
    let copy = ["migrate-data", "--from", from, "--to", to];
    let copied = system.command(&copy, "").await;
    assert_eq!(copied.code, Some(1), "{}", copied.stdout);
    assert!(copied.stderr.contains("in use by"), "{}", copied.stderr);
    // The first one is not disturbed, and a lock ends with its process, however that ends.
    system.api.register("mina@example.com").await;
    system.processes[0].kill().await;
    assert_eq!(system.command(&copy, "").await.code, Some(0));
    system.restart().await;
    system.api.log_in("mina@example.com").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_or_secret_that_others_can_use_is_refused_with_what_to_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let variables = environment(folder.path(), &[]);
    let mut process = Process::start(&["serve"], &variables);
    process.address("gateway").await;
    assert_eq!(process.terminate().await, Some(0));
    for (path, mode, told) in [
        (data.join("jwt-secret"), 0o644, "jwt-secret can be read by others: chmod 600"),
        (data.clone(), 0o777, "data can be changed by others: chmod o-w"),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        let refused = start_failing(folder.path(), &[]).await;
        assert_eq!(refused.code, Some(1), "{}", refused.stdout);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o700)).expect("it is ours");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_itself_ignore_proxies_and_a_health_check_reads_the_same_variables() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = "http://127.0.0.1:1";
    let proxies =
        ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"].map(|name| (name, nobody));
    let told = Process::run(&["demo"], &environment(folder.path(), &proxies), "").await;
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);

    let mut process = Process::start(&["serve"], &environment(folder.path(), &[("BIND_HOST", "::1")]));
    let address = process.address("operations").await;
    let port = address.rsplit(':').next().expect("a port");
    for host in ["::1", "[::1]"] {
        let check = ["healthcheck", "--host", host];
        let variables = environment(folder.path(), &[proxies[0], proxies[1], ("GATEWAY_PORT", port)]);
        let ready = Process::run(&check, &variables, "").await;
        assert_eq!(ready.code, Some(0), "{host}: {}{}", ready.stdout, ready.stderr);
    }
    let refused =
        Process::run(&["healthcheck"], &environment(folder.path(), &[("GATEWAY_PORT", "x")]), "").await;
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("GATEWAY_PORT"), "{}", refused.stderr);
    assert_eq!(process.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_origins_are_told_that_they_may_call() {
    let settings = [("CORS_ORIGINS", "https://app.example.com,http://localhost:5173"), ("RATE_LIMIT", "off")];
    let system = System::start_with(Setup::Embedded, &settings).await;
    let ask = async |origin: &str| {
        let url = format!("{}/events", system.api.base);
        let request = system.api.client.request(Method::OPTIONS, url).header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        let answer = request.send().await.expect("an answer");
        answer.headers().get("access-control-allow-origin").map(|value| value.as_bytes().to_vec())
    };
    assert_eq!(ask("http://localhost:5173").await.as_deref(), Some(b"http://localhost:5173".as_slice()));
    assert_eq!(ask("https://evil.example.com").await, None);
    let plain = system.api.call(Method::GET, "/openapi.json", None, &Value::Null).await.expect(200);
    assert_ne!(plain, json!(null));
}
