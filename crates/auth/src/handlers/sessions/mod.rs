mod answer;
pub(crate) mod check;
mod client;
mod cookie;
mod delivery;
pub(crate) mod log_in;
pub(crate) mod log_out;
pub(crate) mod refresh;
mod shown_token;
