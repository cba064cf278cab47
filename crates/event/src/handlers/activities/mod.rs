mod item;
pub(crate) mod list;
pub(crate) mod record;
pub(crate) mod record_logins;
#[cfg(test)]
mod tests;
