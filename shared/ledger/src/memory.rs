//! Files in memory, for tests and the fault harness.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use rollcall_model::{FileError, Files};

use crate::folder::is_name;

/// [`Files`] in memory.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    bodies: Mutex<BTreeMap<String, Bytes>>,
}

impl MemoryFiles {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The names of all bodies, in order.
    pub fn names(&self) -> Vec<String> {
        self.with(|bodies| bodies.keys().cloned().collect())
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Bytes>) -> T) -> T {
        work(&mut self.bodies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The same names as in a folder, so that what works here works there.
fn checked(name: &str) -> Result<(), FileError> {
    if is_name(name) {
        Ok(())
    } else {
        Err(FileError::Unavailable(format!("{name:?} is no file name")))
    }
}

#[async_trait]
impl Files for MemoryFiles {
    async fn put(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        checked(name)?;
        self.with(|bodies| bodies.insert(name.to_owned(), body));
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Bytes, FileError> {
        checked(name)?;
        self.with(|bodies| bodies.get(name).cloned())
            .ok_or_else(|| FileError::Missing(name.to_owned()))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, FileError> {
        Ok(self.with(|bodies| {
            let names = bodies.keys().filter(|name| name.starts_with(prefix));
            names
                .filter(|name| after.is_none_or(|after| name.as_str() > after))
                .take(most)
                .cloned()
                .collect()
        }))
    }

    async fn remove(&self, name: &str) -> Result<(), FileError> {
        checked(name)?;
        self.with(|bodies| bodies.remove(name));
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        format!("memory:{name}")
    }
}
