pub(crate) mod backtest;
