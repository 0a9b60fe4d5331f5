//! Changes members of a JSON request in passing: the model's name, whether a stream shall tell its usage, whether the
//! model may use tools.
//!
//! Requests may be large (pictures in a chat) and come in pieces, so nothing is parsed whole: every byte but those of
//! these members passes as it came, whatever the pieces. What is no JSON object passes unchanged.

#[cfg(test)]
mod tests;

use serde_json::Value;
use serde_json::json;

/// A key longer than this, as written, is none of those that matter.
const KEY_BYTES: usize = 128;

/// `stream_options` longer than this pass unchanged: an object of a few flags is meant.
const OPTIONS_BYTES: usize = 4096;

/// What is changed in a request's body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// What `model` becomes; `None`: it stays.
    pub model: Option<String>,
    /// Sets `stream_options.include_usage` where `stream` is true.
    pub include_usage: bool,
    /// The JSON that `tool_choice` becomes where there are `tools`; `None`: it stays.
    pub tool_choice: Option<&'static str>,
}

/// One request's body being changed.
#[derive(Debug)]
pub struct Rewriter {
    edit: Edit,
    at: At,
    /// The member that is being read.
    key: Vec<u8>,
    /// What is held back of `stream_options`, or read of `stream`.
    held: Vec<u8>,
    nested: Nested,
    streams: bool,
    options: Options,
    has_tools: bool,
    has_tool_choice: bool,
}

/// Where in the document the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the document's first byte.
    Start,
    /// In the object, before a key, a comma or its end.
    Members,
    /// In a key; whether the byte before was a backslash.
    Key { escaped: bool },
    /// Between a key and its value.
    Colon,
    /// In a value of this member.
    Value(Member),
    /// Behind the object, or in something that is none.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Model,
    Stream,
    Options,
    ToolChoice,
    Other,
}

/// How far inside a value the next byte stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Nested {
    begun: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

/// What is known of `stream_options`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Options {
    #[default]
    Absent,
    /// The client asks for usage itself, or says something that is not understood.
    Left,
    /// The client did not ask, and now it does.
    Changed,
}

impl Rewriter {
    /// Begins with a body.
    pub fn new(edit: Edit) -> Self {
        Self {
            edit,
            at: At::Start,
            key: Vec::new(),
            held: Vec::new(),
            nested: Nested::default(),
            streams: false,
            options: Options::default(),
            has_tools: false,
            has_tool_choice: false,
        }
    }

    /// A whole body, changed; with it whether its client did not ask for the usage that will come.
    pub fn whole(edit: Edit, body: &[u8]) -> (Vec<u8>, bool) {
        let mut rewriter = Self::new(edit);
        let mut out = Vec::with_capacity(body.len() + 64);
        rewriter.push(body, &mut out);
        rewriter.finish(&mut out);
        (out, rewriter.has_asked())
    }

