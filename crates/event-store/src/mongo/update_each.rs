//! Many updates in one command, each done or not by itself.

use mongodb::bson::{Bson, Document, doc};
use serde::Deserialize;
use store_kit::{
    error::StoreError,
    mongo::{Mongo, is_duplicate_code},
};

use crate::STORE;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateReply {
    #[serde(default)]
    write_errors: Vec<WriteErrorReply>,
    write_concern_error: Option<Bson>,
}

#[derive(Debug, Deserialize)]
struct WriteErrorReply {
    index: usize,
    code: i32,
    #[serde(default)]
    errmsg: String,
}

/// Carries out updates (`q`, `u`) and upserts (with `upsert`), confirmed by the majority. Returns which of them, by their places, met a
/// document that has their key and does not match their filter. Any other failure is everybody's.
pub(super) async fn update_each(
    mongo: &Mongo,
    collection: &str,
    updates: Vec<Document>,
) -> Result<Vec<usize>, StoreError> {
    if updates.is_empty() {
        return Ok(Vec::new());
    }
    let command = doc! {
        "update": collection,
        "updates": updates,
        "ordered": false,
        "writeConcern": { "w": "majority" },
        "maxTimeMS": i64::try_from(mongo.limit().as_millis()).unwrap_or(i64::MAX),
    };
    let reply: UpdateReply = read_reply(mongo.run(mongo.database().run_command(command)).await?)?;
    if let Some(error) = reply.write_concern_error {
        return Err(StoreError::unavailable(STORE, error.to_string()));
    }
    let refused = |error: &WriteErrorReply| {
        if is_duplicate_code(error.code) {
            Ok(error.index)
        } else {
            Err(StoreError::unavailable(STORE, error.errmsg.clone()))
        }
    };
    reply.write_errors.iter().map(refused).collect()
}

fn read_reply(reply: Document) -> Result<UpdateReply, StoreError> {
    mongodb::bson::deserialize_from_document(reply).map_err(super::corrupt_document)
}
