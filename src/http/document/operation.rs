//! What an operation of the document takes.

use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};

/// All operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

/// Whether an operation has one of these parameters in a place.
pub(super) fn has_parameter(operation: &Operation, place: &ParameterIn, names: &[&str]) -> bool {
    let parameters = operation.parameters.iter().flatten();

    parameters.into_iter().any(|parameter| match parameter {
        RefOr::T(parameter) => {
            parameter.parameter_in == *place && names.contains(&parameter.name.as_str())
        }
        RefOr::Ref(_) => false,
    })
}

pub(super) fn takes_key(operation: &Operation) -> bool {
    has_parameter(operation, &ParameterIn::Header, &["Idempotency-Key"])
}
