use axum::{Json, extract::State};
use domain::{ClaimId, RewardId, Timestamp, UserId};
use serde::Serialize;
use service_kit::{
    extract::{LoggedInOrKey, PathId, scope::GrantsRead},
    identity::UserOrKey,
    problem::Refused,
};

use crate::{app::grants::ShowLedgerError, service::EventService, wallet::Wallet};

/// What a user has of all that was granted to them.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Wallet)]
pub(crate) struct WalletView {
    /// Below zero where points were taken back that are spent by now.
    points: i64,
    items: Vec<WalletItemView>,
    coupons: Vec<WalletCouponView>,
    badges: Vec<WalletBadgeView>,
}

/// Pieces of an item.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WalletItem)]
struct WalletItemView {
    item_id: String,
    quantity: i64,
}

/// A badge, and how many times it was granted.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WalletBadge)]
struct WalletBadgeView {
    badge_id: String,
    count: i64,
}

/// A coupon.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WalletCoupon)]
struct WalletCouponView {
    reward_id: RewardId,
    /// The reward request that brought it.
    request_id: ClaimId,
    name: String,
    /// Not shown to servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    coupon_code: Option<String>,
    expiry: Timestamp,
    granted_at: Timestamp,
}

impl WalletView {
    fn new(wallet: Wallet, with_codes: bool) -> Self {
        let item = |(item_id, quantity)| WalletItemView { item_id, quantity };
        let badge = |(badge_id, count)| WalletBadgeView { badge_id, count };
        let coupons = wallet.coupons.into_iter().map(|coupon| WalletCouponView {
            reward_id: coupon.reward,
            request_id: coupon.claim,
            name: coupon.name,
            coupon_code: with_codes.then_some(coupon.code),
            expiry: coupon.expiry,
            granted_at: coupon.granted_at,
        });
        Self {
            points: wallet.points,
            items: wallet.items.into_iter().map(item).collect(),
            coupons: coupons.collect(),
            badges: wallet.badges.into_iter().map(badge).collect(),
        }
    }
}

service_kit::refusals! {
    /// Why a wallet is not shown.
    pub(crate) enum GetWalletRefusal {
        /// Only staff sees what others have.
        NotForThem = Forbidden,
    }
}

impl From<ShowLedgerError> for Refused<GetWalletRefusal> {
    fn from(error: ShowLedgerError) -> Self {
        match error {
            ShowLedgerError::Others => GetWalletRefusal::NotForThem.into(),
            ShowLedgerError::Store(error) => error.into(),
        }
    }
}

/// Show a user's wallet
///
/// What the ledger comes to. Who was never granted anything, or does not exist, has an empty one.
#[utoipa::path(
    get,
    path = "/users/{id}/wallet",
    operation_id = "getWallet",
    tag = "Grants",
    params(("id" = UserId, Path, description = "The user's id")),
    responses((status = 200, description = "The wallet", body = WalletView), GetWalletRefusal)
)]
pub(crate) async fn get_wallet(
    State(service): State<EventService>,
    LoggedInOrKey(caller, ..): LoggedInOrKey<GrantsRead>,
    PathId(user): PathId<UserId>,
) -> Result<Json<WalletView>, Refused<GetWalletRefusal>> {
    let wallet = service.find_wallet(&caller, user).await?;
    Ok(Json(WalletView::new(wallet, matches!(caller, UserOrKey::User(_)))))
}
