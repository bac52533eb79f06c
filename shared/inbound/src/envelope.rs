//! Wraps an element for its queue; what is too large for a message goes to the files, its reference to the queue.

use bytes::Bytes;
use jiff::Timestamp;
use rollcall_model::digest::sha256;
use rollcall_model::queue::{MESSAGE_LIMIT, Message};
use rollcall_model::{ConnectionId, Digest, Lane, Signal, SignalBody, SignalFormat, SignalKey};

/// Where every signal of one request comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The door's connection.
    pub source: ConnectionId,
    /// How its elements are to be read.
    pub format: SignalFormat,
    /// When the door had the request.
    pub received_at: Timestamp,
}

/// A message that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The signal's identity.
    pub key: SignalKey,
    /// Its queue.
    pub lane: Lane,
    /// The message's text, at most [`MESSAGE_LIMIT`] bytes.
    pub text: String,
    /// What must be stored before the message is sent.
    pub file: Option<File>,
}

/// A body for the file store.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// `signals/<sha256>`.
    pub name: String,
    /// Its content, exactly as it was sent.
    pub body: Bytes,
}

impl std::fmt::Debug for File {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "File({}, {} bytes)", self.name, self.body.len())
    }
}

/// The name under which the files keep a signal's body.
pub fn file_name(digest: &Digest) -> String {
    format!("signals/{digest}")
}

impl Origin {
    /// Seals an element: as text in the message when it is text and fits, else as a file.
    pub fn seal(&self, key: SignalKey, lane: Lane, raw: &[u8]) -> Result<Sealed, serde_json::Error> {
        if raw.len() < MESSAGE_LIMIT
            && let Ok(body) = std::str::from_utf8(raw)
        {
            let text = self.message(&key, SignalBody::Inline(body.to_owned()))?;
            if text.len() <= MESSAGE_LIMIT {
                return Ok(Sealed {
                    key,
                    lane,
                    text,
                    file: None,
                });
            }
        }
        self.seal_as_file(key, lane, Bytes::copy_from_slice(raw))
    }

    /// Seals a body as a file, whatever its size.
    pub fn seal_as_file(&self, key: SignalKey, lane: Lane, body: Bytes) -> Result<Sealed, serde_json::Error> {
        let digest = sha256(&body);
        let name = file_name(&digest);
        let text = self.message(&key, SignalBody::File(digest))?;
        Ok(Sealed {
            key,
            lane,
            text,
            file: Some(File { name, body }),
        })
    }

    fn message(&self, key: &SignalKey, body: SignalBody) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Message::Signal(Signal {
            key: key.clone(),
            source: self.source.clone(),
            format: self.format,
            received_at: self.received_at,
            body,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            source: "okta-main".into(),
            format: SignalFormat::OktaLogEvent,
            received_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn seal(raw: &[u8]) -> (Sealed, Signal) {
        let sealed = origin().seal("okta-main:k".into(), Lane::Work, raw).unwrap();
        let Message::Signal(signal) = serde_json::from_str(&sealed.text).unwrap() else {
            panic!("not a signal")
        };
        (sealed, signal)
    }

    #[test]
    fn text_that_fits_travels_in_the_message_unchanged() {
        let raw = "{\"name\": \"Jos\u{e9} \\u00e9 \\\"x\\\"\",\n\t\"n\": 1.50}";
        let (sealed, signal) = seal(raw.as_bytes());
        assert_eq!(signal.body, SignalBody::Inline(raw.to_owned()));
        assert_eq!(signal.source.as_str(), "okta-main");
        assert_eq!(sealed.file, None);
    }

    #[test]
    fn the_limit_counts_the_envelope_and_its_escapes() {
        let room = MESSAGE_LIMIT - seal(b"").0.text.len();
        let (fits, _) = seal(&vec![b'a'; room]);
        assert_eq!((fits.text.len(), fits.file), (MESSAGE_LIMIT, None));
        for raw in [
            vec![b'a'; room + 1],
            vec![b'"'; room / 2 + 1],
            vec![b'a'; MESSAGE_LIMIT],
        ] {
            let (sealed, signal) = seal(&raw);
            let digest = sha256(&raw);
            assert_eq!(signal.body, SignalBody::File(digest.clone()));
            let file = sealed.file.unwrap();
            assert_eq!((file.name, &file.body[..]), (format!("signals/{digest}"), &raw[..]));
            assert!(sealed.text.len() < 1000);
        }
    }

    #[test]
    fn bytes_that_are_no_text_go_to_a_file() {
        let (sealed, signal) = seal(b"{\"a\":\"\xff\"}");
        assert!(matches!(signal.body, SignalBody::File(_)));
        assert_eq!(&sealed.file.unwrap().body[..], b"{\"a\":\"\xff\"}");
    }
}
