//! The vocabulary every part of Guerdon shares: ids, times, roles, entities. Pure: no I/O, no ambient clock
//! or randomness.

mod activity;
mod api_key;
mod attribute;
mod audit;
mod claim;
mod clock;
mod email;
mod event;
mod fault;
mod id;
mod ledger;
mod named_values;
mod numbers;
mod random;
mod reward;
mod role;
mod secret;
mod text;
mod timestamp;
mod user;

pub use activity::{
    Activity, ActivityId, ActivityType, ActivityValue, InvalidActivityId, InvalidActivityType,
    InvalidActivityValue,
};
pub use api_key::{ApiKey, ApiKeyScope, ApiKeyScopeSet};
pub use attribute::{
    AttributeMap, AttributeName, AttributeValue, InvalidAttributeName, InvalidAttributeValue, MOST_ATTRIBUTES,
};
pub use audit::{AuditAction, AuditActor, AuditActorKind, AuditObject, AuditObjectKind, ChangeAuthor};
pub use claim::{Claim, ClaimStatus, ClaimWork, Decider, DecisionTrace, Ruling, Verdict};
pub use clock::{Clock, ManualClock, SystemClock};
pub use email::{Email, InvalidEmail};
pub use event::{Approval, Event, EventStatus, Phase, RewardPlace};
pub use fault::{Fault, Faults, json_pointer, read_text};
pub use id::{ApiKeyId, ClaimId, EventId, IdGenerator, InvalidId, MintedId, ObjectId, RewardId, UserId};
pub use ledger::{LedgerEntry, LedgerKind};
pub use named_values::UnknownName;
pub use numbers::{MAX_WHOLE_NUMBER, normalise_numbers};
pub use random::RandomSource;
pub use reward::{Reward, RewardKind, RewardType};
pub use role::{Role, RoleSet};
pub use secret::Secret;
pub use text::{
    CharacterFault, InvalidText, RefusedCharacter, TextBlock, TextLine, fold_text, normalise_text,
};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use user::User;
