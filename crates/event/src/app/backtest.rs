use domain::{EventId, Role, RoleSet, UserId};
use event_store::StoreError;
use futures::{StreamExt, TryStreamExt, stream};
use rules::Condition;
use service_kit::identity::Caller;

use crate::{catalogue::EventWithCondition, service::EventService};

/// Users in one step: few enough that a step takes well under the time a request has.
const USERS_PER_STEP: usize = 500;
/// Users whose facts are loaded at the same time: claims find the store free.
const AT_ONCE: usize = 4;
/// Users named as examples of each kind.
const MOST_SAMPLES: usize = 10;

/// What a draft of a condition would change, among some of the users with recorded activity.
#[derive(Debug, Default)]
pub(crate) struct BacktestStep {
    /// How many users were looked at.
    pub(crate) evaluated: usize,
    /// How many the draft admits.
    pub(crate) qualifying: usize,
    /// Those it admits and the present condition does not.
    pub(crate) gained: ChangedUsers,
    /// Those it does not admit and the present condition does.
    pub(crate) lost: ChangedUsers,
    /// Where the next step begins; none if all were looked at.
    pub(crate) next: Option<UserId>,
}

/// Users for whom something changes.
#[derive(Debug, Default)]
pub(crate) struct ChangedUsers {
    pub(crate) count: usize,
    /// The first of them.
    pub(crate) samples: Vec<UserId>,
}

impl ChangedUsers {
    fn add(&mut self, user: UserId) {
        self.count += 1;
        if self.samples.len() < MOST_SAMPLES {
            self.samples.push(user);
        }
    }
}

/// Why a draft is not tried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BacktestError {
    #[error("there is no such event")]
    UnknownEvent,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// Tries a draft on the next users with recorded activity, as if they claimed now with the role USER: which roles they
    /// have is not known here. A step is bounded; whoever wants all users asks for the next, and whoever has seen enough
    /// does not.
    pub(crate) async fn backtest_step(
        &self,
        event: EventId,
        draft: &Condition,
        after: Option<UserId>,
    ) -> Result<BacktestStep, BacktestError> {
        let found = self.catalogue.find_event(event).await?.ok_or(BacktestError::UnknownEvent)?;
        let users = self.stores.activities.users(after, USERS_PER_STEP).await?;
        let next = (users.len() == USERS_PER_STEP).then(|| users.last().copied()).flatten();
        let verdicts = stream::iter(users)
            .map(|user| self.judge_user(&found, draft, user))
            .buffered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
        let mut step = BacktestStep { evaluated: verdicts.len(), next, ..BacktestStep::default() };
        for UserVerdicts { user, by_draft, at_present } in verdicts {
            step.qualifying += usize::from(by_draft);
            match (at_present, by_draft) {
                (false, true) => step.gained.add(user),
                (true, false) => step.lost.add(user),
                _ => {}
            }
        }
        Ok(step)
    }

    async fn judge_user(
        &self,
        event: &EventWithCondition,
        draft: &Condition,
        user: UserId,
    ) -> Result<UserVerdicts, StoreError> {
        let caller = Caller { id: user, roles: RoleSet::from_roles(&[Role::User]) };
        let now = self.now();
        let by_draft = self.load_facts(&event.event, draft, &caller, now).await?;
        let at_present = self.load_facts(&event.event, &event.condition, &caller, now).await?;
        Ok(UserVerdicts {
            user,
            by_draft: draft.evaluate(&by_draft).eligible,
            at_present: event.condition.evaluate(&at_present).eligible,
        })
    }
}

struct UserVerdicts {
    user: UserId,
    by_draft: bool,
    at_present: bool,
}
