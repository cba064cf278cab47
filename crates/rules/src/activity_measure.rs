/// What a condition may ask of a user's activities of one type, within the event's period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivityMeasure {
    /// `count`: how many there are.
    Count,
    /// `sum`: their values together, exactly.
    Sum,
    /// `max`: the largest of their values; null if none has a value.
    Max,
    /// `days`: on how many days of the event's time zone they were done.
    Days,
    /// `streak`: the consecutive days up to the latest of them.
    Streak,
}

impl ActivityMeasure {
    /// All measures, in the order in which messages list them.
    pub const ALL: [ActivityMeasure; 5] = [
        ActivityMeasure::Count,
        ActivityMeasure::Sum,
        ActivityMeasure::Max,
        ActivityMeasure::Days,
        ActivityMeasure::Streak,
    ];

    /// The last part of the fact's name.
    pub const fn name(self) -> &'static str {
        match self {
            ActivityMeasure::Count => "count",
            ActivityMeasure::Sum => "sum",
            ActivityMeasure::Max => "max",
            ActivityMeasure::Days => "days",
            ActivityMeasure::Streak => "streak",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}
