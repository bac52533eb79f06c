//! The company's other people, and companies that are configured otherwise.

use std::sync::Arc;

use rollcall_harness::WorldSpec;
use rollcall_harness::world::Texts;

/// Sign-in name of the colleague with the same family name.
pub const CHIDI: &str = "chidi.okafor@corp.example";
/// The leaver's manager in Slack.
pub const MANAGER_IN_SLACK: &str = "U0SAML00001";

/// A world whose configuration files are changed before they are loaded.
pub fn edited(edit: impl Fn(&mut Texts) + Send + Sync + 'static) -> WorldSpec {
    WorldSpec {
        edit: Some(Arc::new(edit)),
        ..WorldSpec::default()
    }
}

/// A world in which one text of one configuration file is another. Panics when the text is not there, so that a scenario
/// never runs on a configuration that it does not mean.
pub fn replaced(file: &'static str, from: &'static str, to: impl Into<String>) -> WorldSpec {
    let to = to.into();
    edited(move |files| {
        let text = files.get_mut(file).unwrap_or_else(|| panic!("there is no {file}"));
        assert!(text.contains(from), "{file} does not say {from:?}:\n{text}");
        *text = text.replace(from, &to);
    })
}
