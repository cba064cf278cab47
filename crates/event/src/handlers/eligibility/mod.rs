pub(crate) mod get;
pub(super) mod language;
#[cfg(test)]
mod tests;
pub(super) mod view;
