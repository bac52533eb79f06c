//! The objects an org knows: their fields and what the API may do to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

/// Stands for the key prefix of an object whose records are nowhere stored.
const NO_PREFIX: &str = "000";

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Id,
    Text,
    Email,
    Boolean,
    Int,
    Double,
    Date,
    DateTime,
    /// Restricted when the list is not empty.
    Picklist(Vec<String>),
    /// Points at records of one of these objects, reached in SOQL by the relationship name.
    Reference {
        to: Vec<String>,
        relationship: String,
    },
}

/// One field.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "describe states each of these independently"
)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) createable: bool,
    pub(super) updateable: bool,
    pub(super) nillable: bool,
    pub(super) filterable: bool,
    /// For references: what the parent calls the records that point at it. Most relationships of users have no name.
    pub(super) children: Option<String>,
    /// For references: deleting the parent deletes the record.
    pub(super) cascade: bool,
}

/// What an object is beside a thing with records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Nature {
    #[default]
    Plain,
    /// What people work on; its records are packed.
    Business,
    /// A custom setting.
    Setting,
    /// Left behind by a package: listed, marked, and not to be used.
    Deprecated,
    /// Made by the vendor beside another object: the kind (empty where the vendor says none) and that object.
    Beside(&'static str, String),
}

/// One object.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "describe states each of these independently"
)]
pub(super) struct Object {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) fields: Vec<Field>,
    /// A setup object may not share a transaction with others.
    pub(super) setup: bool,
    pub(super) createable: bool,
    pub(super) updateable: bool,
    pub(super) deletable: bool,
    /// Readable by id, not only through a query.
    pub(super) retrieveable: bool,
    pub(super) queryable: bool,
    pub(super) nature: Nature,
}

impl Object {
    /// The field of this name in any case.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The reference field behind this relationship name in any case.
    pub(super) fn relationship(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| matches!(&field.kind, Kind::Reference { relationship, .. } if relationship.eq_ignore_ascii_case(name)))
    }

    /// The entry in the list of objects.
    pub(super) fn summary(&self, version: &str) -> Value {
        let base = format!("/services/data/{version}/sobjects/{}", self.name);
        let business = self.nature == Nature::Business;
        let (kind, parent) = match &self.nature {
            Nature::Beside("", _) => (None, None),
            Nature::Beside(kind, parent) => (Some(*kind), Some(parent.as_str())),
            _ => (None, None),
        };
        json!({
            "name": self.name, "label": self.name, "labelPlural": format!("{}s", self.name), "keyPrefix": (self.prefix != NO_PREFIX).then_some(&self.prefix),
            "custom": self.name.ends_with("__c"), "customSetting": self.nature == Nature::Setting, "createable": self.createable, "updateable": self.updateable,
            "deletable": self.deletable, "queryable": self.queryable, "retrieveable": self.retrieveable, "searchable": business,
            "layoutable": business, "triggerable": !self.setup && !matches!(self.nature, Nature::Beside("" | "Share" | "History", _)),
            "undeletable": business, "deprecatedAndHidden": self.nature == Nature::Deprecated,
            "associateEntityType": kind, "associateParentEntity": parent, "isInterface": false, "isSubtype": false,
            "urls": { "sobject": base, "describe": format!("{base}/describe"), "rowTemplate": format!("{base}/{{ID}}") },
        })
    }

    /// The answer of `describe`.
    pub(super) fn describe(&self, version: &str, schema: &Schema) -> Value {
        let mut whole = self.summary(version);
        if let Some(map) = whole.as_object_mut() {
            map.insert("fields".to_owned(), self.fields.iter().map(Field::describe).collect());
            map.insert("childRelationships".to_owned(), schema.children(&self.name));
            map.insert("recordTypeInfos".to_owned(), json!([]));
        }
        whole
    }
}

