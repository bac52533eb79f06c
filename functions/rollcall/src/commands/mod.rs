//! One file a command.

mod again;
pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod expect;
pub(crate) mod explain;
pub(crate) mod forget;
pub(crate) mod leave;
pub(crate) mod link;
pub(crate) mod pause;
pub(crate) mod plan;
pub(crate) mod preflight;
pub(crate) mod receipt;
pub(crate) mod redrive;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod reviews;
pub(crate) mod undo;
