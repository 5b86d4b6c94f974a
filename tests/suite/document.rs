//! The OpenAPI document in the repository is the one that the service serves.

use icefront::http;

#[test]
fn the_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    let now = http::openapi().expect("a document");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if now != kept {
        std::fs::write(path, now).expect("a file");
        panic!(
            "openapi/openapi.json was out of date and has been written anew: review and commit it"
        );
    }
}
