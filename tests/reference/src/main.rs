//! Writes `docs/reference/`.

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let folder = rollcall_reference::folder();
    for (name, text) in rollcall_reference::files()? {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
