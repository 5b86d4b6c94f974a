//! What single steps do. A step that several tasks take is here; each is recorded by `step`.

pub(super) mod columns;
pub(super) mod extract;
mod key_comparison;
pub(super) mod marts;
pub(super) mod models;
pub(super) mod optimize;
pub(super) mod stage;
