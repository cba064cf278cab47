//! Ways to make a part of a condition come out as wanted, and which of them is the nearest.

use std::{cmp::Ordering, collections::HashSet};

use crate::reason::Reason;

/// What is lacking for a part to come out as wanted. Nothing lacks if it does already.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    reasons: Vec<Reason>,
    cost: PlanCost,
}

/// How far a plan is from being fulfilled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlanCost {
    /// Reasons that nothing a user does can remove.
    out_of_reach: usize,
    reasons: usize,
    /// The sum of what is left to do for each, from 0 to 1.
    distance: f64,
}

impl Plan {
    /// A single thing is lacking.
    pub(crate) fn from_reason(reason: Reason, is_out_of_reach: bool, distance: f64) -> Self {
        let cost = PlanCost { out_of_reach: usize::from(is_out_of_reach), reasons: 1, distance };
        Self { reasons: vec![reason], cost }
    }

    /// All of them must be fulfilled.
    pub(crate) fn all_of(plans: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::default();
        for mut plan in plans {
            // Thousands of constants in a row are all the same reason.
            if !whole.reasons.ends_with(&plan.reasons) {
                whole.reasons.append(&mut plan.reasons);
            }
            whole.cost = whole.cost.plus(plan.cost);
        }
        whole
    }

    /// One of them must be fulfilled; the first of those that are equally near. None if there are none.
    pub(crate) fn nearest_of(plans: impl IntoIterator<Item = Self>) -> Option<Self> {
        plans.into_iter().min_by(|left, right| left.cost.order(right.cost))
    }

    pub(crate) fn cost(&self) -> PlanCost {
        self.cost
    }

    /// What is lacking, each once.
    pub(crate) fn into_reasons(self) -> Vec<Reason> {
        let mut seen = HashSet::new();
        let is_first: Vec<_> = (self.reasons.iter())
            .map(|reason| seen.insert((&reason.fact, reason.operator, &reason.target)))
            .collect();
        self.reasons
            .into_iter()
            .zip(is_first)
            .filter_map(|(reason, is_first)| is_first.then_some(reason))
            .collect()
    }
}

impl PlanCost {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            out_of_reach: self.out_of_reach + other.out_of_reach,
            reasons: self.reasons + other.reasons,
            distance: self.distance + other.distance,
        }
    }

    pub(crate) fn order(self, other: Self) -> Ordering {
        let whole = |cost: Self| (cost.out_of_reach, cost.reasons);
        whole(self).cmp(&whole(other)).then(self.distance.total_cmp(&other.distance))
    }
}
