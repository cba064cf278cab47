pub(crate) mod invariants;
