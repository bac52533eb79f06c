//! Whose an account is, what it is for, and whether a step concerns it.

use rollcall_model::person::{Account, AccountClass};
use rollcall_model::plan::StepSpec;

use super::{Facts, ListRead, ListReads, StageInputs};
use crate::configuration::{Configuration, ListSource};

/// The list whose members are service accounts, whatever the vendor says of them.
pub(super) const SERVICE: &str = "service";

/// What may be done with an account in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the person's, and the step concerns it.
    Plan,
    /// The step does not concern accounts of its class; why.
    Skip(String),
    /// It is somebody else's; why.
    NotTheirs(String),
    /// A person must say whether it is theirs; what they have to know.
    Ask(String),
}

/// The account with the class that counts: what the list `service` names is a service account.
pub(super) fn classed(configuration: &Configuration, lists: &ListReads, account: &Account) -> Account {
    let mut account = account.clone();
    if is_service(configuration, lists, &account) {
        account.class = AccountClass::Service;
    }
    account
}

fn is_service(configuration: &Configuration, lists: &ListReads, account: &Account) -> bool {
    let mut names = vec![
        account.username.to_lowercase(),
        account.account.id.to_lowercase(),
        account.account.to_string().to_lowercase(),
    ];
    names.extend(account.names.iter().map(|name| name.to_lowercase()));
    match configuration.lists.get(SERVICE) {
        Some(ListSource::Csv { values, .. } | ListSource::People(values)) => {
            names.iter().any(|name| values.contains(name))
        }
        Some(ListSource::Group { .. } | ListSource::Object { .. }) => match lists.get(SERVICE) {
            Some(ListRead::Entries(entries)) => names.iter().any(|name| entries.contains(name)),
            // An unreadable list holds everything but the cut, which can be taken back.
            Some(ListRead::Unreadable(_)) | None => false,
        },
        None => false,
    }
}

/// Why the step does not concern accounts of this class; `None` when it does.
pub(super) fn not_concerned(step: &StepSpec, class: AccountClass) -> Option<String> {
    match class {
        AccountClass::Service => Some("service account: rotate its secret and give it a new owner".to_owned()),
        _ if step.classes.contains(&class) => None,
        AccountClass::Portal => Some("portal account: customers and partners are not part of this playbook".to_owned()),
        AccountClass::Human | AccountClass::Admin => {
            let classes: Vec<&str> = step.classes.iter().map(|class| class.as_str()).collect();
            Some(format!(
                "{} account: the step concerns {} accounts only",
                class.as_str(),
                classes.join(" and ")
            ))
        }
    }
}

/// What may be done with an account whose class counts already.
pub(super) fn standing(facts: &Facts<'_>, step: &StepSpec, inputs: &StageInputs, account: &Account) -> Standing {
    if let Some(why) = not_concerned(step, account.class) {
        return Standing::Skip(why);
    }
    let id = &account.account;
    if inputs.denied.contains(id) {
        return Standing::NotTheirs("an approver said that it is not theirs".to_owned());
    }
    if inputs.confirmed.contains(id) {
        return Standing::Plan;
    }
    // Reviews of a quiet run are read by people who must not know whom it is about.
    let name = if facts.plan.quiet {
        id.to_string()
    } else {
        account.username.clone()
    };
    let by = account.matched_by.join(", ");
    if let Some(owner) = inputs.owners.get(id).filter(|owner| **owner != facts.person.key) {
        return if account.sure {
            Standing::Ask(format!(
                "{name} matches by {by} and is linked to another person, {owner}: say whether it is this person's; the link \
                 or the value is wrong"
            ))
        } else {
            Standing::NotTheirs("linked to another person".to_owned())
        };
    }
    let is_linked = inputs
        .linked
        .get(&id.connection)
        .is_some_and(|linked| linked.contains(&id.id));
    if account.sure || is_linked {
        return Standing::Plan;
    }
    Standing::Ask(format!(
        "ambiguous: {name} matched only by {by}, which is not declared sure: say whether it is the person's, or give them a sure value \
         in common"
    ))
}
