//! What Python's Jinja has and minijinja lacks, written as minijinja has it: lists and maps that change, and `'…' % values`.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, State, Value};

use super::list::List;
use super::map::Map;
use super::{invalid, json, size, text};

/// The functions and the filter that templates call instead, or besides.
const LIST: &str = "dbt_list__";
const MAP: &str = "dbt_map__";
const FORMAT: &str = "dbt_format__";
const HELD: &str = "dbt_held__";
/// Behind these words a list begins. Behind another word `[` takes an item.
const BEFORE_LISTS: [&str; 8] = ["in", "if", "elif", "else", "and", "or", "not", "is"];

/// Adds what translated templates call.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.set_unknown_method_callback(unknown_method);
    environment.add_function(LIST, List::of);
    environment.add_filter("list", List::of);
    environment.add_function(MAP, Map::of);
    environment.add_function("dict", Map::of_entries);
    environment.add_filter(FORMAT, formatted);
    environment.add_function(HELD, size::held);
    environment.add_filter("tojson", json::filter);
    text::add_filters(environment);
}

/// Python's methods, and why other lists do not change.
fn unknown_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let is_list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if is_list && matches!(method, "append" | "extend") {
        return Err(invalid(format!(
            "`{method}` changes lists that are written with `[…]`; make this one such by the filter `list`"
        )));
    }
    if value.kind() == ValueKind::Map && matches!(method, "update" | "setdefault" | "pop") {
        return Err(invalid(format!(
            "`{method}` changes maps that are written with `{{…}}`; make this one such by `dict(…)`"
        )));
    }
    if let Some(text) = value.as_str()
        && let Some(result) = text::method(state, text, method, args)
    {
        return result;
    }

    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
}

/// The text `'…' % values`: a tuple has several values.
fn formatted(state: &mut State<'_, '_>, text: Value, values: Value) -> Result<Value, Error> {
    let mut arguments = vec![text];
    if values.is_tuple() {
        arguments.extend(values.try_iter()?);
    } else {
        arguments.push(values);
    }

    state.apply_filter("format", &arguments)
}

/// The template with `dbt_list__([…])` for each list, `dbt_map__({…})` for each map, `'…' | dbt_format__(values)` for each `'…' % values`, and `dbt_held__((…))` around what is put into a namespace. Lines stay.
pub(super) fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with("{#") {
            rest.find("#}").map_or(rest.len(), |at| at + 2)
        } else if super::macros::is_raw(rest) {
            rest.find("endraw").map_or(rest.len(), |at| at + 6)
        } else if rest.starts_with("{{") || rest.starts_with("{%") {
            let tokens = tokens(&rest[2..]);
            let end = 2 + tokens.last().map_or(0, |token| token.end);
            out.push_str(&rest[..2]);
            out.push_str(&edited(&rest[2..end], &tokens));
            rest = &rest[end..];
            continue;
        } else {
            1
        };
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out.push_str(rest);

    out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Number,
    Text,
    Open,
    Close,
    Sign,
}

/// A part of a tag, by its bytes.
#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    begin: usize,
    end: usize,
}

/// The tokens of a tag, without its end.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut begin = 0;
    while let Some(first) = text[begin..].chars().next() {
        let rest = &text[begin..];
        let is_end = rest.starts_with("}}") || rest.starts_with("%}");
        if is_end && depth == 0 {
            break;
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length_of =
            |is_part: &dyn Fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (kind, length) = match first {
            '\'' | '"' => (Kind::Text, quoted_length(rest, first)),
            '(' | '[' | '{' => (Kind::Open, 1),
            ')' | ']' | '}' => (Kind::Close, 1),
            c if c.is_ascii_digit() => (Kind::Number, length_of(&|c| is_word(c))),
            c if is_word(c) => (Kind::Word, length_of(&is_word)),
            c => (Kind::Sign, c.len_utf8()),
        };
        match kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !first.is_whitespace() {
            tokens.push(Token {
                kind,
                begin,
                end: begin + length,
            });
        }
        begin += length;
    }

    tokens
}

/// Where the bracket ends with which the text begins, without its closing one.
pub(super) fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for token in tokens(text) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(token.begin);
        }
    }

    None
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }

    text.len()
}

/// A text to put before a byte.
struct Insertion {
    at: usize,
    text: &'static str,
}

