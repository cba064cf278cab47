pub(crate) mod check_sessions;
