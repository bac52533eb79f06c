//! Enrolled factors (v2).

use serde_json::json;

use super::call::{Answer, Call, Outcome};
use super::problem::{self, Dialect};
use super::state::Tenant;

impl Tenant {
    /// `/api/2/mfa/users/{id}` and below.
    pub(super) fn mfa(&mut self, call: &Call<'_>, id: i64, rest: &[&str]) -> Outcome {
        match (call.method, rest) {
            ("GET", ["devices"]) => {
                let devices = self.users.get(&id).map(|user| user.devices.clone()).unwrap_or_default();
                // The id is a text here and a number in events.
                let shown = devices.iter().map(|device| {
                    json!({
                        "device_id": device.id.to_string(),
                        "user_display_name": device.name,
                        "type_display_name": device.factor,
                        "auth_factor_name": device.factor,
                        "default": device.default,
                    })
                });
                Ok(Answer::ok(shown.collect()))
            }
            ("DELETE", ["devices", device]) => {
                let device = super::route::number(device, Dialect::V2)?;
                if self.remove_device(id, device, &call.cause(), call.now) {
                    Ok(Answer::nothing())
                } else {
                    Err(problem::not_found(Dialect::V2))
                }
            }
            _ => Err(problem::no_route(Dialect::V2)),
        }
    }
}
