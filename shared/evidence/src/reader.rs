//! A strict JSON reader that knows where it is.
//!
//! A general parser keeps the last of two members with one name, reads `1.0` where `1` was signed, and reports an early end
//! without saying in which entry. Here a name may stand once, a number is a whole number, depth is bounded, and every fault
//! carries its byte and its place.

use serde_json::{Map, Value};

use crate::fault::{Fault, Place, Step};

/// Deeper than any receipt.
const DEPTH: usize = 8;

/// The member that names the list item around it in places: `journals[2]` reads better as `sf-us`.
const LABEL: &str = "sequence";

/// Reads one document.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, Fault> {
    let (text, torn) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(fault) => {
            let valid = bytes.get(..fault.valid_up_to()).unwrap_or_default();
            let text = std::str::from_utf8(valid).unwrap_or_default();
            (text, Some((fault.valid_up_to(), fault.error_len())))
        }
    };
    let mut reader = Reader {
        text,
        at: 0,
        place: Place::default(),
    };
    let read = reader.document();
    match torn {
        // What stands before the broken character may be at fault first.
        None => read,
        Some((at, Some(_))) => match read {
            Err(fault) if !matches!(fault, Fault::CutOff { .. }) => Err(fault),
            _ => Err(Fault::Malformed {
                at,
                place: reader.place,
                what: "not UTF-8",
            }),
        },
        Some((_, None)) => match read {
            Err(fault) => Err(fault),
            Ok(_) => Err(reader.malformed("something follows the document")),
        },
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    place: Place,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value, Fault> {
        let value = self.value(0)?;
        self.space();
        if self.at < self.text.len() {
            return Err(self.malformed("something follows the document"));
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        self.space();
        if depth > DEPTH {
            return Err(self.malformed("nested too deep"));
        }
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Value::String),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.malformed("no value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        self.at += 1;
        let mut members = Map::new();
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            if self.peek()? != b'"' {
                return Err(self.malformed("no member name"));
            }
            let name = self.string()?;
            if members.contains_key(&name) {
                return Err(Fault::Duplicate {
                    place: self.place.clone(),
                    name,
                });
            }
            self.space();
            self.expect(b':', "no colon")?;
            self.place.0.push(Step::Member(name.clone()));
            let value = self.value(depth + 1)?;
            self.place.0.pop();
            if name == LABEL
                && let (Some(Step::Item { label, .. }), Value::String(text)) = (self.place.0.last_mut(), &value)
            {
                *label = Some(text.clone());
            }
            members.insert(name, value);
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.malformed("no comma or brace")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.place.0.push(Step::Item {
                index: items.len(),
                label: None,
            });
            items.push(self.value(depth + 1)?);
            self.place.0.pop();
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.malformed("no comma or bracket")),
            }
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.bytes().enumerate().skip(1).find_map(|(index, byte)| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes.then_some(index + 1)
        });
        let Some(end) = end else {
            return Err(self.cut_off());
        };
        // Escapes are the library's matter; both quotes are included.
        let text = serde_json::from_str(rest.get(..end).unwrap_or_default())
            .map_err(|_| self.malformed("a text with a raw control character or a wrong escape"))?;
        self.at += end;
        Ok(text)
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let rest = self.rest();
        let end = rest
            .bytes()
            .position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
            .ok_or_else(|| Fault::CutOff {
                at: self.text.len(),
                place: self.place.clone(),
            })?;
        let digits = rest.get(..end).unwrap_or_default();
        let number: Value = serde_json::from_str(digits).map_err(|_| self.malformed("no number"))?;
        // `1.0`, `1e0` and `-0` are other spellings of whole numbers, which the canonical form does not have.
        let plain = number.to_string();
        if !(number.is_i64() || number.is_u64()) || plain != digits {
            return Err(self.malformed("not a plain whole number"));
        }
        self.at += end;
        Ok(number)
    }

    fn word(&mut self, word: &'static str, value: Value) -> Result<Value, Fault> {
        let rest = self.rest();
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else if word.starts_with(rest) {
            Err(self.cut_off())
        } else {
            Err(self.malformed("no value"))
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn peek(&self) -> Result<u8, Fault> {
        self.rest().bytes().next().ok_or_else(|| self.cut_off())
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(self.malformed(what))
        }
    }

    fn cut_off(&self) -> Fault {
        Fault::CutOff {
            at: self.text.len(),
            place: self.place.clone(),
        }
    }

    fn malformed(&self, what: &'static str) -> Fault {
        Fault::Malformed {
            at: self.at,
            place: self.place.clone(),
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_documents_are_read_as_the_library_reads_them() {
        let text = " {\"a\" : [1, -2, null, true, false, \"\\u00e9\\\"x\\\\\"],\r\n\t\"b\": {}, \"c\": []} ";
        assert_eq!(
            read(text.as_bytes()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn other_spellings_and_repeated_names_are_refused() {
        for text in [
            "{\"a\":1.0}",
            "{\"a\":1e0}",
            "{\"a\":-0}",
            "{\"a\":01}",
            "{\"a\":1,}",
            "[1,]",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\ud800\"}",
            "{} {}",
            "{'a':1}",
            "{\"a\":nulL}",
            "\u{feff}{}",
        ] {
            assert!(matches!(read(text.as_bytes()), Err(Fault::Malformed { .. })), "{text}");
        }
        assert!(matches!(
            read("[".repeat(40).as_bytes()),
            Err(Fault::Malformed {
                what: "nested too deep",
                ..
            })
        ));
        let twice = read(br#"{"x":[{"sequence":"sf-us","a":1,"\u0061":2}]}"#).unwrap_err();
        assert_eq!(twice.to_string(), "x: sf-us: the member \"a\" stands there twice");
    }

    #[test]
    fn an_early_end_has_its_byte_and_place() {
        let whole = json!({"journals": [{"entries": [1, 2]}]}).to_string();
        for end in 0..whole.len() {
            match read(&whole.as_bytes()[..end]) {
                Err(Fault::CutOff { at, .. }) => assert_eq!(at, end),
                other => panic!("{end}: {other:?}"),
            }
        }
        let torn = "{\"a\":\"é".as_bytes();
        assert!(matches!(read(&torn[..torn.len() - 1]), Err(Fault::CutOff { .. })));
        assert!(matches!(
            read(b"{\"a\":\"\xff\"}"),
            Err(Fault::Malformed {
                what: "not UTF-8",
                at: 6,
                ..
            })
        ));
    }
}
