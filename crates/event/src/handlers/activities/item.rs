//! One activity of a batch. It is read by itself, so that a fault in it spoils no other.

use deserr::Deserr;
use domain::{ActivityId, ActivityType, ActivityValue, Faults, Timestamp, UserId, normalise_numbers};
use serde_json::{Map, Value};

use crate::app::activities::ActivityReport;

/// The most bytes of JSON that an activity's properties can have.
const MOST_PROPERTY_BYTES: usize = 4 * 1024;

/// An activity, as it is reported.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(as = ReportedActivity, rename_all = "camelCase")]
pub(crate) struct ActivityItem {
    /// Its reporter's own id of it: one seen before changes nothing.
    id: ActivityId,
    /// Who did it.
    user_id: UserId,
    /// What it was.
    #[deserr(rename = "type")]
    #[schema(rename = "type")]
    activity_type: ActivityType,
    /// When it was done, which decides where it counts; when it arrives, if left out. At most 5 minutes ahead.
    #[deserr(default)]
    at: Option<Timestamp>,
    /// How much it was worth: at most 4 decimals, within ±1,000,000,000.
    #[deserr(default)]
    #[schema(value_type = Option<f64>, minimum = -1_000_000_000, maximum = 1_000_000_000)]
    value: Option<ActivityValue>,
    /// Whatever is to be kept with it, at most 4 KiB; conditions do not see it.
    #[deserr(default)]
    #[schema(value_type = Option<Object>)]
    properties: Option<Value>,
}

/// Reads one entry of a batch.
///
/// # Errors
/// What is wrong with it, with pointers into the entry.
pub(super) fn read_item(mut entry: Value) -> Result<ActivityReport, Faults> {
    normalise_numbers(&mut entry)?;
    let item: ActivityItem = deserr::deserialize::<_, _, Faults>(entry)?;
    Ok(ActivityReport {
        id: item.id,
        user_id: item.user_id,
        activity_type: item.activity_type,
        at: item.at,
        value: item.value,
        properties: item.properties.map(read_properties).transpose()?,
    })
}

fn read_properties(properties: Value) -> Result<Map<String, Value>, Faults> {
    let Value::Object(members) = properties else {
        return Err(Faults::new("/properties", "must be an object"));
    };
    if serde_json::to_string(&members).map_or(usize::MAX, |json| json.len()) > MOST_PROPERTY_BYTES {
        return Err(Faults::new("/properties", "must have at most 4096 bytes of JSON"));
    }
    Ok(members)
}
