//! Writes the page of the problems from the source of `src/error`: the match that answers, the classes, and the messages.

use std::collections::BTreeMap;

use icefront::error::Problem;

use super::{cell, keep};

const INTRODUCTION: &str = "\
Every answer with a status of 400 or more is `application/problem+json` (RFC 9457).
The `error` of a run that failed or was cancelled has the same form.

```json
{
  \"type\": \"urn:icefront:problem:not-found\",
  \"title\": \"The name does not exist\",
  \"status\": 404,
  \"detail\": \"there is no pipeline `shpo`; did you mean `shop`?\",
  \"retryable\": false
}
```

- `type` is `urn:icefront:problem:` and one of the words below. It is never renamed.
- `detail` says what happened and what to do. It quotes neither data nor addresses; the log has the cause.
- `retryable` says whether the same call may work later although nobody changed anything.
- `field` names the part of the request that is wrong; `run_id` and `step` say where it happened.
- `request_id` is the id of the call, which the log has too; the `error` of a run has none.
- `trino_query_id`, `trino_error_name` and `line` identify the statement that Trino failed.

[Runs that a scheduler can trust](../explanation/runs.md#faults) says what the service does about each class.
A `{name}` in a detail stands for what the problem is about.
";

struct Answer {
    slug: String,
    status: String,
    title: String,
}

#[test]
fn the_page_of_the_problems_is_up_to_date() {
    let answers = answers(include_str!("../../../src/error/problem.rs"));
    let classes = classes(include_str!("../../../src/error/class.rs"));
    let meanings = meanings(include_str!("../../../src/error/mod.rs"));
    let details = details(include_str!("../../../src/error/mod.rs"));
    assert!(
        answers.len() > 30,
        "the answers are written in another way now"
    );

    let shown: Vec<String> = icefront::error::examples()
        .iter()
        .map(|error| Problem::from(error).slug().to_owned())
        .collect();
    for (_, Answer { slug, .. }) in &answers {
        let times = shown.iter().filter(|shown| *shown == slug).count();
        assert_eq!(
            times, 1,
            "`{slug}` needs one example in src/error/examples.rs"
        );
    }

    let mut body = vec![INTRODUCTION.to_owned()];
    body.push("\n| type | status | title | class |\n|---|---|---|---|\n".to_owned());
    for (
        variant,
        Answer {
            slug,
            status,
            title,
        },
    ) in &answers
    {
        let class = classes.get(variant).map_or_else(
            || "by Trino's error name".to_owned(),
            |class| format!("`{class}`"),
        );
        body.push(format!(
            "| [`{slug}`](#{slug}) | {status} | {} | {class} |\n",
            cell(title)
        ));
    }
    for (
        variant,
        Answer {
            slug,
            status,
            title,
        },
    ) in &answers
    {
        let detail = &details[variant];
        let meaning = meanings.get(variant).map_or("", String::as_str);
        let meaning = if meaning.trim_end_matches('.') == title {
            ""
        } else {
            meaning
        };
        body.push(
            format!("\n## {slug}\n\n**{status}. {title}.** {meaning}")
                .trim_end()
                .to_owned(),
        );
        body.push("\n".to_owned());
        if !detail.is_empty() {
            body.push(format!("\n> {}\n", cell(detail)));
        }
    }

    keep("problems.md", "Problems", &body.concat());
}

/// Status, slug and title of each variant, in the order of the match.
fn answers(source: &str) -> Vec<(String, Answer)> {
    let body = between(source, "match error {", "\n}\n");
    body.split("Error::")
        .skip(1)
        .map(|arm| {
            let quoted: Vec<&str> = arm.split('"').collect();
            let status: String = after(arm, "=>")
                .chars()
                .filter(char::is_ascii_digit)
                .take(3)
                .collect();
            let [slug, title] = [1, 3].map(|at| quoted[at].to_owned());

            (
                variant_of(arm),
                Answer {
                    slug,
                    status,
                    title,
                },
            )
        })
        .collect()
}

/// The documentation of each variant; empty if it has none.
fn meanings(source: &str) -> BTreeMap<String, String> {
    let mut meanings = BTreeMap::new();
    let mut words: Vec<&str> = Vec::new();
    for line in between(source, "pub enum Error {", "\n}\n").lines() {
        let Some(line) = line
            .strip_prefix("    ")
            .filter(|line| !line.starts_with(' '))
        else {
            continue;
        };
        let name = variant_of(line);
        if let Some(more) = line.strip_prefix("/// ") {
            words.push(more);
        } else if name.starts_with(|sign: char| sign.is_ascii_uppercase()) {
            meanings.insert(name, words.join(" "));
            words.clear();
        }
    }

    meanings
}

/// The class of each variant that has a fixed class.
fn classes(source: &str) -> BTreeMap<String, String> {
    let mut classes = BTreeMap::new();
    let body = between(
        source,
        "match self {\n            Self::SourceUnavailable",
        "\n        }\n",
    );
    let mut waiting = vec!["SourceUnavailable".to_owned()];
    for arm in body.split("Self::") {
        let name = variant_of(arm);
        if name.chars().next().is_some_and(char::is_uppercase) {
            waiting.push(name);
        }
        let Some((_, class)) = arm.split_once("=> Class::") else {
            if arm.contains("=>") {
                waiting.clear();
            }
            continue;
        };
        for name in waiting.drain(..) {
            classes.insert(name, variant_of(class).to_lowercase());
        }
    }

    classes
}

/// The message of each variant; empty if it comes from elsewhere.
fn details(source: &str) -> BTreeMap<String, String> {
    let body = between(source, "pub enum Error {", "\n}\n");
    body.split("#[error(")
        .skip(1)
        .map(|variant| {
            let (words, rest) = variant.split_once(")]").expect("an end of the words");
            let words = words.trim().trim_start_matches('"');
            let words = words.rsplit_once('"').map_or("", |(words, _)| words);
            let words = words
                .replace("{}", "…")
                .replace("{0}", "…")
                .replace("{{", "{")
                .replace("}}", "}");
            let is_own = !["{detail}", "…", ""].contains(&words.as_str());

            (
                variant_of(rest.trim_start()),
                if is_own { words } else { String::new() },
            )
        })
        .collect()
}

fn variant_of(text: &str) -> String {
    text.chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = after(text, begin);

    rest.split_once(end).map_or(rest, |(found, _)| found)
}

fn after<'a>(text: &'a str, begin: &str) -> &'a str {
    text.split_once(begin)
        .unwrap_or_else(|| panic!("`{begin}` is not there"))
        .1
}
