use super::Outcome;
use crate::assembly;

/// Prints the document `/openapi.json` serves.
pub(crate) fn print_document() -> Outcome {
    println!("{}", assembly::api_document().to_pretty_json()?);
    Ok(())
}
