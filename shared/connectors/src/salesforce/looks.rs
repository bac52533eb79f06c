//! The queries of a preflight that each stand for themselves, as a table.

use super::preflight::MOST;
use super::soql::soql_quote;

/// What a query tells of its rows.
pub(super) enum Shows {
    /// How many.
    Count,
    /// Names, at this place of a row.
    Names(&'static str),
}

/// One look at what names the user.
pub(super) struct Look {
    /// The obstacle's kind.
    pub(super) kind: &'static str,
    /// What it is called where it was not looked at, and where it is only counted.
    pub(super) label: &'static str,
    /// One of them.
    pub(super) one: &'static str,
    pub(super) object: &'static str,
    select: &'static str,
    /// Before and after the user's id.
    filter: (&'static str, &'static str),
    pub(super) shows: Shows,
    /// The field of the caller's own permissions without which rows are hidden, and the permission's name.
    pub(super) right: (&'static str, &'static str),
    pub(super) blocks: bool,
    pub(super) way_out: &'static str,
}

impl Look {
    /// The query about one user.
    pub(super) fn soql(&self, user: &str) -> String {
        let limit = match self.shows {
            Shows::Count => String::new(),
            Shows::Names(_) => format!(" LIMIT {MOST}"),
        };
        format!(
            "SELECT {} FROM {} WHERE {}{}{}{limit}",
            self.select,
            match self.object {
                // Of others' private reports only this scope shows any (Object Reference, Report).
                "Report" => "Report USING SCOPE allPrivate",
                other => other,
            },
            self.filter.0,
            soql_quote(user),
            self.filter.1
        )
    }
}

const DATA: (&str, &str) = ("PermissionsViewAllData", "View All Data");
const SETUP: (&str, &str) = ("PermissionsViewSetup", "View Setup and Configuration");

const fn counted(kind: &'static str, label: &'static str, object: &'static str, field: &'static str) -> Look {
    Look {
        kind,
        label,
        one: label,
        object,
        select: "COUNT()",
        filter: (field, ""),
        shows: Shows::Count,
        right: DATA,
        blocks: false,
        way_out: "take them off the teams, or leave them: a membership outlives the user and gives nobody access",
    }
}

const fn share(kind: &'static str, label: &'static str, object: &'static str) -> Look {
    Look {
        filter: ("RowCause = 'Manual' AND UserOrGroupId = ", ""),
        way_out: "share them by hand with whoever takes over: deactivation deletes these shares, and an undo does not bring them back",
        ..counted(kind, label, object, "")
    }
}

/// All of them, in the order of the report: what blocks, what stops working, what is lost, what stays behind.
pub(super) const LOOKS: &[Look] = &[
    Look {
        kind: "delegated-approver",
        label: "users whose delegated approver they are",
        one: "user's delegated approver",
        object: "User",
        select: "Id, Name",
        filter: ("IsActive = true AND DelegatedApproverId = ", ""),
        shows: Shows::Names("/Name"),
        right: ("PermissionsViewAllUsers", "View All Users"),
        blocks: true,
        way_out: "name another delegated approver on these users",
    },
    Look {
        kind: "pending-approval",
        label: "approvals that wait for them",
        one: "approval that wait for them",
        object: "ProcessInstanceWorkitem",
        select: "COUNT()",
        filter: ("ActorId = ", ""),
        shows: Shows::Count,
        right: DATA,
        blocks: true,
        way_out: "reassign the requests, and name another approver in the approval process",
    },
    Look {
        kind: "running-user",
        label: "dashboards that run as them",
        one: "dashboard",
        object: "Dashboard",
        select: "Id, Title",
        filter: ("RunningUserId = ", ""),
        shows: Shows::Names("/Title"),
        right: DATA,
        blocks: false,
        way_out: "choose another running user: these dashboards no longer refresh",
    },
    Look {
        kind: "scheduled-job",
        label: "scheduled jobs and reports",
        one: "scheduled job",
        object: "CronTrigger",
        select: "Id, CronJobDetail.Name, CronJobDetail.JobType",
        filter: ("OwnerId = ", ""),
        shows: Shows::Names("/CronJobDetail/Name"),
        right: SETUP,
        blocks: false,
        way_out: "delete them and schedule them again as somebody else: they no longer run",
    },
    Look {
        kind: "running-job",
        label: "jobs that run or wait to run as them",
        one: "job",
        object: "AsyncApexJob",
        select: "Id, JobType",
        filter: (
            "Status IN ('Holding', 'Preparing', 'Processing', 'Queued') AND CreatedById = ",
            "",
        ),
        shows: Shows::Names("/JobType"),
        right: SETUP,
        blocks: false,
        way_out: "wait until they have ended",
    },
    Look {
        kind: "territory",
        label: "territories they are assigned to",
        one: "territory",
        object: "UserTerritory2Association",
        select: "COUNT()",
        filter: ("UserId = ", ""),
        shows: Shows::Count,
        right: SETUP,
        blocks: false,
        way_out: "assign somebody else: deactivation deletes these assignments, and an undo does not bring them back",
    },
    Look {
        kind: "private-report",
        label: "private reports",
        one: "private report",
        object: "Report",
        select: "Id, Name",
        filter: ("OwnerId = ", ""),
        shows: Shows::Names("/Name"),
        right: (
            "PermissionsManagePvtRptsAndDashbds",
            "Manage All Private Reports and Dashboards",
        ),
        blocks: false,
        way_out: "move those that are needed into a shared folder: no API gives them to somebody else",
    },
    Look {
        kind: "oauth-token",
        label: "apps that hold a token of theirs",
        one: "token",
        object: "OauthToken",
        select: "Id, AppName",
        filter: ("UserId = ", ""),
        shows: Shows::Names("/AppName"),
        right: ("PermissionsCustomizeApplication", "Customize Application"),
        blocks: false,
        way_out: "see that no integration works by them: they end",
    },
    share("account-share", "accounts shared with them by hand", "AccountShare"),
    share(
        "opportunity-share",
        "opportunities shared with them by hand",
        "OpportunityShare",
    ),
    share("case-share", "cases shared with them by hand", "CaseShare"),
    share("lead-share", "leads shared with them by hand", "LeadShare"),
    counted(
        "account-team",
        "account teams they are on",
        "AccountTeamMember",
        "UserId = ",
    ),
    counted(
        "opportunity-team",
        "opportunity teams they are on",
        "OpportunityTeamMember",
        "UserId = ",
    ),
    counted("case-team", "case teams they are on", "CaseTeamMember", "MemberId = "),
];
