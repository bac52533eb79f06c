//! Taking entitlements away and giving them back, row by row.

use http::Method;
use rollcall_model::{Applied, Call, Change, Failure};
use serde_json::{Value, json};

use super::apply::summed;
use super::client::Client;
use super::collections::{self, CHUNK, Written, is_gone};
use super::entitlements::{self, Entitlement, Kind};
use super::membership::UNTIL;
use super::retry::Refusal;
use super::soql::is_id;
use crate::encode::short;

/// Deletes the rows of what the plan has seen, kind by kind. What somebody gave meanwhile is not in the snapshot, so it stays
/// and shows at the read-back. One refusal does not end the others.
pub(super) async fn remove(client: &Client, call: &Call, change: &Change) -> Result<Applied, Failure> {
    let Some(mut held) = entitlements::listed(&change.before) else {
        return Err(Failure::give_up(
            "removing entitlements: the change does not say what the user has",
        ));
    };
    held.sort();
    let mut steps: Vec<(&'static str, Vec<(Entitlement, String)>)> = Vec::new();
    for one in held {
        let row = change
            .evidence
            .pointer(&format!("/rows/{}", one.id))
            .and_then(Value::as_str);
        let Some(row) = row.filter(|id| is_id(id)).map(str::to_owned) else {
            return Err(Failure::give_up(format!(
                "removing entitlements: the change does not name the row of {}",
                one.named()
            )));
        };
        let object = row_of(one.kind).0;
        match steps.last_mut() {
            Some((last, some)) if *last == object => some.push((one, row)),
            _ => steps.push((object, vec![(one, row)])),
        }
    }
    let mut sum = Sum::default();
    for (_, step) in &steps {
        for chunk in step.chunks(CHUNK) {
            let ids: Vec<String> = chunk.iter().map(|(_, row)| row.clone()).collect();
            let written = collections::delete(client, call, "removing entitlements", &ids).await;
            sum.take("removing", chunk.iter().map(|(one, _)| one), written, is_gone);
        }
    }
    sum.done("removed")
}

/// Gives what the plan adds, licences first. What somebody else gave meanwhile is fine.
pub(super) async fn restore(client: &Client, call: &Call, change: &Change, target: &str) -> Result<Applied, Failure> {
    let (Some(before), Some(after)) = (
        entitlements::listed(&change.before),
        entitlements::listed(&change.after),
    ) else {
        return Err(Failure::give_up(
            "restoring entitlements: the change does not say which",
        ));
    };
    let mut sum = Sum::default();
    for kind in Kind::BACK {
        let some: Vec<&Entitlement> = after
            .iter()
            .filter(|one| one.kind == kind && !before.iter().any(|held| held.is(one)))
            .collect();
        for chunk in some.chunks(CHUNK) {
            let records: Vec<Value> = chunk.iter().map(|one| record(one, target)).collect();
            let written = collections::write(client, call, "restoring entitlements", Method::POST, &records).await;
            let is_there = |refusal: &Refusal| refusal.code == "DUPLICATE_VALUE";
            sum.take("restoring", chunk.iter().copied(), written, is_there);
        }
    }
    let missing = change.evidence.get("missing").cloned().unwrap_or_else(|| json!([]));
    let mut applied = sum.done("restored")?;
    if let Some(reference) = applied.reference.as_object_mut() {
        reference.insert("missing".to_owned(), missing);
    }
    Ok(applied)
}

/// The object of the rows that assign this kind, and its fields for the user and for what is assigned.
const fn row_of(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::PermissionSet => ("PermissionSetAssignment", "AssigneeId", "PermissionSetId"),
        Kind::PermissionSetGroup => ("PermissionSetAssignment", "AssigneeId", "PermissionSetGroupId"),
        Kind::PermissionSetLicence => ("PermissionSetLicenseAssign", "AssigneeId", "PermissionSetLicenseId"),
        Kind::Package => ("UserPackageLicense", "UserId", "PackageLicenseId"),
        Kind::Group | Kind::Queue => ("GroupMember", "UserOrGroupId", "GroupId"),
    }
}

fn record(one: &Entitlement, target: &str) -> Value {
    let (object, user, what) = row_of(one.kind);
    let mut record = json!({ "attributes": { "type": object }, user: target, what: one.id });
    if let (Some(fields), Some(until)) = (record.as_object_mut(), &one.until) {
        fields.insert(UNTIL.to_owned(), json!(until));
    }
    record
}

/// What several calls came to.
#[derive(Default)]
struct Sum {
    tried: usize,
    failures: Vec<Failure>,
}

impl Sum {
    fn take<'a>(
        &mut self,
        doing: &str,
        of: impl ExactSizeIterator<Item = &'a Entitlement>,
        written: Result<Written, Failure>,
        is_fine: impl Fn(&Refusal) -> bool,
    ) {
        self.tried += of.len();
        match written {
            Err(failure) => self.failures.extend(std::iter::repeat_n(failure, of.len())),
            Ok(written) => {
                for (one, row) in of.zip(written) {
                    if let Err(refusal) = row
                        && !is_fine(&refusal)
                    {
                        self.failures
                            .push(refused(&refusal, &format!("{doing} {}", one.named())));
                    }
                }
            }
        }
    }

    fn done(self, verb: &str) -> Result<Applied, Failure> {
        match summed(&format!("of {} entitlements", self.tried), self.failures, self.tried) {
            Some(failure) => Err(failure),
            None => Ok(Applied {
                request_id: None,
                reference: json!({ verb: self.tried }),
            }),
        }
    }
}

/// One record's refusal, with the vendor's text where the table has none of its own.
fn refused(refusal: &Refusal, what: &str) -> Failure {
    let mut failure = refusal.failure(what);
    if !refusal.message.is_empty() && !failure.reason.contains(&refusal.message) {
        failure.reason = format!("{} ({})", failure.reason, short(&refusal.message, 200));
    }
    failure
}
