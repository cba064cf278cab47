//! Taking back what was approved, and noting what workers have done.

use domain::{ClaimId, ClaimStatus, ClaimWork};
use sqlx::SqliteConnection;
use store_kit::{audit::sqlite::append_draft, error::StoreError, row::log_unreadable, sqlite::Sqlite};

use super::{
    claims::{ClaimRow, FIND_REQUEST, seats_text},
    id_list, read_row, stock, to_json,
};
use crate::{Revocation, RevokeOutcome, StoredClaim, audit::claim_revoked};

const REVOKE: &str = "UPDATE reward_requests SET status = 'REVOKED', revocation = $2, work = 'REVERSE', seats = $4, \
    updated_at = $3 \
    WHERE id = $1 AND status = 'APPROVED'";

const FINISH: &str = "UPDATE reward_requests SET work = NULL \
    WHERE id IN (SELECT value FROM json_each($1)) AND work = $2";

/// One transaction.
pub(super) async fn revoke(db: &Sqlite, revocation: Revocation) -> Result<RevokeOutcome, StoreError> {
    db.write(move |connection| Box::pin(revoke_one(connection, revocation))).await?
}

/// Nobody else writes while this runs, so what was read still holds when it is changed.
async fn revoke_one(
    connection: &mut SqliteConnection,
    revocation: Revocation,
) -> Result<Result<RevokeOutcome, StoreError>, sqlx::Error> {
    let Revocation { claim: id, verdict, returned, stamp, .. } = revocation;
    let find = sqlx::query(FIND_REQUEST).bind(id.to_string());
    let Some(row) = find.fetch_optional(&mut *connection).await? else {
        return Ok(Ok(RevokeOutcome::Unknown));
    };
    let mut claim = match read_row::<ClaimRow, StoredClaim>(&row).value {
        Ok(stored) => stored.request,
        Err(error) => {
            log_unreadable("reward_requests", &id.to_string(), &error);
            return Ok(Err(error));
        }
    };
    if claim.status != ClaimStatus::Approved {
        return Ok(Ok(RevokeOutcome::NotApproved(claim)));
    }
    let (returned, kept) = claim.seats.into_iter().partition::<Vec<_>, _>(|seat| returned.contains(seat));
    claim.seats = kept;
    sqlx::query(REVOKE)
        .bind(id.to_string())
        .bind(to_json(&verdict)?)
        .bind(verdict.at.as_millis())
        .bind(seats_text(&claim.seats)?)
        .execute(&mut *connection)
        .await?;
    append_draft(&mut *connection, claim_revoked(stamp, id, verdict.reason.as_deref())).await?;
    for counter in returned {
        stock::add_seats(&mut *connection, counter, 1).await?;
    }
    (claim.status, claim.work) = (ClaimStatus::Revoked, Some(ClaimWork::Reverse));
    (claim.updated_at, claim.revocation) = (verdict.at, Some(verdict));
    Ok(Ok(RevokeOutcome::Revoked(claim)))
}

pub(super) async fn finish_work(
    db: &Sqlite,
    claims: Vec<ClaimId>,
    work: ClaimWork,
) -> Result<(), StoreError> {
    let ids = id_list(claims.iter());
    let write = db.write(move |connection| {
        Box::pin(async move {
            let finish = sqlx::query(FINISH).bind(ids).bind(work.name());
            finish.execute(connection).await.map(drop)
        })
    });
    write.await
}
