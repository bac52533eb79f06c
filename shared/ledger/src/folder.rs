//! Files in a folder.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rollcall_model::{FileError, Files};

/// The longest part of a name, in bytes: what common file systems take, with room for a temporary suffix.
const SEGMENT_LIMIT: usize = 200;

/// [`Files`] in a folder: each body is written beside its name, synchronised and renamed, so that a name never shows half a
/// body. Folders have mode 0700, files 0600.
#[derive(Clone, Debug)]
pub struct Folder {
    root: Arc<PathBuf>,
}

impl Folder {
    /// A store under this folder, which is made with the first body.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: Arc::new(root.into()),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, FileError> {
        if is_name(name) {
            Ok(self.root.join(name))
        } else {
            Err(FileError::Unavailable(format!("{name:?} is no file name")))
        }
    }
}

/// True for slash-separated parts of plain ASCII, none of them hidden, relative or empty: nothing that leaves the folder or
/// means something else to a file system.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.split('/').all(|part| {
            !part.is_empty()
                && part.len() <= SEGMENT_LIMIT
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.=+@,:~#".contains(&byte))
        })
}

fn failed(error: &std::io::Error) -> FileError {
    FileError::Unavailable(error.to_string())
}

async fn blocking<T, F>(job: F) -> Result<T, FileError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, FileError> + Send + 'static,
{
    tokio::task::spawn_blocking(job)
        .await
        .unwrap_or_else(|error| Err(FileError::Unavailable(error.to_string())))
}

#[async_trait]
impl Files for Folder {
    async fn put(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        let path = self.path(name)?;
        let root = Arc::clone(&self.root);
        blocking(move || store(&root, &path, &body).map_err(|error| failed(&error))).await
    }

    async fn get(&self, name: &str) -> Result<Bytes, FileError> {
        let path = self.path(name)?;
        let name = name.to_owned();
        blocking(move || match std::fs::read(path) {
            Ok(body) => Ok(Bytes::from(body)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(FileError::Missing(name)),
            Err(error) => Err(failed(&error)),
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, FileError> {
        let root = Arc::clone(&self.root);
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        blocking(move || {
            let mut names = Vec::new();
            walk(&root, &start_of(&root, &prefix), &mut names).map_err(|error| failed(&error))?;
            names.retain(|name| name.starts_with(&prefix) && after.as_ref().is_none_or(|after| name > after));
            names.sort();
            names.truncate(most);
            Ok(names)
        })
        .await
    }

    async fn remove(&self, name: &str) -> Result<(), FileError> {
        let path = self.path(name)?;
        blocking(move || gone(&path).map_err(|error| failed(&error))).await
    }

    async fn expire(&self, prefix: &str, before: Timestamp) -> Result<usize, FileError> {
        let root = Arc::clone(&self.root);
        let prefix = prefix.to_owned();
        blocking(move || {
            let mut names = Vec::new();
            walk(&root, &start_of(&root, &prefix), &mut names).map_err(|error| failed(&error))?;
            let mut removed = 0;
            for name in names.iter().filter(|name| name.starts_with(&prefix)) {
                let path = root.join(name);
                let stored = match std::fs::metadata(&path).and_then(|about| about.modified()) {
                    Ok(stored) => stored,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(failed(&error)),
                };
                if Timestamp::try_from(stored).is_ok_and(|stored| stored < before) {
                    gone(&path).map_err(|error| failed(&error))?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }

    fn locate(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }
}

/// The folder that everything under a prefix lies in.
fn start_of(root: &Path, prefix: &str) -> PathBuf {
    prefix
        .rsplit_once('/')
        .map_or_else(|| root.to_owned(), |(folder, _)| root.join(folder))
}

/// The names of all bodies in a folder; none when it is not there.
fn walk(root: &Path, folder: &Path, names: &mut Vec<String>) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(root, &entry.path(), names)?;
        } else if let Ok(name) = entry.path().strip_prefix(root) {
            let name = name.to_string_lossy().into_owned();
            // What a crash left half written has a hidden name, and is no body.
            if is_name(&name) {
                names.push(name);
            }
        }
    }
    Ok(())
}

fn gone(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // An empty folder may name an account; one that is not empty stays.
    let mut folder = path.parent();
    while let Some(empty) = folder.filter(|folder| std::fs::remove_dir(folder).is_ok()) {
        folder = empty.parent();
    }
    match folder {
        Some(folder) if folder.exists() => std::fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn store(root: &Path, path: &Path, body: &[u8]) -> std::io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or(root);
    private_folder(folder)?;
    let temporary = folder.join(format!(
        ".{}-{}.tmp",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    ));
    let stored = (|| {
        let mut file = private_file(&temporary)?;
        file.write_all(body)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if stored.is_err() {
        // Best effort: the first error is the one that matters.
        let _ = std::fs::remove_file(&temporary);
        return stored;
    }
    // The name itself survives a power cut only once its folder is synchronised, up to the root that we may have made.
    let mut made = Some(folder);
    while let Some(folder) = made {
        std::fs::File::open(folder)?.sync_all()?;
        made = folder.parent().filter(|_| folder != root);
    }
    Ok(())
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder() {
        for good in ["a", "signals/0f", "receipts/run-1.json", "a/b/c:d"] {
            assert!(is_name(good), "{good}");
        }
        let long = "x".repeat(201);
        for bad in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a\\b", "é", "a b", "a\0", &long,
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn bodies_are_private_and_leave_nothing_else() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().join("files"));
        folder.put("a/b", Bytes::from_static(b"1")).await.unwrap();
        folder.put("a/b", Bytes::from_static(b"1")).await.unwrap();
        let mode = |path: &str| {
            let meta = std::fs::metadata(place.path().join(path)).unwrap();
            meta.permissions().mode() & 0o777
        };
        assert_eq!((mode("files/a"), mode("files/a/b")), (0o700, 0o600));
        let names: Vec<_> = std::fs::read_dir(place.path().join("files/a"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["b"], "no temporary file is left");
        assert!(folder.get("../secret").await.is_err());
    }

    #[tokio::test]
    async fn what_was_stored_before_a_moment_is_removed_and_nothing_beside_it() {
        let place = tempfile::tempdir().unwrap();
        let files = Folder::new(place.path());
        for name in ["kept/a/1", "kept/2", "receipts/r"] {
            files.put(name, Bytes::from_static(b"x")).await.unwrap();
        }
        let hour = std::time::Duration::from_hours(1);
        let now = Timestamp::now();
        let earlier = now.checked_sub(hour).unwrap();
        assert_eq!(files.expire("kept/", earlier).await.unwrap(), 0);
        let later = now.checked_add(hour).unwrap();
        assert_eq!(files.expire("kept/", later).await.unwrap(), 2);
        assert_eq!(files.list("", None, 10).await.unwrap(), ["receipts/r"]);
        assert!(!place.path().join("kept").exists(), "a folder's name may name somebody");
    }
}
