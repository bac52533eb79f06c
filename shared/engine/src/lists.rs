//! Lists that are read at run time: objects beside the ledger, and groups whose members name accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::connector::{GroupRead, Member};
use rollcall_model::{Call, ConnectionId};
use rollcall_policy::Configuration;
use rollcall_policy::configuration::ListSource;
use rollcall_policy::decide::{self, ListRead, ListReads};
use rollcall_runtime::clock::plus;

use crate::{Engine, rows};

/// How long a list that was read counts as read.
const FRESH: Duration = Duration::from_mins(1);
/// How long one that could not be read is left alone: short, because stages wait for it.
const LEFT_ALONE: Duration = Duration::from_secs(10);

/// Lists as last read, by where they come from, with the end of their time.
#[derive(Default)]
pub(crate) struct Cache(Mutex<BTreeMap<String, (Timestamp, ListRead)>>);

impl Cache {
    fn get(&self, place: &str, now: Timestamp) -> Option<ListRead> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(place)
            .filter(|(until, _)| now < *until)
            .map(|(_, read)| read.clone())
    }

    fn put(&self, place: String, read: ListRead, now: Timestamp) {
        let span = match &read {
            ListRead::Entries(_) => FRESH,
            ListRead::Unreadable(_) => LEFT_ALONE,
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(place, (plus(now, span), read));
    }
}

impl Engine {
    /// Reads the lists that `decide` wants to know and cannot know from the configuration or the person. One that cannot be
    /// read says why; it is never taken for an empty one. What was read counts for a minute.
    pub async fn read_lists(&self, configuration: &Configuration, call: &Call) -> ListReads {
        let mut reads = ListReads::new();
        for (list, source) in decide::lists_to_read(configuration) {
            reads.insert(list, self.read_list(&source, call).await);
        }
        reads
    }

    /// The same for one list.
    pub(crate) async fn read_list(&self, source: &ListSource, call: &Call) -> ListRead {
        let place = match source {
            ListSource::Object { name } => format!("object {name}"),
            ListSource::Group { connection, name } => format!("group {connection}/{name}"),
            // What stands in the configuration is not read again.
            ListSource::Csv { values, .. } | ListSource::People(values) => {
                return ListRead::Entries(values.iter().cloned().collect());
            }
        };
        if let Some(known) = self.lists.get(&place, self.now()) {
            return known;
        }
        let read = match source {
            ListSource::Object { name } => self.read_object(name).await,
            ListSource::Group { connection, name } => match self.group(connection, name, call).await {
                Ok(members) => ListRead::Entries(members.iter().flat_map(|one| names(connection, one)).collect()),
                Err(why) => ListRead::Unreadable(why),
            },
            ListSource::Csv { .. } | ListSource::People(_) => ListRead::Entries(BTreeSet::new()),
        };
        if let ListRead::Unreadable(why) = &read {
            tracing::warn!(place, why, "A list could not be read.");
        }
        self.lists.put(place, read.clone(), self.now());
        read
    }

    async fn read_object(&self, name: &str) -> ListRead {
        match self.parts.files.get(name).await {
            Ok(bytes) => entries(&bytes).map_or_else(
                |why| ListRead::Unreadable(format!("the object {name} {why}")),
                ListRead::Entries,
            ),
            Err(why) => ListRead::Unreadable(format!("the object {name} cannot be read: {why}")),
        }
    }

    /// Who is in a group; otherwise why that cannot be told.
    pub(crate) async fn group(
        &self,
        connection: &ConnectionId,
        name: &str,
        call: &Call,
    ) -> Result<Vec<Member>, String> {
        let Some(connector) = self.connector(connection) else {
            return Err(format!("connection {connection} is not configured"));
        };
        match connector.group_members(call, name).await {
            Ok(GroupRead::Members(members)) => Ok(members),
            Ok(GroupRead::NoSuchGroup) => Err(format!("{connection} has no group {name}")),
            Ok(GroupRead::Unproven(why)) => Err(format!("the group {name} of {connection} cannot be read: {why}")),
            Err(failure) => Err(format!(
                "the group {name} of {connection} cannot be read: {}",
                failure.reason
            )),
        }
    }
}

/// Everything that a list may call a member by.
fn names(connection: &ConnectionId, member: &Member) -> Vec<String> {
    let mut names = vec![
        member.login.to_lowercase(),
        member.id.to_lowercase(),
        format!("{connection}/{}", member.id).to_lowercase(),
    ];
    names.extend(member.email.as_ref().map(|email| email.to_lowercase()));
    names.retain(|name| !name.is_empty());
    names
}

/// One name a line, or a table whose first column counts; `#` begins a comment. A body without a single line is no list:
/// whoever wanted an empty one can say so in a comment, and an upload that broke off looks just like it.
fn entries(bytes: &[u8]) -> Result<BTreeSet<String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Err("is empty: if nobody is to be in the list, write `# nobody` into it".to_owned());
    }
    let mut found = BTreeSet::new();
    for row in rows::of(text) {
        let (line, cells) = row.map_err(|line| format!("cannot be read at line {line}: check its quotes"))?;
        match cells.first().map(|cell| cell.to_lowercase()) {
            Some(name) if !name.is_empty() => {
                found.insert(name);
            }
            _ => return Err(format!("has nothing in the first column of line {line}")),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<String> {
        entries(text.as_bytes()).unwrap().into_iter().collect()
    }

    #[test]
    fn names_stand_one_a_line_or_in_the_first_column_whatever_wrote_the_file() {
        assert_eq!(
            listed("Amara@corp.example\n\nchidi@corp.example\n"),
            ["amara@corp.example", "chidi@corp.example"]
        );
        assert_eq!(
            listed(
                "\u{feff}# on hold since May\r\nAmara@corp.example;2026-05-01;case, sealed\r\n\"okta-main/00u1\";;\r\n"
            ),
            ["amara@corp.example", "okta-main/00u1"]
        );
        assert_eq!(
            listed("a@corp.example,one\nb@corp.example\n"),
            ["a@corp.example", "b@corp.example"]
        );
        assert_eq!(listed("# nobody\n"), Vec::<String>::new());
    }

    #[test]
    fn what_may_be_half_a_file_is_not_a_list() {
        for (bytes, why) in [
            (&b""[..], "is empty"),
            (b"\xef\xbb\xbf \n", "is empty"),
            (b"\xff\xfe", "not UTF-8"),
            (b"a@corp.example,x\n,y\n", "line 2"),
        ] {
            assert!(entries(bytes).unwrap_err().contains(why), "{bytes:?}");
        }
    }
}
