use std::cmp::Reverse;

/// A language that reasons are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English, unless something else is asked for.
    #[default]
    English,
    /// Korean.
    Korean,
}

/// How much a language is wanted, in thousandths.
type LanguageWeight = u16;

impl Language {
    /// All languages, the one that is preferred if they are wanted alike first.
    const ALL: [Language; 2] = [Language::English, Language::Korean];

    /// The language's tag (RFC 5646), for `Content-Language`.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Korean => "ko",
        }
    }

    /// The one an `Accept-Language` header asks for most (RFC 9110, section 12.5.4); English if it asks for
    /// none of them. Of two wanted alike it is the one named first. `ko-KR` asks for Korean, too (the lookup
    /// of RFC 4647, section 3.4). An entry that breaks the rules is as if it were not there.
    pub fn from_accept_language(header: &str) -> Self {
        let wanted: Vec<_> = header.split(',').filter_map(read_range).collect();
        let acceptable = Self::ALL.into_iter().filter(|language| language.weight_in(&wanted) > 0);
        let rank = |language: &Self| {
            let asks = |(range, _): &(&str, _)| *range == "*" || language.is_in_range(range);
            (Reverse(language.weight_in(&wanted)), wanted.iter().position(asks))
        };
        acceptable.min_by_key(rank).unwrap_or_default()
    }

    fn is_in_range(self, range: &str) -> bool {
        range.split('-').next().is_some_and(|primary| primary.eq_ignore_ascii_case(self.tag()))
    }

    /// The weight of the ranges that name it; without one, that of `*`.
    fn weight_in(self, wanted: &[(&str, LanguageWeight)]) -> LanguageWeight {
        let heaviest = |named: &dyn Fn(&str) -> bool| {
            wanted.iter().filter(|(range, _)| named(range)).map(|(_, weight)| *weight).max()
        };
        let named = heaviest(&|range| self.is_in_range(range));
        named.or_else(|| heaviest(&|range| range == "*")).unwrap_or_default()
    }
}

/// `ko-KR;q=0.8` as range and weight.
fn read_range(entry: &str) -> Option<(&str, LanguageWeight)> {
    let (range, weight) = match entry.split_once(';') {
        None => (entry.trim(), 1_000),
        Some((range, parameter)) => {
            let (name, weight) = parameter.trim().split_once('=')?;
            (range.trim(), name.eq_ignore_ascii_case("q").then(|| read_weight(weight)).flatten()?)
        }
    };
    (!range.is_empty()).then_some((range, weight))
}

/// Zero to one with at most three decimals.
fn read_weight(text: &str) -> Option<LanguageWeight> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_well_formed = matches!(whole, "0" | "1")
        && decimals.len() <= 3
        && decimals.bytes().all(|digit| digit.is_ascii_digit());
    let thousandths = is_well_formed.then(|| format!("{whole}{decimals:0<3}").parse().ok()).flatten();
    thousandths.filter(|weight| *weight <= 1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_language_wanted_most_is_told() {
        for (header, language) in [
            ("ko", Language::Korean),
            ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", Language::Korean),
            ("en-US,en;q=0.9,ko;q=0.8", Language::English),
            ("en;q=0.8, ko;q=0.9", Language::Korean),
            ("en;q=0.899 , KO-kore-KR ; Q=0.9", Language::Korean),
            ("fr-FR, ko;q=0.1", Language::Korean),
            ("fr, de;q=0.5", Language::English),
            ("korean, kok", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::from_accept_language(header), language, "{header:?}");
        }
    }

    #[test]
    fn of_two_wanted_alike_the_one_named_first_is_told() {
        assert_eq!(Language::from_accept_language("ko, en"), Language::Korean);
        assert_eq!(Language::from_accept_language("en, ko"), Language::English);
        assert_eq!(Language::from_accept_language("*"), Language::English);
        assert_eq!(Language::from_accept_language("ko;q=0.5, *;q=0.5"), Language::Korean);
    }

    #[test]
    fn a_weight_of_zero_excludes() {
        assert_eq!(Language::from_accept_language("ko;q=0, *"), Language::English);
        assert_eq!(Language::from_accept_language("en;q=0.000, *;q=0.1"), Language::Korean);
        assert_eq!(Language::from_accept_language("en;q=0"), Language::English);
        assert_eq!(Language::from_accept_language("ko;q=0"), Language::English);
    }

    #[test]
    fn entries_that_break_the_rules_count_for_nothing() {
        for entry in [
            "ko;q=",
            "ko;q=2",
            "ko;q=1.001",
            "ko;q=0.1234",
            "ko;q=.5",
            "ko;q=nan",
            "ko;q=-1",
            "ko;q=+0",
            "ko;q",
            "ko;v=1",
            "ko;q=1é",
            ";q=1",
            ",,,",
        ] {
            assert_eq!(
                Language::from_accept_language(&format!("{entry}, en;q=0.001")),
                Language::English,
                "{entry}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_header_is_understood_somehow(header in "\\PC{0,40}|([a-z*-]{0,4}(;q=[01.]{0,4})?,){0,5}") {
            Language::from_accept_language(&header);
        }
    }
}
