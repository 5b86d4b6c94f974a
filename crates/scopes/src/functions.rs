//! What the analysis knows of Trino's functions.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How the result of a function depends on its arguments. `functions.txt` explains the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Strict,
    Lax,
    Clock,
    Random,
    Aggregate,
    Loose,
    Window,
    LooseWindow,
}

impl Kind {
    pub(crate) fn is_aggregate(self) -> bool {
        matches!(self, Self::Aggregate | Self::Loose)
    }
}

/// The kind of the built-in function of this name, or nothing if it is unknown.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    static KINDS: LazyLock<HashMap<&str, Kind>> = LazyLock::new(read);

    KINDS.get(name.to_ascii_lowercase().as_str()).copied()
}

fn read() -> HashMap<&'static str, Kind> {
    include_str!("functions.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(kind, names)| {
            let kind = match kind {
                "strict" => Kind::Strict,
                "lax" => Kind::Lax,
                "clock" => Kind::Clock,
                "random" => Kind::Random,
                "aggregate" => Kind::Aggregate,
                "loose" => Kind::Loose,
                "window" => Kind::Window,
                "loose-window" => Kind::LooseWindow,
                other => unreachable!("functions.txt has no kind {other}"),
            };
            names.split_whitespace().map(move |name| (name, kind))
        })
        .collect()
}
