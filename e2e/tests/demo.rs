//! `guerdon demo`: the whole story in one command.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use e2e::Process;

#[tokio::test]
async fn the_demo_tells_the_story_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let environment = [("TMPDIR".to_owned(), folder.path().display().to_string())];
    let told = Process::run(&["demo"], &environment, "").await;
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
    for step in [
        "make Olga an OPERATOR and Anna an AUDITOR",
        "creates the event",
        "attaches POINT ",
        "attaches ITEM ",
        "attaches COUPON ",
        "attaches BADGE ",
        "logs in: 200",
        "She claims: 201",
        "is PENDING",
        "409 ALREADY_REQUESTED, naming request",
        "1 item, PENDING",
        "condition {\"in\":[\"USER\",{\"var\":\"user.roles\"}]}",
        "403 FORBIDDEN",
        "500 points, 3 of potion-s, coupon SPRING10, badge early-bird",
        "is approved at once, and has the sword",
        "409 SOLD_OUT",
        "it is REVOKED",
        "Her wallet is empty",
        "whether everything is as it must be: it is",
        "user.roles.replaced",
    ] {
        assert!(told.stdout.contains(step), "{step:?} is missing in\n{}", told.stdout);
    }
    // The request it was answered first is the one that the refusal names.
    assert_eq!(word_after(&told.stdout, "naming request "), word_after(&told.stdout, "201, request "));
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

fn word_after<'a>(told: &'a str, words: &str) -> &'a str {
    let (_, rest) = told.split_once(words).expect("the words are there");
    rest.split([' ', '.']).next().expect("a word follows")
}
