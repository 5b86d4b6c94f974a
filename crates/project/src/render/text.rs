//! Methods of texts and filters that Python's Jinja has and minijinja lacks.

use std::fmt::Write;

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Environment, Error, State, Value};

use super::invalid;

/// The digits of a width in a text for `format`.
const LONGEST_WIDTH: usize = 4;
/// Bytes of a text that cost one step.
const BYTES_PER_STEP: usize = 64;

pub(super) fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("center", center);
    environment.add_filter("truncate", truncate);
    environment.add_filter("urlencode", urlencode);
    environment.add_filter("wordcount", wordcount);
}

/// What a method of a text gives; nothing, if it is none of these.
pub(super) fn method(
    state: &State<'_, '_>,
    text: &str,
    method: &str,
    args: &[Value],
) -> Option<Result<Value, Error>> {
    Some(match method {
        "ljust" => justified(state, text, args, |_| 0),
        "rjust" => justified(state, text, args, |missing| missing),
        "center" => centered(state, text, args),
        "zfill" => zero_filled(state, text, args),
        "casefold" => nothing(args).map(|()| Value::from(text.to_lowercase().replace('ß', "ss"))),
        "swapcase" => nothing(args).map(|()| Value::from(swapped(text))),
        "partition" => partitioned(text, args),
        "rpartition" => partitioned_from_end(text, args),
        "format" => match check_widths(text) {
            Ok(()) => return None,
            Err(error) => Err(error),
        },
        "removeprefix" => one(args).map(|end| Value::from(text.strip_prefix(end).unwrap_or(text))),
        "removesuffix" => one(args).map(|end| Value::from(text.strip_suffix(end).unwrap_or(text))),
        _ => return None,
    })
}

/// Refuses a text for `format` with a width that takes much memory, or one that is known only later.
fn check_widths(text: &str) -> Result<(), Error> {
    let plain = text.replace("{{", "").replace("}}", "");
    let fields = plain.split('{').skip(1);
    let fields = fields.filter_map(|part| Some(part.split_once('}')?.0));
    let is_long = fields
        .flat_map(|field| field.split(|c: char| !c.is_ascii_digit()))
        .any(|number| number.len() > LONGEST_WIDTH);
    let has_inner = plain.split('}').any(|part| part.matches('{').count() > 1);
    if is_long || has_inner {
        return Err(invalid(
            "`format` takes widths of at most four digits, and none from its arguments".into(),
        ));
    }

    Ok(())
}

fn nothing(args: &[Value]) -> Result<(), Error> {
    from_args(args)
}

fn one(args: &[Value]) -> Result<&str, Error> {
    from_args(args).map(|(text,)| text)
}

/// The text with as many letters around it as make it `width` long. `before` says how many of the missing ones stand before it.
fn justified(
    state: &State<'_, '_>,
    text: &str,
    args: &[Value],
    before: impl Fn(usize) -> usize,
) -> Result<Value, Error> {
    let (width, fill): (usize, Option<char>) = from_args(args)?;

    padded(state, text, width, fill.unwrap_or(' '), before)
}

fn padded(
    state: &State<'_, '_>,
    text: &str,
    width: usize,
    fill: char,
    before: impl Fn(usize) -> usize,
) -> Result<Value, Error> {
    let missing = width.saturating_sub(text.chars().count());
    state.consume_fuel((missing / BYTES_PER_STEP) as u64)?;
    let before = before(missing);
    let fill = |count| std::iter::repeat_n(fill, count);
    let letters = fill(before)
        .chain(text.chars())
        .chain(fill(missing - before));

    Ok(Value::from(letters.collect::<String>()))
}

fn centered(state: &State<'_, '_>, text: &str, args: &[Value]) -> Result<Value, Error> {
    let (width,): (usize,) = from_args(&args[..args.len().min(1)])?;

    justified(state, text, args, |missing| left_of(missing, width))
}

/// How many of the missing letters Python puts before a centered text.
fn left_of(missing: usize, width: usize) -> usize {
    missing / 2 + (missing & width & 1)
}

