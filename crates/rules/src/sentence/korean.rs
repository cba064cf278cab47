use domain::ActivityType;

use super::{ToldReason, ValueWords, bare_text, shown_value};
use crate::{
    activity_measure::ActivityMeasure,
    fact::{ActivityFact, Fact},
    operate::OperationFailure,
    requirement::Requirement,
};

pub(super) const CONSTANT: &str = "조건 중 이 부분은 누구도 충족할 수 없습니다.";

const WORDS: ValueWords = ValueWords { null: "없음", yes: "'예'", no: "'아니요'" };

pub(super) fn failed_sentence(failure: Option<OperationFailure>) -> String {
    let reason = match failure {
        None => "이해할 수 없는 부분이 있습니다",
        Some(OperationFailure::ArgumentFailed) => "필요한 값을 계산하지 못했습니다",
        Some(OperationFailure::WrongType) => "값의 종류가 맞지 않습니다",
        Some(OperationFailure::DivisionByZero) => "0으로 나눌 수 없습니다",
        Some(OperationFailure::OutOfRange) => "결과가 너무 큽니다",
        Some(OperationFailure::NotWhole) => "시작 위치나 길이가 정수가 아닙니다",
        Some(OperationFailure::TooMuchText) => "다루는 글이 너무 깁니다",
    };
    format!("조건의 일부를 확인할 수 없습니다: {reason}.")
}

pub(super) fn required_sentence(told: &ToldReason<'_>) -> String {
    match told.fact {
        Some(Fact::UserRoles) => role_sentence(told),
        Some(Fact::Now) => moment_sentence(told),
        Some(Fact::UserId) => account_sentence(told),
        Some(Fact::UserAgeDays) if told.has_amounts() => {
            let statement = format!("가입한 지 {}일 지났습니다", shown_value(told.actual, &WORDS));
            counted_sentence(told, &statement, "일", "지나야 합니다")
        }
        Some(Fact::Activity(activity)) => activity_sentence(told, activity),
        Some(Fact::Attribute(name)) => value_sentence(told, &format!("{name} 값은"), &format!("{name} 값이")),
        Some(fact @ Fact::UserAgeDays) => {
            value_sentence(told, &format!("{fact} 값은"), &format!("{fact} 값이"))
        }
        None => {
            let formula = told.formula;
            value_sentence(told, &format!("{formula} 값은"), &format!("{formula} 값이"))
        }
    }
}

fn activity_sentence(told: &ToldReason<'_>, activity: &ActivityFact) -> String {
    if activity.activity_type == ActivityType::login() && told.has_amounts() {
        let actual = shown_value(told.actual, &WORDS);
        let logged_in = match activity.measure {
            ActivityMeasure::Streak => Some((format!("연속 {actual}일 로그인했습니다"), "일")),
            ActivityMeasure::Days => Some((format!("서로 다른 {actual}일에 로그인했습니다"), "일")),
            ActivityMeasure::Count => Some((format!("{actual}회 로그인했습니다"), "회")),
            ActivityMeasure::Sum | ActivityMeasure::Max => None,
        };
        if let Some((statement, unit)) = logged_in {
            return counted_sentence(told, &statement, unit, "필요합니다");
        }
    }
    let (topic, subject) = match activity.measure {
        ActivityMeasure::Count => ("횟수는", "횟수가"),
        ActivityMeasure::Sum => ("합계는", "합계가"),
        ActivityMeasure::Max => ("최고 기록은", "최고 기록이"),
        ActivityMeasure::Days => ("참여 일수는", "참여 일수가"),
        ActivityMeasure::Streak => ("연속 일수는", "연속 일수가"),
    };
    let name = &activity.activity_type;
    value_sentence(told, &format!("{name} {topic}"), &format!("{name} {subject}"))
}

/// "…. 7일이 필요합니다."
fn counted_sentence(told: &ToldReason<'_>, statement: &str, unit: &str, needed: &str) -> String {
    let target = shown_value(told.target, &WORDS);
    let (subject, be) = if unit == "일" { ("이", "이어야") } else { ("가", "여야") };
    let bound = match told.requirement {
        Requirement::GreaterOrEqual => format!("{target}{unit}{subject} {needed}"),
        Requirement::Greater => format!("{target}{unit}보다 많아야 합니다"),
        Requirement::LessOrEqual => format!("{target}{unit} 이하여야 합니다"),
        Requirement::Less => format!("{target}{unit} 미만이어야 합니다"),
        Requirement::Equal => format!("정확히 {target}{unit}{be} 합니다"),
        Requirement::NotEqual => format!("{target}{unit}만 아니면 됩니다"),
        _ => value_bound(told),
    };
    format!("{statement}. {bound}.")
}

