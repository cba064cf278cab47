use std::{fmt, str::FromStr};

/// What is logged: one level for everything, or directives such as `info,sqlx=debug`.
///
/// `tracing` takes a word that it does not know for the name of a module, and then logs nothing else: `warning` would
/// silence everything. So only levels are taken here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFilter(String);

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// The text says no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no level; levels are error, warn, info, debug, trace and off, alone or as in info,sqlx=debug"
)]
pub(crate) struct InvalidLogFilter(String);

impl LogFilter {
    /// In the form `tracing` reads.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = InvalidLogFilter;

    fn from_str(text: &str) -> Result<Self, InvalidLogFilter> {
        let directives: Result<Vec<_>, _> = text.split(',').map(read_directive).collect();
        directives.map(|directives| Self(directives.join(",")))
    }
}

/// `level` or `module=level`.
fn read_directive(directive: &str) -> Result<String, InvalidLogFilter> {
    let (module, level) = match directive.split_once('=') {
        Some((module, level)) => (Some(module.trim()), level.trim().to_ascii_lowercase()),
        None => (None, directive.trim().to_ascii_lowercase()),
    };
    let is_module = |module: &str| {
        !module.is_empty()
            && module.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
    };
    if !LEVELS.contains(&level.as_str()) || !module.is_none_or(is_module) {
        return Err(InvalidLogFilter(directive.trim().to_owned()));
    }
    Ok(module.map_or_else(|| level.clone(), |module| format!("{module}={level}")))
}

#[cfg(test)]
mod tests {
    use service_kit::traces::TraceExport;

    use super::*;

    #[test]
    fn levels_and_directives_are_read_in_any_case() {
        for (text, filter) in [
            ("info", "info"),
            ("WARN", "warn"),
            ("off", "off"),
            ("info, sqlx=Debug,service_kit::server=trace", "info,sqlx=debug,service_kit::server=trace"),
        ] {
            assert_eq!(text.parse::<LogFilter>().unwrap().as_str(), filter);
            service_kit::telemetry::start(filter, &TraceExport::off()).unwrap();
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_and_named() {
        for text in [
            "warning",
            "sqlx",
            "info,sqlx",
            "verbose",
            "info,",
            "a=b=c",
            "sqlx=loud",
            "=info",
            "[x]=info",
            "3",
        ] {
            let error = text.parse::<LogFilter>().unwrap_err().to_string();
            assert!(error.contains("error, warn, info"), "{error}");
        }
        assert!("warning".parse::<LogFilter>().unwrap_err().to_string().contains("\"warning\""));
    }
}