fn zero_filled(state: &State<'_, '_>, text: &str, args: &[Value]) -> Result<Value, Error> {
    let (width,): (usize,) = from_args(args)?;
    let digits = text.trim_start_matches(['+', '-']);
    let sign = &text[..(text.len() - digits.len()).min(1)];
    let digits = &text[sign.len()..];
    let width = width.saturating_sub(sign.len());
    let digits = padded(state, digits, width, '0', |missing| missing)?;

    Ok(Value::from(format!("{sign}{digits}")))
}

fn swapped(text: &str) -> String {
    let swap = |letter: char| {
        if letter.is_uppercase() {
            letter.to_lowercase().to_string()
        } else {
            letter.to_uppercase().to_string()
        }
    };

    text.chars().map(swap).collect()
}

/// What stands before the first separator, the separator, and what stands behind it.
fn partitioned(text: &str, args: &[Value]) -> Result<Value, Error> {
    let separator = separator(args)?;
    let parts = match text.split_once(separator) {
        Some((before, behind)) => [before, separator, behind],
        None => [text, "", ""],
    };

    Ok(Value::from_iter(parts))
}

/// The same with the last separator.
fn partitioned_from_end(text: &str, args: &[Value]) -> Result<Value, Error> {
    let separator = separator(args)?;
    let parts = match text.rsplit_once(separator) {
        Some((before, behind)) => [before, separator, behind],
        None => ["", "", text],
    };

    Ok(Value::from_iter(parts))
}

fn separator(args: &[Value]) -> Result<&str, Error> {
    match one(args)? {
        "" => Err(invalid("the separator is empty".into())),
        separator => Ok(separator),
    }
}

/// `text | center(80)`
fn center(state: &mut State<'_, '_>, text: &Value, width: Option<usize>) -> Result<Value, Error> {
    let width = width.unwrap_or(80);

    padded(state, &text.to_string(), width, ' ', |missing| {
        left_of(missing, width)
    })
}

/// `text | truncate(length=255, killwords=false, end='...', leeway=5)`
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja gives arguments as values"
)]
fn truncate(
    text: &Value,
    length: Option<usize>,
    kills_words: Option<bool>,
    end: Option<String>,
    named: Kwargs,
) -> Result<Value, Error> {
    let length = length.or(named.get("length")?).unwrap_or(255);
    let kills_words = kills_words.or(named.get("killwords")?).unwrap_or(false);
    let end = end.or(named.get("end")?).unwrap_or_else(|| "...".into());
    let leeway = named.get::<Option<usize>>("leeway")?.unwrap_or(5);
    named.assert_all_used()?;
    let text = text.to_string();
    let kept = length.checked_sub(end.chars().count()).ok_or_else(|| {
        invalid(format!(
            "`truncate` needs a `length` of at least that of `{end}`"
        ))
    })?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(Value::from(text));
    }
    let cut: String = text.chars().take(kept).collect();
    let whole = match cut.rsplit_once(' ') {
        Some((words, _)) if !kills_words => words,
        _ => &cut,
    };

    Ok(Value::from(format!("{whole}{end}")))
}

/// Quotes a text for a URL; of a map it makes a query.
fn urlencode(value: &Value) -> Result<String, Error> {
    if value.kind() != ValueKind::Map {
        return Ok(quoted(&value.to_string(), "-._~/"));
    }
    let mut pairs = Vec::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        let part = |value: &Value| quoted(&value.to_string(), "-._~ ").replace(' ', "+");
        pairs.push(format!("{}={}", part(&key), part(&item)));
    }

    Ok(pairs.join("&"))
}

fn quoted(text: &str, plain: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let letter = char::from(byte);
        if letter.is_ascii_alphanumeric() || plain.contains(letter) {
            out.push(letter);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }

    out
}

/// The number of words: letters, digits and `_`.
fn wordcount(text: &Value) -> usize {
    let text = text.to_string();
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');

    words.filter(|word| !word.is_empty()).count()
}
