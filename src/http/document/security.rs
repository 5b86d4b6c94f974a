//! How callers show who they are, and the role that each operation needs.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

use super::operation::operations;
use crate::http::roles::role;

/// The names of the two ways to show who calls.
const BEARER: &str = "bearer";
const BASIC: &str = "basic";

pub(super) fn add(document: &mut OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A key that `icefront key new` made, or a token of an issuer of the settings",
        ));
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Any user name, and a key as the password"));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    components.add_security_scheme(BASIC, SecurityScheme::Http(basic.build()));
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let id = operation.operation_id.clone().unwrap_or_default();
        let schemes = role(&id).map(|role| {
            [BEARER, BASIC].map(|scheme| SecurityRequirement::new(scheme, [role.as_str()]))
        });
        operation.security = Some(schemes.into_iter().flatten().collect());
    }
}
