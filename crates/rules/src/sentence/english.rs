use domain::ActivityType;
use serde_json::Value;

use super::{ToldReason, ValueWords, bare_text, shown_value};
use crate::{
    activity_measure::ActivityMeasure,
    fact::{ActivityFact, Fact},
    operate::OperationFailure,
    requirement::Requirement,
    trace::failure_reason,
};

pub(super) const CONSTANT: &str = "This part of the condition cannot be met.";

const WORDS: ValueWords = ValueWords { null: "not set", yes: "yes", no: "no" };

pub(super) fn failed_sentence(failure: Option<OperationFailure>) -> String {
    let reason = failure.map_or("it is not understood", failure_reason);
    format!("A part of the condition could not be evaluated: {reason}.")
}

pub(super) fn required_sentence(told: &ToldReason<'_>) -> String {
    match told.fact {
        Some(Fact::UserRoles) => role_sentence(told),
        Some(Fact::Now) => moment_sentence(told),
        Some(Fact::UserId) => account_sentence(told),
        Some(Fact::UserAgeDays) if told.has_amounts() => {
            counted_sentence(told, &format!("Your account is {} old", times(told.actual, "day", "days")))
        }
        Some(Fact::Activity(activity)) => activity_sentence(told, activity),
        Some(Fact::Attribute(name)) => value_sentence(told, name.as_str()),
        Some(fact @ Fact::UserAgeDays) => value_sentence(told, &fact.name()),
        None => value_sentence(told, told.formula),
    }
}

/// "1 day" or "3 days".
fn times(number: &Value, one: &str, several: &str) -> String {
    let unit = if is_one(number) { one } else { several };
    format!("{} {unit}", shown_value(number, &WORDS))
}

fn is_one(number: &Value) -> bool {
    number.as_f64() == Some(1.0)
}

fn activity_sentence(told: &ToldReason<'_>, activity: &ActivityFact) -> String {
    let logged_in = match activity.measure {
        _ if activity.activity_type != ActivityType::login() || !told.has_amounts() => None,
        ActivityMeasure::Streak => Some(times(told.actual, "day in a row", "days in a row")),
        ActivityMeasure::Days => Some(format!("on {}", times(told.actual, "day", "days"))),
        ActivityMeasure::Count => Some(times(told.actual, "time", "times")),
        ActivityMeasure::Sum | ActivityMeasure::Max => None,
    };
    if let Some(logged_in) = logged_in {
        return counted_sentence(told, &format!("You have logged in {logged_in}"));
    }
    let label = match activity.measure {
        ActivityMeasure::Count => "number",
        ActivityMeasure::Sum => "total",
        ActivityMeasure::Max => "best",
        ActivityMeasure::Days => "days",
        ActivityMeasure::Streak => "days in a row",
    };
    value_sentence(told, &format!("{}, {label}", activity.activity_type))
}

/// "…; 7 are needed."
fn counted_sentence(told: &ToldReason<'_>, statement: &str) -> String {
    let target = shown_value(told.target, &WORDS);
    let are = if is_one(told.target) { "is" } else { "are" };
    let bound = match told.requirement {
        Requirement::GreaterOrEqual => format!("{target} {are} needed"),
        Requirement::Greater => format!("more than {target} {are} needed"),
        Requirement::LessOrEqual => format!("at most {target} {are} allowed"),
        Requirement::Less => format!("fewer than {target} {are} allowed"),
        Requirement::Equal => format!("exactly {target} {are} needed"),
        Requirement::NotEqual => format!("any number but {target} is allowed"),
        _ => value_bound(told),
    };
    format!("{statement}; {bound}.")
}

/// "purchase, total: 1,200 of 10,000."
fn value_sentence(told: &ToldReason<'_>, label: &str) -> String {
    let actual = match told.fact {
        Some(Fact::Activity(_)) if told.actual.is_null() => "none".to_owned(),
        _ => shown_value(told.actual, &WORDS),
    };
    if told.has_amounts() && told.requirement == Requirement::GreaterOrEqual {
        return format!("{label}: {actual} of {}.", shown_value(told.target, &WORDS));
    }
    format!("{label}: {actual}; {}.", value_bound(told))
}

fn value_bound(told: &ToldReason<'_>) -> String {
    let target = shown_value(told.target, &WORDS);
    let is_list = told.target.is_array();
    match told.requirement {
        Requirement::GreaterOrEqual => format!("at least {target} is needed"),
        Requirement::Greater => format!("more than {target} is needed"),
        Requirement::LessOrEqual => format!("at most {target} is allowed"),
        Requirement::Less => format!("less than {target} is needed"),
        Requirement::Equal if told.target.is_null() => "it must not be set".to_owned(),
        Requirement::NotEqual if told.target.is_null() => "it must be set".to_owned(),
        Requirement::Equal => format!("{target} is needed"),
        Requirement::NotEqual => format!("anything but {target} is allowed"),
        Requirement::Among if is_list => format!("one of {target} is needed"),
        Requirement::NotAmong if is_list => format!("none of {target} is allowed"),
        Requirement::Among => format!("a part of {target} is needed"),
        Requirement::NotAmong => format!("no part of {target} is allowed"),
        Requirement::Containing => format!("{target} must be in it"),
        Requirement::NotContaining => format!("{target} must not be in it"),
        Requirement::Holding if told.actual.is_number() => "anything but 0 is needed".to_owned(),
        Requirement::Holding => "yes is needed".to_owned(),
        Requirement::NotHolding if told.actual.is_number() => "0 is needed".to_owned(),
        Requirement::NotHolding => "no is needed".to_owned(),
    }
}

fn role_sentence(told: &ToldReason<'_>) -> String {
    let role = bare_text(told.target, &WORDS);
    match told.requirement {
        Requirement::Containing => format!("The role {role} is needed."),
        Requirement::NotContaining => format!("Users with the role {role} are excluded."),
        Requirement::Holding => "Some role is needed.".to_owned(),
        Requirement::NotHolding => "Users with a role are excluded.".to_owned(),
        _ => value_sentence(told, "your roles"),
    }
}

fn moment_sentence(told: &ToldReason<'_>) -> String {
    let moment = bare_text(told.target, &WORDS);
    match told.requirement {
        Requirement::GreaterOrEqual => format!("This is possible from {moment} on."),
        Requirement::Greater => format!("This is possible after {moment}."),
        Requirement::LessOrEqual => format!("This was possible until {moment}."),
        Requirement::Less => format!("This was possible before {moment}."),
        Requirement::Equal => format!("This is possible at {moment} only."),
        Requirement::NotEqual => format!("This is possible at any moment but {moment}."),
        _ => value_sentence(told, "now"),
    }
}

fn account_sentence(told: &ToldReason<'_>) -> String {
    match told.requirement {
        Requirement::Equal | Requirement::Among => {
            "Your account is not one of those that this is for.".to_owned()
        }
        Requirement::NotEqual | Requirement::NotAmong => "Your account is excluded from this.".to_owned(),
        _ => value_sentence(told, "your account's id"),
    }
}
