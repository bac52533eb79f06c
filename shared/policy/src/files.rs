//! The shape of the configuration's files: the types behind the JSON Schemas and the generated reference, and the names
//! that each part knows. A test keeps the two equal.

mod case;
mod environment;
mod playbook;
mod root;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub use case::*;
pub use environment::*;
pub use playbook::*;
pub use root::*;

/// One value, or a list of them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore<T> {
    /// One.
    One(T),
    /// Several.
    More(Vec<T>),
}

/// The JSON Schemas of the configuration's files, by file name, for editors.
pub fn schemas() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("rollcall.schema.json", schemars::schema_for!(RootFile).to_value()),
        (
            "environment.schema.json",
            schemars::schema_for!(EnvironmentFile).to_value(),
        ),
        ("playbook.schema.json", schemars::schema_for!(PlaybookFile).to_value()),
        ("person.schema.json", schemars::schema_for!(PersonFile).to_value()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<T: JsonSchema>() -> Vec<String> {
        let schema = schemars::schema_for!(T).to_value();
        let mut names: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    }

    fn sorted(known: &[&str]) -> Vec<String> {
        let mut known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        known.sort();
        known
    }

    #[test]
    fn the_schemas_know_what_the_reader_knows() {
        assert_eq!(names::<RootFile>(), sorted(ROOT));
        assert_eq!(names::<MatchRowFile>(), sorted(MATCH));
        assert_eq!(names::<ListFile>(), sorted(LIST));
        assert_eq!(names::<ConnectionDetailsFile>(), sorted(CONNECTION));
        assert_eq!(names::<GuardFile>(), sorted(GUARD));
        assert_eq!(names::<LimitsFile>(), sorted(LIMITS));
        assert_eq!(names::<HeldStageFile>(), sorted(HELD_STAGE));
        assert_eq!(names::<OperatorFile>(), sorted(OPERATOR));
        assert_eq!(names::<EnvironmentFile>(), sorted(ENVIRONMENT));
        assert_eq!(names::<OktaFile>(), sorted(OKTA));
        assert_eq!(names::<OneloginFile>(), sorted(ONELOGIN));
        assert_eq!(names::<SalesforceFile>(), sorted(SALESFORCE));
        assert_eq!(names::<SlackFile>(), sorted(SLACK));
        assert_eq!(names::<HookFile>(), sorted(HOOK));
        assert_eq!(names::<UsesFile>(), sorted(USES));
        assert_eq!(names::<OwnPlaybookFile>(), sorted(PLAYBOOK));
        assert_eq!(names::<TriggerFile>(), sorted(TRIGGER));
        assert_eq!(names::<DismantleFile>(), sorted(DISMANTLE));
        assert_eq!(names::<StepFile>(), sorted(STEP));
        assert_eq!(names::<TellFile>(), sorted(TELL));
        assert_eq!(names::<MessageFile>(), sorted(MESSAGE));
        assert_eq!(names::<CaseFile>(), sorted(CASE));
        assert_eq!(names::<GivenFile>(), sorted(GIVEN));
        assert_eq!(names::<WhenDetailsFile>(), sorted(WHEN));
        assert_eq!(names::<ExpectFile>(), sorted(EXPECT));
        assert_eq!(names::<PersonFile>(), sorted(PERSON));
        assert_eq!(names::<ManagerFile>(), sorted(MANAGER));
    }

    #[test]
    fn unknown_names_are_refused_by_the_schemas_too() {
        for (name, schema) in schemas() {
            let text = schema.to_string();
            assert!(text.contains("\"additionalProperties\":false"), "{name}");
            assert!(text.contains("\"description\""), "{name}");
        }
    }
}
