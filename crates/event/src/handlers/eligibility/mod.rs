pub(crate) mod get;
#[cfg(test)]
mod tests;
mod view;
