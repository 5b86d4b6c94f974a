//! Writes JSON text: an object label by label, and quoted texts.

/// A JSON object that is being written.
pub(super) struct ObjectText(String);

impl ObjectText {
    /// Begins an object. `bytes` is about how long it gets.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut json = String::with_capacity(bytes);
        json.push('{');

        Self(json)
    }

    /// How long it is by now.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push_null(&mut self, label: &str) {
        self.push_json(label, "null");
    }

    pub(super) fn push_text(&mut self, label: &str, text: &str) {
        self.push_label(label);
        quote(text, &mut self.0);
    }

    pub(super) fn push_json(&mut self, label: &str, json: &str) {
        self.push_label(label);
        self.0.push_str(json);
    }

    /// Ends the object.
    pub(super) fn finish(mut self) -> String {
        self.0.push('}');

        self.0
    }

    fn push_label(&mut self, label: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(label);
    }
}

/// The label of a member: its name as JSON, and a colon.
pub(super) fn label(name: &str) -> String {
    let mut json = String::with_capacity(name.len() + 3);
    quote(name, &mut json);
    json.push(':');

    json
}

/// Appends bytes as hexadecimal digits.
pub(super) fn push_hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
        text.extend(digits.into_iter().flatten());
    }
}

/// Appends a text as JSON.
fn quote(text: &str, json: &mut String) {
    json.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.push_str(&text[plain..at]);
        plain = at + 1;
        escape(byte, json);
    }
    json.push_str(&text[plain..]);
    json.push('"');
}

fn escape(byte: u8, json: &mut String) {
    match byte {
        b'"' => json.push_str("\\\""),
        b'\\' => json.push_str("\\\\"),
        b'\n' => json.push_str("\\n"),
        b'\r' => json.push_str("\\r"),
        b'\t' => json.push_str("\\t"),
        other => {
            json.push_str("\\u00");
            push_hex(&[other], json);
        }
    }
}
