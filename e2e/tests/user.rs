//! What is typed at a terminal: users and health checks.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use e2e::{
    EventDb, PASSWORD, Process, Setup, System, UserDb, on_every_setup, on_setup, sqlite_journals, text,
};
use serde_json::json;

on_every_setup!(
    a_user_created_beside_the_running_system_logs_in,
    what_cannot_be_created_is_refused_with_a_reason,
    a_health_check_exits_by_readiness,
);

on_setup!(embedded_files, Embedded, what_another_process_commits_is_answered_at_once);
on_setup!(embedded_split_files, EmbeddedSplit, what_another_process_commits_is_answered_at_once);

/// This test's process writes into the files that the system serves.
async fn what_another_process_commits_is_answered_at_once(setup: Setup) {
    let system = System::start(setup).await;
    let admin = &system.admin().await;
    let event = system.api.event(admin, &json!({})).await;
    let (me, rewards) = ("/users/me", format!("/events/{event}/rewards"));
    let badge = json!({ "type": "BADGE", "name": "First", "badgeId": "first" });
    system.api.post(&rewards, admin, &badge).await.expect(201);
    let (UserDb::Sqlite(mut users), EventDb::Sqlite(mut events)) =
        (system.user_db().await, system.event_db().await)
    else {
        panic!("the system is on files")
    };
    for number in 0..50 {
        let (email, name) = (format!("root{number}@example.com"), format!("Badge {number}"));
        let rename = sqlx::query("UPDATE users SET email = $1").bind(&email);
        rename.execute(&mut users).await.expect("the users are there");
        let rename = sqlx::query("UPDATE rewards SET name = $1").bind(&name);
        rename.execute(&mut events).await.expect("the rewards are there");
        for _ in 0..3 {
            assert_eq!(system.api.get(me, admin).await.expect(200)["email"], email);
            assert_eq!(system.api.get(&rewards, admin).await.expect(200)[0]["name"], name);
        }
    }
}

async fn a_user_created_beside_the_running_system_logs_in(setup: Setup) {
    let system = System::start(setup).await;
    let create = ["user", "create", "--email", "Root@Example.com", "--role", "ADMIN", "--role", "USER"];
    let created =
        system.command(&[create.as_slice(), &["--password-stdin"]].concat(), "a long password\n").await;
    assert_eq!(created.code, Some(0), "{}", created.stderr);
    assert!(!created.stdout.contains("a long password") && created.stderr.is_empty(), "{}", created.stderr);
    let session = system.api.log_in_with("root@example.com", "a long password").await.expect(200);
    assert_eq!(session["user"]["roles"], json!(["USER", "ADMIN"]));
    assert!(created.stdout.contains(&text(&session, "/user/id")), "{}", created.stdout);
    system.api.get("/users", &text(&session, "/accessToken")).await.expect(200);

    // Without a terminal to ask on, a password is made and printed.
    let created = system.command(&["user", "create", "--email", "auto@example.com"], "").await;
    assert_eq!(created.code, Some(0), "{}", created.stderr);
    let password =
        created.stdout.lines().find_map(|line| line.strip_prefix("Password: ")).unwrap_or_default();
    let session = system.api.log_in_with("auto@example.com", password).await.expect(200);
    assert_eq!(session["user"]["roles"], json!(["USER"]));
}

#[tokio::test]
async fn creating_a_user_leaves_a_file_that_is_whole_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let data_dir = data.to_str().expect("a path in UTF-8");
    let create = ["user", "create", "--data-dir", data_dir, "--email", "auto@example.com"];
    let created = Process::run(&create, &[], "").await;
    assert_eq!(created.code, Some(0), "{}", created.stderr);
    assert_eq!(sqlite_journals(&data), Vec::<String>::new());
}

async fn what_cannot_be_created_is_refused_with_a_reason(setup: Setup) {
    let system = System::start(setup).await;
    system.api.register("mina@example.com").await;
    for (email, role, password, code, reason) in [
        ("MINA@example.com", "USER", PASSWORD, 1, "already registered"),
        ("juno@example.com", "USER", "short", 1, "8 to 128 characters"),
        ("no address", "USER", PASSWORD, 2, "--email"),
        ("juno@example.com", "KING", PASSWORD, 2, "USER, OPERATOR, AUDITOR, ADMIN"),
    ] {
        let arguments = ["user", "create", "--email", email, "--role", role, "--password-stdin"];
        let refused = system.command(&arguments, password).await;
        assert_eq!(refused.code, Some(code), "{}", refused.stderr);
        assert!(refused.stderr.contains(reason) && refused.stdout.is_empty(), "{}", refused.stderr);
        assert!(password == "short" || !refused.stderr.contains(password));
    }
    system.api.log_in_with("juno@example.com", PASSWORD).await.expect(401);
}

async fn a_health_check_exits_by_readiness(setup: Setup) {
    let mut system = System::start(setup).await;
    let port = system.operations.rsplit(':').next().unwrap_or_default().to_owned();
    let check = ["healthcheck", "--port", &port];
    let ready = system.command(&check, "").await;
    assert_eq!(ready.code, Some(0), "{}", ready.stderr);
    assert!(ready.stdout.contains("ready"), "{}", ready.stdout);
    if setup.is_split() {
        system.processes[2].kill().await;
        let down = system.command(&check, "").await;
        assert_eq!(down.code, Some(1));
        assert!(
            down.stdout.contains("\"event\":\"down\"") && down.stderr.contains("not ready"),
            "{}",
            down.stdout
        );
    }
    system.processes[0].kill().await;
    let dead = system.command(&check, "").await;
    assert_eq!(dead.code, Some(1), "{}", dead.stdout);
    assert!(!dead.stderr.is_empty());
}
