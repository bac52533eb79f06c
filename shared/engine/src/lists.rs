//! Lists that are read at run time.

use rollcall_model::Call;
use rollcall_policy::Configuration;
use rollcall_policy::decide::ListReads;

use crate::Engine;

impl Engine {
    pub(crate) async fn read_lists(&self, _configuration: &Configuration, _call: &Call) -> ListReads {
        ListReads::new()
    }
}
