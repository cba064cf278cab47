use axum::{Json, extract::State};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use domain::{Faults, InvalidText, RewardId};
use serde::Serialize;
use service_kit::{
    extract::{JsonOrCsvBody, Operator, PathId},
    problem::Refused,
};
use utoipa::ToSchema;

use super::code_lines::CodeLines;
use crate::{
    app::code_pools::{CodeImport, GivenCode, ImportCodesError, RejectedCode},
    service::EventService,
};

/// The most codes in one JSON body.
const MOST_CODES: usize = 10_000;

/// Codes for a pool.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = ImportCodes)]
pub(crate) struct ImportCodesBody {
    /// Each of 1 to 200 characters.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 10_000)]
    codes: CodeList,
}

/// 1 to [`MOST_CODES`] texts.
#[derive(Debug)]
struct CodeList(Vec<String>);

impl Deserr<Faults> for CodeList {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        let codes = <Vec<String> as Deserr<Faults>>::deserialize_from_value(value, at)?;
        if (1..=MOST_CODES).contains(&codes.len()) {
            Ok(Self(codes))
        } else {
            Err(Faults::new(domain::json_pointer(at), "must have 1 to 10000 codes; send more as text/csv"))
        }
    }
}

impl CodeList {
    /// As from a file with a code a line.
    fn into_given(self) -> impl Iterator<Item = GivenCode> {
        let codes = (1..).zip(self.0).filter(|(_, code)| !code.trim().is_empty());
        codes.map(|(line, code)| GivenCode {
            line,
            code: code.parse().map_err(|error: InvalidText| error.to_string()),
        })
    }
}

/// What became of the codes: imported, duplicates and rejected together are as many as were given, without blank ones.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodeImport)]
pub(crate) struct CodeImportView {
    /// Those that are new in the pool.
    #[schema(minimum = 0)]
    imported: u64,
    /// Those that are in the pool already, or were given twice.
    #[schema(minimum = 0)]
    duplicates: u64,
    /// Those that are no codes.
    #[schema(minimum = 0)]
    rejected_count: u64,
    /// The first hundred of these.
    #[schema(max_items = 100)]
    rejected: Vec<RejectedCodeView>,
}

/// What is wrong with a code that was given.
#[derive(Serialize, ToSchema)]
#[schema(as = RejectedCode)]
struct RejectedCodeView {
    /// Its line, or its place in the list, from 1.
    #[schema(minimum = 1)]
    line: u64,
    message: String,
}

impl From<CodeImport> for CodeImportView {
    fn from(CodeImport { imported, duplicates, rejected_count, rejected }: CodeImport) -> Self {
        let view = |RejectedCode { line, message }| RejectedCodeView { line, message };
        Self { imported, duplicates, rejected_count, rejected: rejected.into_iter().map(view).collect() }
    }
}

service_kit::refusals! {
    /// Why no codes are imported.
    pub(crate) enum ImportCodesRefusal {
        /// There is no such reward.
        UnknownReward = NotFound,
        /// The reward is no pool of coupons.
        NotAPool,
    }
}

impl From<ImportCodesError> for Refused<ImportCodesRefusal> {
    fn from(error: ImportCodesError) -> Self {
        match error {
            ImportCodesError::UnknownReward => ImportCodesRefusal::UnknownReward.into(),
            ImportCodesError::NotAPool => ImportCodesRefusal::NotAPool.into(),
            ImportCodesError::Store(error) => error.into(),
        }
    }
}

/// Import codes into a pool of coupons
///
/// A code is in a pool once, however often it is sent: what was cut off can be sent again as a whole. As CSV the first column
/// counts; a header `code`, blank lines, quotes and a byte order mark are understood, up to 32 MiB in one go. The new codes can be
/// claimed when this answers.
#[utoipa::path(
    post,
    path = "/rewards/{rewardId}/codes",
    operation_id = "importCodes",
    tag = "Rewards",
    params(("rewardId" = RewardId, Path, description = "The id of a reward that is a pool")),
    request_body(
        description = "The codes, as JSON or as lines",
        content((ImportCodesBody = "application/json"), (String = "text/csv"))
    ),
    responses((status = 200, description = "What became of them", body = CodeImportView), ImportCodesRefusal)
)]
pub(crate) async fn import_codes(
    State(service): State<EventService>,
    _operator: Operator,
    PathId(pool): PathId<RewardId>,
    body: JsonOrCsvBody<ImportCodesBody>,
) -> Result<Json<CodeImportView>, Refused<ImportCodesRefusal>> {
    let import = match body {
        JsonOrCsvBody::Json(body) => service.import_codes(pool, body.codes.into_given()).await?,
        JsonOrCsvBody::Csv(text) => service.import_codes(pool, CodeLines::new(text)).await?,
    };
    Ok(Json(import.into()))
}

#[cfg(test)]
mod tests;