impl Field {
    fn describe(&self) -> Value {
        let (kind, soap) = match &self.kind {
            Kind::Id => ("id", "tns:ID"),
            Kind::Text => ("string", "xsd:string"),
            Kind::Email => ("email", "xsd:string"),
            Kind::Boolean => ("boolean", "xsd:boolean"),
            Kind::Int => ("int", "xsd:int"),
            Kind::Double => ("double", "xsd:double"),
            Kind::Date => ("date", "xsd:date"),
            Kind::DateTime => ("datetime", "xsd:dateTime"),
            Kind::Picklist(_) => ("picklist", "xsd:string"),
            Kind::Reference { .. } => ("reference", "tns:ID"),
        };
        let (to, relationship) = match &self.kind {
            Kind::Reference { to, relationship } => (json!(to), json!(relationship)),
            _ => (json!([]), Value::Null),
        };
        let values = match &self.kind {
            Kind::Picklist(values) => values
                .iter()
                .map(|value| json!({ "value": value, "label": value, "active": true, "defaultValue": false }))
                .collect(),
            _ => json!([]),
        };
        json!({
            "name": self.name, "label": self.name, "type": kind, "soapType": soap, "custom": self.name.ends_with("__c"),
            "createable": self.createable, "updateable": self.updateable, "nillable": self.nillable, "filterable": self.filterable,
            "referenceTo": to, "relationshipName": relationship, "picklistValues": values,
            "restrictedPicklist": matches!(&self.kind, Kind::Picklist(values) if !values.is_empty()),
            "externalId": false, "idLookup": matches!(self.kind, Kind::Id) || self.name == "Username", "calculated": false,
            "cascadeDelete": self.cascade, "length": self.length(),
            "polymorphicForeignKey": matches!(&self.kind, Kind::Reference { to, .. } if to.len() > 1),
        })
    }
}

impl Field {
    /// Most characters; zero for what is no text.
    fn length(&self) -> u32 {
        match self.kind {
            Kind::Id | Kind::Reference { .. } => 18,
            Kind::Text | Kind::Picklist(_) => 255,
            Kind::Email => 80,
            _ => 0,
        }
    }
}

/// All objects of an org, by lower-case name.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema(BTreeMap<String, Arc<Object>>);

impl Schema {
    /// Adds or replaces an object.
    pub(super) fn add(&mut self, object: Object) {
        self.0.insert(object.name.to_ascii_lowercase(), Arc::new(object));
    }

    /// Takes an object away.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(&name.to_ascii_lowercase());
    }

    /// The object of this name in any case.
    pub(super) fn get(&self, name: &str) -> Option<&Object> {
        self.0.get(&name.to_ascii_lowercase()).map(Arc::as_ref)
    }

    /// The same, to keep while the org changes.
    pub(super) fn shared(&self, name: &str) -> Option<Arc<Object>> {
        self.0.get(&name.to_ascii_lowercase()).map(Arc::clone)
    }

    /// All objects, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Object> {
        self.0.values().map(Arc::as_ref)
    }

    /// What points at an object: each reference of each object, by name. A caller who cannot see an object is told nothing
    /// of it.
    fn children(&self, parent: &str) -> Value {
        let mut children = Vec::new();
        for object in self.all() {
            for field in &object.fields {
                if matches!(&field.kind, Kind::Reference { to, .. } if to.iter().any(|to| to == parent)) {
                    children.push(json!({
                        "childSObject": object.name, "field": field.name, "relationshipName": field.children, "cascadeDelete": field.cascade,
                        "restrictedDelete": false, "deprecatedAndHidden": object.nature == Nature::Deprecated,
                        "junctionIdListNames": [], "junctionReferenceTo": [],
                    }));
                }
            }
        }
        Value::Array(children)
    }

    /// The object whose records carry the id's key prefix.
    pub(super) fn of_id(&self, id: &str) -> Option<&Object> {
        self.all().find(|object| id.starts_with(&object.prefix))
    }
}