/// "purchase 합계는 1,200입니다. 10,000 이상이어야 합니다."
fn value_sentence(told: &ToldReason<'_>, topic: &str, subject: &str) -> String {
    let bound = value_bound(told);
    if told.actual.is_null() {
        return format!("{subject} 없습니다. {bound}.");
    }
    format!("{topic} {}입니다. {bound}.", shown_value(told.actual, &WORDS))
}

/// Worded so that no particle depends on how a value ends.
fn value_bound(told: &ToldReason<'_>) -> String {
    let target = shown_value(told.target, &WORDS);
    match told.requirement {
        Requirement::GreaterOrEqual => format!("{target} 이상이어야 합니다"),
        Requirement::Greater => format!("{target} 초과여야 합니다"),
        Requirement::LessOrEqual => format!("{target} 이하여야 합니다"),
        Requirement::Less => format!("{target} 미만이어야 합니다"),
        Requirement::Equal if told.target.is_null() => "값이 없어야 합니다".to_owned(),
        Requirement::NotEqual if told.target.is_null() => "값이 있어야 합니다".to_owned(),
        Requirement::Equal => format!("필요한 값: {target}"),
        Requirement::NotEqual => format!("허용되지 않는 값: {target}"),
        Requirement::Among if told.target.is_array() => format!("다음 중 하나여야 합니다: {target}"),
        Requirement::NotAmong if told.target.is_array() => {
            format!("다음 중 하나가 아니어야 합니다: {target}")
        }
        Requirement::Among => format!("다음의 일부여야 합니다: {target}"),
        Requirement::NotAmong => format!("다음의 일부가 아니어야 합니다: {target}"),
        Requirement::Containing => format!("다음이 포함되어야 합니다: {target}"),
        Requirement::NotContaining => format!("다음이 포함되지 않아야 합니다: {target}"),
        Requirement::Holding if told.actual.is_number() => "0이 아니어야 합니다".to_owned(),
        Requirement::Holding => format!("필요한 값: {}", WORDS.yes),
        Requirement::NotHolding if told.actual.is_number() => "0이어야 합니다".to_owned(),
        Requirement::NotHolding => format!("필요한 값: {}", WORDS.no),
    }
}

fn role_sentence(told: &ToldReason<'_>) -> String {
    let role = bare_text(told.target, &WORDS);
    match told.requirement {
        Requirement::Containing => format!("{role} 역할이 필요합니다."),
        Requirement::NotContaining => format!("{role} 역할이 있는 사용자는 제외됩니다."),
        Requirement::Holding => "역할이 하나 이상 필요합니다.".to_owned(),
        Requirement::NotHolding => "역할이 있는 사용자는 제외됩니다.".to_owned(),
        _ => value_sentence(told, "역할은", "역할이"),
    }
}

fn moment_sentence(told: &ToldReason<'_>) -> String {
    let moment = bare_text(told.target, &WORDS);
    match told.requirement {
        Requirement::GreaterOrEqual => format!("{moment}부터 가능합니다."),
        Requirement::Greater => format!("{moment} 이후에 가능합니다."),
        Requirement::LessOrEqual => format!("{moment}까지만 가능했습니다."),
        Requirement::Less => format!("{moment} 전까지만 가능했습니다."),
        Requirement::Equal => format!("{moment}에만 가능합니다."),
        Requirement::NotEqual => format!("{moment}에는 가능하지 않습니다."),
        _ => value_sentence(told, "현재 시각은", "현재 시각이"),
    }
}

fn account_sentence(told: &ToldReason<'_>) -> String {
    match told.requirement {
        Requirement::Equal | Requirement::Among => "대상 계정이 아닙니다.".to_owned(),
        Requirement::NotEqual | Requirement::NotAmong => "대상에서 제외된 계정입니다.".to_owned(),
        _ => value_sentence(told, "계정 ID는", "계정 ID가"),
    }
}
