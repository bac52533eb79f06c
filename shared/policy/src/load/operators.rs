//! `operators` in `env/<environment>.yaml`: who works with Rollcall, and what they may do.

use std::collections::{BTreeMap, BTreeSet};

use crate::configuration::{Operator, Role};
use crate::files;
use crate::reader::Reader;
use crate::yaml::{At, Node};

const ROLES: [(&str, Role); 5] = [
    ("viewer", Role::Viewer),
    ("operator", Role::Operator),
    ("approver", Role::Approver),
    ("confidential", Role::Confidential),
    ("config", Role::Config),
];

pub(super) fn read(reader: &mut Reader, node: &Node) -> BTreeMap<String, Operator> {
    let mut operators: BTreeMap<String, Operator> = BTreeMap::new();
    for (key, value) in reader.members(node, "operators") {
        if !is_account_name(&key.name) {
            reader.problem(
                &key.at,
                format!("`{}` is not the name of an account", key.name),
                "write it as the operating system does: letters, digits, `.`, `_` and `-`",
            );
            continue;
        }
        let operator = one(reader, value, &key.name, &key.at);
        // Two names for one person would let them decide about what they asked for themselves.
        let twin = operators
            .iter()
            .find(|(_, other)| other.login.is_some() && other.login == operator.login);
        if let Some((twin, _)) = twin {
            reader.problem(
                &key.at,
                format!("`{}` has the login of `{twin}`", key.name),
                "give every operator their own login",
            );
        }
        let twin = operators
            .iter()
            .find(|(_, other)| other.aws.is_some() && other.aws == operator.aws);
        if let Some((twin, _)) = twin {
            reader.problem(
                &key.at,
                format!("`{}` is for AWS the same as `{twin}`", key.name),
                "give every operator a user or a session name of their own",
            );
        }
        operators.insert(key.name.clone(), operator);
    }
    operators
}

fn is_account_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn one(reader: &mut Reader, node: &Node, name: &str, at: &At) -> Operator {
    let fields = reader.fields(node, name, files::OPERATOR);
    let login = fields
        .get("login")
        .and_then(|node| reader.text(node, "login"))
        .map(|login| login.trim().to_lowercase());
    let aws = fields.get("aws").and_then(|node| {
        let arn = reader.text(node, "aws")?.trim().to_owned();
        if !is_caller(&arn) {
            reader.problem(
                &node.at,
                format!("`{arn}` is not the ARN of a user or of a role's session"),
                "write what `aws sts get-caller-identity` prints as Arn: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION or arn:aws:iam::ACCOUNT:user/NAME",
            );
            return None;
        }
        Some(arn)
    });
    let words = ROLES.map(|(word, _)| word);
    let mut roles = BTreeSet::new();
    if let Some(node) = reader.required(&fields, "roles", name, "[viewer]") {
        for item in reader.several(node, "roles") {
            let word = reader.word(item, "roles", &words);
            roles.extend(
                ROLES
                    .iter()
                    .filter(|(known, _)| Some(*known) == word)
                    .map(|(_, role)| *role),
            );
        }
    }
    if roles.contains(&Role::Approver) && login.is_none() {
        reader.problem(
            at,
            format!("the approver `{name}` has no `login`, so nobody can tell that they are in the group of approvers"),
            "add `login:` with their sign-in name in the source",
        );
    }
    Operator { login, aws, roles }
}

/// Whether this is the ARN of one person's identity: an IAM user, or a session of a role (*IAM User Guide*, "IAM identifiers").
/// The root user is none, nor is a role without its session, and nothing stands for several.
fn is_caller(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, "", account, resource] = parts.as_slice() else {
        return false;
    };
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | ',' | '.' | '@' | '_' | '-' | '/'))
    };
    let names: Vec<&str> = resource.split('/').collect();
    let shaped = match (*service, names.as_slice()) {
        ("sts", ["assumed-role", role, session]) => !role.is_empty() && !session.is_empty(),
        ("iam", ["user", .., name]) => !name.is_empty(),
        _ => false,
    };
    shaped
        && plain(resource)
        && partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_caller;

    #[test]
    fn only_the_arn_of_one_person_is_taken() {
        for arn in [
            "arn:aws:sts::123456789012:assumed-role/RollcallOperator/priya.raman@corp.example",
            "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Operator_0123456789abcdef/priya",
            "arn:aws:iam::123456789012:user/priya",
            "arn:aws:iam::123456789012:user/staff/priya",
            "arn:aws-us-gov:sts::123456789012:assumed-role/R/p",
        ] {
            assert!(is_caller(arn), "{arn}");
        }
        for arn in [
            "",
            "priya",
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:role/RollcallOperator",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:sts::123456789012:assumed-role/RollcallOperator",
            "arn:aws:sts::123456789012:assumed-role/RollcallOperator/",
            "arn:aws:sts::123456789012:assumed-role/RollcallOperator/*",
            "arn:aws:sts::123456789012:assumed-role/*/priya",
            "arn:aws:sts::*:assumed-role/RollcallOperator/priya",
            "arn:aws:sts::12345678901:assumed-role/RollcallOperator/priya",
            "arn:aws:sts:eu-west-1:123456789012:assumed-role/RollcallOperator/priya",
            "arn:aws:sts::123456789012:federated-user/priya",
            "arn:aws:iam::123456789012:user/pri ya",
        ] {
            assert!(!is_caller(arn), "{arn}");
        }
    }
}
