pub(crate) mod get;
pub(crate) mod put;
#[cfg(test)]
mod tests;
mod view;
