//! What a filter demands, as shortcuts to fewer candidates.

use super::super::super::schema::Kind;
use super::{Bound, Op, Plan};

/// Fields with the values of which a record must hold one.
pub(in super::super::super) type Keys<'a> = Vec<(&'a str, Vec<&'a str>)>;

impl Plan {
    fn parts(&self) -> impl Iterator<Item = &Bound> {
        match &self.filter {
            Some(Bound::All(parts)) => parts.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        }
        .iter()
    }

    /// Each demand of the top level that names text values of the record's own fields, all fields of it joined by OR.
    pub(in super::super::super) fn keys(&self) -> Vec<Keys<'_>> {
        self.parts().filter_map(Bound::keys).collect()
    }

    /// The lower bound of the id.
    pub(in super::super::super) fn above(&self) -> Option<String> {
        self.parts().find_map(|part| match part {
            Bound::Test(path, Op::Gt | Op::Ge, values) if path.kind == Kind::Id && path.parents.is_empty() => {
                Some(values.first()?.as_text()?.to_owned())
            }
            _ => None,
        })
    }

    /// True when results come in the order of ids.
    pub(in super::super::super) fn by_id(&self) -> bool {
        self.order
            .first()
            .is_none_or(|(path, down, _)| path.field == "Id" && path.parents.is_empty() && !down)
    }
}

impl Bound {
    fn keys(&self) -> Option<Keys<'_>> {
        match self {
            Self::Test(path, Op::Eq | Op::In, values) if path.parents.is_empty() => {
                let texts: Option<Vec<&str>> = values.iter().map(|value| value.as_text()).collect();
                Some(vec![(path.field.as_str(), texts?)])
            }
            Self::Within(path, false, inner) => Some(vec![(
                path.field.as_str(),
                inner.found.iter().map(String::as_str).collect(),
            )]),
            Self::Any(parts) => {
                let keys: Option<Vec<Keys<'_>>> = parts.iter().map(Self::keys).collect();
                Some(keys?.into_iter().flatten().collect())
            }
            _ => None,
        }
    }
}