    /// Takes the next bytes and gives what they become, as far as that is known.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            if self.at == At::Rest {
                return out.extend_from_slice(rest);
            }
            if !self.step(byte, out) {
                continue;
            }
            rest = behind;
        }
    }

    /// The body is over: what was held back of a document that broke off.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.at == At::Value(Member::Options) {
            out.append(&mut self.held);
        }
        self.at = At::Rest;
    }

    /// Whether usage was asked for that the client itself did not ask for; known once the object has ended.
    pub fn has_asked(&self) -> bool {
        self.streams && self.options == Options::Changed
    }

    /// Takes one byte; `false`: it ends what came before and must be looked at again.
    fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        match self.at {
            At::Start => {
                // A byte order mark is no JSON, but some servers take it.
                self.at = match byte {
                    b'{' => At::Members,
                    b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf => At::Start,
                    _ => At::Rest,
                };
            }
            At::Members => match byte {
                b'"' => {
                    self.key.clear();
                    self.at = At::Key { escaped: false };
                }
                b'}' => {
                    self.add_missing(out);
                    self.at = At::Rest;
                }
                b',' | b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => self.at = At::Rest,
            },
            At::Key { escaped } => {
                self.at = match byte {
                    b'"' if !escaped => At::Colon,
                    _ => At::Key { escaped: byte == b'\\' && !escaped },
                };
                if self.at != At::Colon && self.key.len() < KEY_BYTES {
                    self.key.push(byte);
                }
            }
            At::Colon => match byte {
                b':' => {
                    self.nested = Nested::default();
                    self.held.clear();
                    self.at = At::Value(self.member());
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => self.at = At::Rest,
            },
            At::Value(member) => return self.value(member, byte, out),
            At::Rest => {}
        }
        out.push(byte);
        true
    }

    /// Which member a key, as written, names.
    fn member(&mut self) -> Member {
        let Edit { model, include_usage, tool_choice } = &self.edit;
        let is = |name: &str| match self.key.contains(&b'\\') {
            false => self.key == name.as_bytes(),
            true => {
                let quoted = [b"\"", &self.key[..], b"\""].concat();
                serde_json::from_slice::<String>(&quoted).is_ok_and(|key| key == name)
            }
        };
        match () {
            () if model.is_some() && is("model") => Member::Model,
            () if *include_usage && is("stream") => Member::Stream,
            () if *include_usage && is("stream_options") => Member::Options,
            () if tool_choice.is_some() && is("tool_choice") => Member::ToolChoice,
            () if tool_choice.is_some() && is("tools") => {
                self.has_tools = true;
                Member::Other
            }
            () => Member::Other,
        }
    }

    fn value(&mut self, member: Member, byte: u8, out: &mut Vec<u8>) -> bool {
        let before = self.nested;
        let ends_before =
            before.begun && before.depth == 0 && !before.in_string && matches!(byte, b',' | b'}');
        if ends_before {
            self.end_of_value(member, out);
            self.at = At::Members;
            return false;
        }
        self.nested.take(byte);
        match member {
            Member::Other => out.push(byte),
            Member::Stream => {
                if self.held.len() < KEY_BYTES {
                    self.held.push(byte);
                }
                out.push(byte);
            }
            // The string, and nothing that stands around it, makes way for the other name.
            Member::Model if before.in_string || self.nested.in_string => {
                if before.in_string && !self.nested.in_string && before.depth == 0 {
                    let name = self.edit.model.as_deref().unwrap_or_default();
                    out.extend_from_slice(json!(name).to_string().as_bytes());
                } else if before.depth > 0 {
                    out.push(byte);
                }
            }
            Member::Model => out.push(byte),
            Member::ToolChoice => {}
            Member::Options if self.held.len() < OPTIONS_BYTES => self.held.push(byte),
            Member::Options => {
                self.options = Options::Left;
                out.append(&mut self.held);
                out.push(byte);
                self.at = At::Value(Member::Other);
            }
        }
        true
    }

    fn end_of_value(&mut self, member: Member, out: &mut Vec<u8>) {
        match member {
            Member::Stream => self.streams = self.held.trim_ascii() == b"true",
            Member::Options => {
                let parsed = serde_json::from_slice::<Value>(&self.held);
                match parsed {
                    Ok(Value::Object(mut options)) if options.get("include_usage") != Some(&json!(true)) => {
                        options.insert("include_usage".to_owned(), json!(true));
                        out.extend_from_slice(Value::Object(options).to_string().as_bytes());
                        self.options = Options::Changed;
                    }
                    Ok(Value::Null) => {
                        out.extend_from_slice(br#"{"include_usage":true}"#);
                        self.options = Options::Changed;
                    }
                    _ => {
                        out.append(&mut self.held);
                        self.options = Options::Left;
                    }
                }
                self.held.clear();
            }
            Member::ToolChoice => {
                out.extend_from_slice(self.edit.tool_choice.unwrap_or("null").as_bytes());
                self.has_tool_choice = true;
            }
            Member::Model | Member::Other => {}
        }
    }

    /// Before the object's end: says what nothing was said of. Never the first member, so that a comma goes before it.
    fn add_missing(&mut self, out: &mut Vec<u8>) {
        if self.streams && self.options == Options::Absent {
            out.extend_from_slice(br#","stream_options":{"include_usage":true}"#);
            self.options = Options::Changed;
        }
        if let Some(choice) = self.edit.tool_choice.filter(|_| self.has_tools && !self.has_tool_choice) {
            out.extend_from_slice(br#","tool_choice":"#);
            out.extend_from_slice(choice.as_bytes());
        }
    }
}

impl Nested {
    fn take(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                b'"' if !self.escaped => self.in_string = false,
                _ => {
                    self.escaped = byte == b'\\' && !self.escaped;
                    return;
                }
            }
            self.escaped = false;
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b' ' | b'\t' | b'\r' | b'\n' => return,
            _ => {}
        }
        self.begun = true;
    }
}
