use std::collections::HashMap;

use domain::{ActivityType, Event, Timestamp, UserId};
use event_store::{ActivitySpan, StoreError};
use futures::future::{try_join, try_join_all};
use jiff::tz::TimeZone;
use rules::{ActivityTotals, Condition, Fact, Facts};
use service_kit::identity::Caller;

use crate::{activity_totals::total_activity, service::EventService};

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

impl EventService {
    /// The facts that a condition names, about a user at a moment. The others are not loaded. Activity counts within the
    /// event's period, and its days break at midnight of the event's zone.
    pub(crate) async fn load_facts(
        &self,
        event: &Event,
        condition: &Condition,
        user: &Caller,
        now: Timestamp,
    ) -> Result<Facts, StoreError> {
        let facts = user_facts(user, now);
        let names_attributes = condition.facts().iter().any(|fact| matches!(fact, Fact::Attribute(_)));
        let activity_types = condition.activity_types();
        if activity_types.is_empty() && !names_attributes {
            return Ok(facts);
        }
        let started = std::time::Instant::now();
        let attributes =
            async { if names_attributes { self.stores.attributes.find(user.id).await } else { Ok(None) } };
        let zone = TimeZone::get(&event.timezone).unwrap_or(TimeZone::UTC);
        let totals = activity_types.into_iter().map(|name| self.load_totals(event, &zone, user.id, name));
        let (attributes, activities) = try_join(attributes, try_join_all(totals)).await?;
        self.activity_figures.fact_duration.record(started.elapsed());
        Ok(Facts {
            activities: HashMap::from_iter(activities),
            attributes: attributes.map(|found| found.attributes).unwrap_or_default(),
            ..facts
        })
    }

    async fn load_totals(
        &self,
        event: &Event,
        zone: &TimeZone,
        user: UserId,
        activity_type: &ActivityType,
    ) -> Result<(ActivityType, ActivityTotals), StoreError> {
        let span = ActivitySpan {
            user,
            activity_type: activity_type.clone(),
            from: event.period_start,
            to: event.period_end.unwrap_or(Timestamp::MAX),
        };
        let days = self.stores.activities.active_days(&span).await?;
        Ok((span.activity_type, total_activity(&days, zone)))
    }
}

/// What is known of every user. When they registered is part of their id, to the second.
pub(crate) fn user_facts(user: &Caller, now: Timestamp) -> Facts {
    let age = now.as_millis() - user.id.0.minted_at().as_millis();
    let roles = user.roles.iter().map(|role| role.name().to_owned()).collect();
    Facts::new(user.id.to_string(), roles, age.max(0) / MILLIS_PER_DAY, now)
}