fn edited(text: &str, tokens: &[Token]) -> String {
    let sign = |token: &Token| &text[token.begin..token.end];
    let mut insertions = Vec::new();
    let mut removed = Vec::new();
    let mut open: Vec<bool> = Vec::new();
    let held = held(text, tokens);
    if let Some(begin) = held {
        insertions.push(Insertion {
            at: begin,
            text: "dbt_held__((",
        });
    }
    for (place, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => {
                let before = place.checked_sub(1).and_then(|place| tokens.get(place));
                let is_list = sign(token) == "["
                    && before.is_none_or(|before| !is_value(*before, sign(before)));
                let function = match sign(token) {
                    "[" if is_list => Some("dbt_list__("),
                    "{" => Some("dbt_map__("),
                    _ => None,
                };
                insertions.extend(function.map(|text| Insertion {
                    at: token.begin,
                    text,
                }));
                open.push(function.is_some());
            }
            Kind::Close if open.pop() == Some(true) => {
                insertions.push(Insertion {
                    at: token.end,
                    text: ")",
                });
            }
            Kind::Sign if sign(token) == "%" => {
                let is_text = place
                    .checked_sub(1)
                    .is_some_and(|place| tokens[place].kind == Kind::Text);
                if let Some(end) = operand_end(text, tokens, place + 1).filter(|_| is_text) {
                    removed.push(token.begin);
                    insertions.push(Insertion {
                        at: token.end,
                        text: "| dbt_format__(",
                    });
                    insertions.push(Insertion { at: end, text: ")" });
                }
            }
            _ => {}
        }
    }
    let end = tokens.iter().rfind(|token| token.kind != Kind::Sign);
    if let Some(end) = end.filter(|_| held.is_some()) {
        insertions.push(Insertion {
            at: end.end,
            text: "))",
        });
    }
    insertions.sort_by_key(|insertion| insertion.at);
    let mut out = String::with_capacity(text.len() + 16 * insertions.len());
    let mut insertions = insertions.iter().peekable();
    for (at, c) in text.char_indices().chain([(text.len(), '\0')]) {
        while let Some(insertion) = insertions.next_if(|insertion| insertion.at <= at) {
            out.push_str(insertion.text);
        }
        if at < text.len() && !removed.contains(&at) {
            out.push(c);
        }
    }

    out
}

/// Where the value of `set name.part = …` begins, if this is in the tag.
fn held(text: &str, tokens: &[Token]) -> Option<usize> {
    let mut tokens = tokens
        .iter()
        .map(|token| (*token, &text[token.begin..token.end]))
        .skip_while(|(_, sign)| matches!(*sign, "-" | "+"));
    tokens.next().filter(|(_, word)| *word == "set")?;
    let mut is_part = false;
    loop {
        match tokens.next()? {
            (_, "=") => break,
            (_, ".") => is_part = true,
            _ => {}
        }
    }
    let (first, _) = tokens.next()?;

    is_part.then_some(first.begin)
}

/// Whether a token ends a value, of which `[` would take an item.
fn is_value(token: Token, text: &str) -> bool {
    match token.kind {
        Kind::Word => !BEFORE_LISTS.contains(&text),
        Kind::Number | Kind::Text | Kind::Close => true,
        Kind::Open | Kind::Sign => false,
    }
}

/// Where the operand that begins with a token ends, with its items, calls, attributes and filters.
fn operand_end(text: &str, tokens: &[Token], begin: usize) -> Option<usize> {
    let sign = |place: usize| {
        tokens
            .get(place)
            .map_or("", |token| &text[token.begin..token.end])
    };
    let mut place = begin;
    while matches!(sign(place), "-" | "+") {
        place += 1;
    }
    place = part_end(tokens, place)?;
    loop {
        place = match sign(place) {
            "(" | "[" => part_end(tokens, place)?,
            "." | "|" => part_end(tokens, place + 1)?,
            _ => break,
        };
    }

    tokens.get(place - 1).map(|token| token.end)
}

/// The place behind a word, a text, a number, or a pair of brackets with what is in it.
fn part_end(tokens: &[Token], begin: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(begin) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.checked_sub(1)?,
            Kind::Sign if depth == 0 => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(place + 1);
        }
    }

    None
}
