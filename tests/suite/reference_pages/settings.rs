//! Writes the page of the settings from `config.toml`.

use super::{cell, keep};

const INTRODUCTION: &str = "\
Settings come from a TOML file and from the environment; the environment wins.
`http.bind` is `ICEFRONT__HTTP__BIND` there. An unknown key stops the start, and the message names the nearest right one.

`icefront settings` prints the commented file that this page is made from.
Every secret can come from a file instead: `url_file`, `password_file`, `jwt_file`, `secret_file`, `routing_key_file`, `api_key_file`. A file is read again for each new connection.
If a secret is set by its value and by its file, the service does not start, and the message names both keys.
Relative paths count from the folder in which the service was started.
";

#[test]
fn the_page_of_the_settings_is_up_to_date() {
    let mut body = vec![INTRODUCTION.to_owned()];
    let mut is_in_example = false;
    for line in include_str!("../../../src/config/config.toml").lines() {
        let plain = line.trim_start_matches("# ");
        if let Some(section) = plain
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            is_in_example = plain != line;
            body.push(section_of(section, is_in_example));
        } else if let Some((setting, meaning)) = setting_of(plain) {
            let (name, default) = setting.split_once(" = ").expect("a key with a value");
            let is_shown_only = plain != line && !is_in_example;
            let shown = if is_shown_only {
                format!("none, such as `{default}`")
            } else {
                format!("`{default}`")
            };
            body.push(format!(
                "| `{name}` | {} | {} |\n",
                cell(&shown),
                cell(meaning)
            ));
        }
    }

    keep("settings.md", "Settings", &body.concat());
}

fn section_of(section: &str, is_example: bool) -> String {
    if section == "pipelines.allowed" {
        return "\n## [pipelines.allowed.&lt;pattern&gt;]\n\nWhat a pipeline may use, by its name; each `*` stands for any characters. Without an entry, every pipeline may use everything. Once there is one,\na pipeline that no pattern matches may use nothing. [What a pipeline may use](../guides/security.md#what-a-pipeline-may-use) explains it.\n".into();
    }
    if section == "connections" {
        return "\n## [connections.&lt;name&gt;]\n\nThe servers that pipelines read, each under the name that pipelines use.\n".into();
    }
    if section == "webhooks" {
        return "\n## [webhooks.&lt;name&gt;]\n\nThe receivers that are told when something happens, each under the name that the API uses. [Webhooks](../guides/webhooks.md) explains them.\n".into();
    }
    if section == "lineage" {
        return "\n## [lineage]\n\nThe server that is told of runs by events of OpenLineage. [Lineage](../guides/lineage.md) explains it, and the variables `OPENLINEAGE_URL` …\nthat set the same keys.\n\n| key | default | meaning |\n|---|---|---|\n".into();
    }
    if is_example {
        return format!(
            "For example `[{section}]`:\n\n| key | default or example | meaning |\n|---|---|---|\n"
        );
    }

    format!("\n## [{section}]\n\n| key | default | meaning |\n|---|---|---|\n")
}

/// A setting and its comment; `None` for any other line.
fn setting_of(line: &str) -> Option<(&str, &str)> {
    let (name, _) = line.split_once(" = ")?;
    if !name
        .chars()
        .all(|sign| sign.is_ascii_lowercase() || sign == '_')
    {
        return None;
    }
    let at = line.find(" # ").unwrap_or(line.len());

    Some((
        line[..at].trim(),
        line[at..].trim_start_matches(" # ").trim(),
    ))
}
