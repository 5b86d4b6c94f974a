//! The causes of an error, for the log alone.

/// A cause that is logged once at the boundary and never sent: it may quote data or addresses.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The chain of causes, nearest first, for the log.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(error.source(), |cause| cause.source());
    let words: Vec<String> = chain.map(ToString::to_string).collect();

    words.join(": ")
}
