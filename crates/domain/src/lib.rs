//! The vocabulary every part of Guerdon shares: ids, times, roles, entities. Pure: no I/O, no ambient clock or randomness.

mod clock;
mod email;
mod event;
mod fault;
mod id;
mod names;
mod request;
mod reward;
mod role;
mod text;
mod timestamp;
mod user;

pub use clock::{Clock, ManualClock, SystemClock};
pub use email::Email;
pub use event::{Approval, Event, EventStatus, Phase};
pub use fault::{Fault, Faults, pointer, read_text};
pub use id::{ClaimId, EventId, IdGenerator, InvalidId, MintedId, ObjectId, RewardId, UserId};
pub use names::UnknownName;
pub use request::{Claim, ClaimStatus, DecisionTrace};
pub use reward::{Reward, RewardKind, RewardType};
pub use role::{Role, RoleSet, UnknownRole};
pub use text::{InvalidText, Line, Prose, fold_text};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use user::User;
