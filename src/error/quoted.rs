//! Cuts what a message quotes of a request: a caller knows what it sent, and an answer must not grow with it.

use std::borrow::Cow;

/// The most characters of a quoted word.
const LONGEST_WORD: usize = 200;
/// The most characters that are kept of each end of a message.
const LONGEST_END: usize = 2_000;

/// Cuts a word that was sent to 200 characters.
pub(crate) fn cut(word: &str) -> Cow<'_, str> {
    match word.char_indices().nth(LONGEST_WORD) {
        Some((end, _)) => Cow::Owned(format!("{}…", &word[..end])),
        None => Cow::Borrowed(word),
    }
}

/// Cuts each word of a message that stands in backticks, and then the middle of a message that is still too long.
pub(super) fn cut_quotes(message: &str) -> String {
    let parts: Vec<Cow<'_, str>> = message
        .split('`')
        .enumerate()
        .map(|(place, part)| {
            let is_quoted = place % 2 == 1;
            if is_quoted { cut(part) } else { part.into() }
        })
        .collect();

    without_middle(parts.join("`"))
}

fn without_middle(message: String) -> String {
    let characters = message.chars().count();
    if characters <= 2 * LONGEST_END {
        return message;
    }
    let begin = message.chars().take(LONGEST_END);
    let end = message.chars().skip(characters - LONGEST_END);

    begin.chain(['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_quote_is_cut() {
        let long = "ü".repeat(60_000);
        let cut = cut_quotes(&format!("`{long}` is no name; did you mean `orders`?"));

        let short = "ü".repeat(200);
        assert_eq!(
            cut,
            format!("`{short}…` is no name; did you mean `orders`?")
        );
        assert_eq!(cut_quotes("no `name` here"), "no `name` here");
    }

    #[test]
    fn a_message_that_quotes_a_long_value_keeps_its_end() {
        let cut = cut_quotes(&format!(
            "string \"{}\", expected a number",
            "x".repeat(60_000)
        ));

        assert!(cut.len() < 5_000, "{}", cut.len());
        assert!(cut.ends_with("expected a number"), "{cut}");
    }
}
