//! Who may see and read what.

use super::super::errors::Refusal;
use super::super::schema::Object;
use super::super::state::State;
use super::super::tables::Packed;

impl State {
    /// True when sharing lets the caller see a business record.
    pub(in super::super) fn shows(&self, packed: &Packed<'_>) -> bool {
        self.business.hidden_records.is_empty() || !self.business.hidden_records.contains(&packed.id())
    }

    /// Refuses a query that the caller may not make, by the object alone.
    pub(in super::super) fn may_query(&self, object: &Object, filtered: bool) -> Result<(), Refusal> {
        if !object.queryable {
            return Err(Refusal::new(
                400,
                "INVALID_TYPE_FOR_OPERATION",
                format!("entity type {} does not support query", object.name),
            ));
        }
        if self.business.no_query.contains(&object.name) {
            return Err(Refusal::new(
                403,
                "INSUFFICIENT_ACCESS",
                format!("insufficient access rights on object {}", object.name),
            ));
        }
        if self.business.narrow.contains(&object.name) && !filtered {
            // The text that ContentDocumentLink is known for.
            return Err(Refusal::new(
                400,
                "MALFORMED_QUERY",
                format!(
                    "Implementation restriction: {} requires a filter by a single Id or multiple Ids using the IN operator.",
                    object.name
                ),
            ));
        }
        Ok(())
    }

    /// True when a user may read records of an object: not with a licence for people beside the org or for its API, and not
    /// where a profile keeps the object away.
    pub(super) fn may_read(&self, user: &str, object: &str) -> bool {
        let profile = self.text("User", user, "ProfileId").unwrap_or_default();
        self.text("User", user, "UserType") == Some("Standard")
            && self.text("Profile", profile, "Name") != Some("Minimum Access - API Only Integrations")
            && !self
                .business
                .unreadable
                .iter()
                .any(|(kept, from)| kept == user && from == object)
    }
}
