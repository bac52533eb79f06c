//! sObject Collections: up to 200 records in one call, answered in request order.

use serde_json::{Value, json};

use super::call::Call;
use super::errors::Refusal;
use super::id18;
use super::rules::Caller;
use super::state::{Row, State};

/// Most records of one call.
const MOST: usize = 200;
/// Most runs of equal type in one call.
const MOST_CHUNKS: usize = 10;

/// One write of a collection: what it is, and what to write.
type Item = (Result<String, Refusal>, Value);

impl State {
    /// `POST`, `PATCH`, `DELETE /composite/sobjects` and `GET`, `POST /composite/sobjects/{O}`.
    pub(super) fn collections(&mut self, caller: &Caller, call: &Call) -> Result<Value, Refusal> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", [_, _, object]) => {
                let list = |name: &str| {
                    call.query
                        .get(name)
                        .map(|list| list.split(',').map(str::to_owned).collect::<Vec<_>>())
                        .unwrap_or_default()
                };
                self.read_many(caller, &call.version, object, &list("ids"), &list("fields"))
            }
            ("POST", [_, _, object]) => {
                let body = call.object()?;
                let list = |name: &str| {
                    body.get(name)
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                };
                self.read_many(caller, &call.version, object, &list("ids"), &list("fields"))
            }
            (method @ ("POST" | "PATCH"), [_, _]) => {
                let body = call.object()?;
                let Some(Value::Array(records)) = body.get("records") else {
                    return Err(Refusal::new(
                        400,
                        "JSON_PARSER_ERROR",
                        "The records parameter is required",
                    ));
                };
                let items: Vec<Item> = records
                    .iter()
                    .map(|record| (record_type(record), record.clone()))
                    .collect();
                let creating = method == "POST";
                self.write_many(
                    &items,
                    body.get("allOrNone") == Some(&json!(true)),
                    |state, object, record| {
                        let mut fields = record.as_object().cloned().unwrap_or_default();
                        if creating {
                            return state.create_record(caller, object, &fields);
                        }
                        let id = take_id(&mut fields).ok_or_else(|| {
                            Refusal::record("MISSING_ARGUMENT", "Id not specified in an update call", &[])
                        })?;
                        state.update_record(caller, object, &id, &fields)
                    },
                )
            }
            ("DELETE", [_, _]) => {
                let ids = call.query.get("ids").map(String::as_str).unwrap_or_default();
                let items: Vec<Item> = ids
                    .split(',')
                    .filter(|id| !id.is_empty())
                    .map(|id| (self.type_of(id), json!(id)))
                    .collect();
                let all_or_none = call
                    .query
                    .get("allOrNone")
                    .is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
                self.write_many(&items, all_or_none, |state, object, id| {
                    state.delete_record(caller, object, id.as_str().unwrap_or_default())
                })
            }
            (method, _) => Err(Refusal::method_not_allowed(method, "DELETE,GET,PATCH,POST")),
        }
    }

    fn type_of(&self, id: &str) -> Result<String, Refusal> {
        let id = id18(id).ok_or_else(|| Refusal::record("MALFORMED_ID", format!("malformed id {id}"), &[]))?;
        self.schema
            .of_id(&id)
            .map(|object| object.name.clone())
            .ok_or_else(|| Refusal::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]))
    }

    fn write_many(
        &mut self,
        items: &[Item],
        all_or_none: bool,
        write: impl Fn(&mut Self, &str, &Value) -> Result<String, Refusal>,
    ) -> Result<Value, Refusal> {
        if items.len() > MOST {
            return Err(Refusal::new(
                400,
                "EXCEEDED_ID_LIMIT",
                format!("record limit reached. cannot submit more than {MOST} records in this request"),
            ));
        }
        self.refuse_mixture(items)?;
        let start = self.savepoint();
        let mut results = Vec::new();
        for (object, record) in items {
            let mark = self.savepoint();
            let written = object.clone().and_then(|object| write(self, &object, record));
            if written.is_err() {
                self.rollback(mark);
            }
            results.push(written);
        }
        if all_or_none && results.iter().any(Result::is_err) {
            self.rollback(start);
            let rolled_back = Refusal::record(
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using AllOrNone header",
                &[],
            );
            results = results
                .into_iter()
                .map(|result| result.and_then(|_| Err(rolled_back.clone())))
                .collect();
        }
        Ok(results.into_iter().map(entry).collect())
    }

    fn refuse_mixture(&self, items: &[Item]) -> Result<(), Refusal> {
        let types: Vec<&String> = items.iter().filter_map(|(object, _)| object.as_ref().ok()).collect();
        let chunks = types.chunk_by(|left, right| left.eq_ignore_ascii_case(right)).count();
        if chunks > MOST_CHUNKS {
            return Err(Refusal::new(
                400,
                "LIMIT_EXCEEDED",
                format!("Too many chunks: {chunks}. At most {MOST_CHUNKS} runs of one type are allowed"),
            ));
        }
        let known: Vec<_> = types.iter().filter_map(|name| self.schema.get(name)).collect();
        let (Some(setup), Some(other)) = (
            known.iter().find(|object| object.setup),
            known.iter().find(|object| !object.setup),
        ) else {
            return Ok(());
        };
        let message = format!(
            "DML operation on setup object is not permitted after you have updated a non-setup object (or vice versa): {}, original object: {}",
            setup.name, other.name
        );
        Err(Refusal::record("MIXED_DML_OPERATION", message, &[]))
    }

    fn read_many(
        &self,
        caller: &Caller,
        version: &str,
        object: &str,
        ids: &[String],
        fields: &[String],
    ) -> Result<Value, Refusal> {
        let names = fields.join(",");
        let mut records = Vec::new();
        for id in ids {
            records.push(match self.read_record(caller, version, object, id, Some(&names)) {
                Ok(record) => record,
                Err(refusal) if refusal.code == "NOT_FOUND" => Value::Null,
                Err(refusal) => return Err(refusal),
            });
        }
        Ok(Value::Array(records))
    }
}

fn record_type(record: &Value) -> Result<String, Refusal> {
    let name = record
        .get("attributes")
        .and_then(|attributes| attributes.get("type"))
        .and_then(Value::as_str);
    name.map(str::to_owned)
        .ok_or_else(|| Refusal::record("INVALID_TYPE", "Must specify attributes.type for each record", &[]))
}

fn take_id(fields: &mut Row) -> Option<String> {
    let key = fields.keys().find(|key| key.eq_ignore_ascii_case("id")).cloned()?;
    fields.remove(&key)?.as_str().map(str::to_owned)
}

fn entry(result: Result<String, Refusal>) -> Value {
    match result {
        Ok(id) => json!({ "id": id, "success": true, "errors": [] }),
        // What is a 404 for one record is a bad reference inside a collection.
        Err(refusal) if refusal.code == "NOT_FOUND" => {
            Refusal::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]).collection_entry()
        }
        Err(refusal) => refusal.collection_entry(),
    }
}
