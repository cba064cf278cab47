//! docs/CONDITIONS.md is held against what it describes.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use rules::{Condition, Facts, Language, describe_facts, describe_operators};
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/CONDITIONS.md");

/// A campaign of the document.
struct Example {
    title: String,
    condition: Value,
    met: Vec<Facts>,
    unmet: Vec<Facts>,
    /// What the last of those who do not meet it are told.
    told: String,
}

/// What stands below a heading, up to the next one of its level.
fn section(heading: &str) -> &'static str {
    let (_, behind) = DOCUMENT.split_once(&format!("\n## {heading}\n")).expect("the section");
    behind.split("\n## ").next().expect("a section")
}

fn read_facts(text: &str) -> Facts {
    let given = serde_json::from_str(text.trim().trim_matches('`')).expect(text);
    Facts::from_json(&given, domain::Timestamp::from_millis(0)).expect(text)
}

fn read_examples() -> Vec<Example> {
    let read = |part: &str| {
        let (title, body) = part.split_once('\n').expect("a heading");
        let (_, json) = body.split_once("```json\n").expect(title);
        let (json, below) = json.split_once("\n```").expect(title);
        let lines = |kind: &str| -> Vec<&str> {
            below.lines().filter_map(|line| line.strip_prefix(&format!("- {kind}: "))).collect()
        };
        Example {
            title: title.to_owned(),
            condition: serde_json::from_str(json).expect(title),
            met: lines("met").into_iter().map(read_facts).collect(),
            unmet: lines("not met").into_iter().map(read_facts).collect(),
            told: lines("told").join(" "),
        }
    };
    section("Ten campaigns").split("\n### ").skip(1).map(read).collect()
}

#[test]
fn every_campaign_is_met_and_not_met_by_the_facts_beside_it() {
    let examples = read_examples();
    assert_eq!(examples.len(), 10);
    for Example { title, condition, met, unmet, told } in examples {
        let condition = Condition::parse(&condition).expect(&title);
        assert!(!met.is_empty() && !unmet.is_empty(), "{title}");
        for facts in &met {
            assert!(condition.evaluate(facts).eligible, "{title}: {facts:?}");
            assert_eq!(condition.reasons(facts), [], "{title}");
        }
        for facts in &unmet {
            assert!(!condition.evaluate(facts).eligible, "{title}: {facts:?}");
        }
        let reasons = condition.reasons(unmet.last().expect("facts"));
        let sentences: Vec<_> = reasons.iter().map(|reason| reason.sentence(Language::English)).collect();
        assert_eq!(sentences.join(" "), told, "{title}");
    }
}

#[test]
fn what_stands_beside_json_logic_is_what_conditions_do() {
    let nobody = read_facts("{}");
    let rows = section("Values").lines().filter_map(|line| line.strip_prefix("| `{"));
    let mut compared = 0;
    for row in rows {
        let (rule, cells) = row.split_once("` | ").expect(row);
        let rule = serde_json::from_str(&format!("{{{rule}")).expect(row);
        let here = cells.split_once(" | ").expect(row).1.trim_end_matches(" |");
        let parsed = Condition::parse(&rule);
        let told = match parsed {
            Err(_) => "refused",
            Ok(condition) if condition.evaluate(&nobody).eligible => "true",
            Ok(condition) => {
                let opposite = Condition::parse(&serde_json::json!({ "!": [rule] })).expect(row);
                // What fails does so under `!` as well.
                assert!(!condition.evaluate(&nobody).eligible);
                if opposite.evaluate(&nobody).eligible { "false" } else { "fails" }
            }
        };
        assert_eq!(told, here, "{row}");
        compared += 1;
    }
    assert!(compared >= 15);
}

#[test]
fn every_fact_and_operator_is_in_its_table() {
    for fact in describe_facts() {
        assert!(section("Facts").contains(&format!("| `{}` | ", fact.name)), "{}", fact.name);
    }
    let rows: Vec<_> = section("Operators").lines().filter(|line| line.starts_with("| `")).collect();
    for operator in describe_operators() {
        let name = format!("`{}`", operator.name);
        assert!(rows.iter().any(|row| row.contains(&name)), "{name}");
    }
}

#[test]
fn the_condition_at_the_top_is_accepted() {
    let (_, json) = DOCUMENT.split_once("```json\n").expect("a condition");
    let json = json.split("\n```").next().expect("a condition");
    let condition = serde_json::from_str(json).expect("JSON");
    assert!(Condition::parse(&condition).is_ok());
}
