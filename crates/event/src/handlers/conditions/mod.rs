pub(crate) mod backtest;
pub(crate) mod evaluate;
pub(crate) mod facts;
#[cfg(test)]
mod tests;
