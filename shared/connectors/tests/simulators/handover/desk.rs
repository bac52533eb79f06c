//! A desk that a test looks into, and a line to the org that can be cut together with it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rollcall_model::{Desk, Failure};

use super::*;

/// What happens at one of the things a piece of work does: a call, a save, a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The process ends before it.
    Before,
    /// It has its effect, and the process ends before it knows.
    After,
}

/// Ends the process at one of the things it does.
#[derive(Default)]
pub(super) struct Fuse {
    done: Mutex<usize>,
    at: Mutex<Option<(usize, Cut)>>,
    blown: Mutex<bool>,
}

impl Fuse {
    pub(super) fn set(&self, at: usize, cut: Cut) {
        *self.at.lock().unwrap() = Some((at, cut));
    }

    /// A new process.
    pub(super) fn mend(&self) {
        *self.blown.lock().unwrap() = false;
    }

    /// How many things were done.
    pub(super) fn count(&self) -> usize {
        *self.done.lock().unwrap()
    }

    pub(super) fn is_blown(&self) -> bool {
        *self.blown.lock().unwrap()
    }

    /// Whether the thing may be done, and whether anybody hears of it.
    fn pass(&self) -> (bool, bool) {
        if self.is_blown() {
            return (false, false);
        }
        let mut done = self.done.lock().unwrap();
        let now = *done;
        *done += 1;
        match *self.at.lock().unwrap() {
            Some((at, cut)) if at == now => {
                *self.blown.lock().unwrap() = true;
                (cut == Cut::After, false)
            }
            _ => (true, true),
        }
    }
}

type OnSave = Box<dyn FnMut(&str) + Send>;

pub(super) struct TestDesk {
    pub(super) clock: Arc<Moment>,
    pub(super) fuse: Arc<Fuse>,
    pub(super) saved: Mutex<Option<Value>>,
    pub(super) said: Mutex<Vec<String>>,
    pub(super) files: Mutex<BTreeMap<String, Bytes>>,
    pub(super) kept: Mutex<BTreeMap<String, Bytes>>,
    pub(super) leaving: Mutex<BTreeSet<String>>,
    pub(super) stop: Mutex<Option<String>>,
    pub(super) on_save: Mutex<Option<OnSave>>,
}

impl TestDesk {
    pub(super) fn new(clock: &Arc<Moment>) -> Self {
        Self {
            clock: clock.clone(),
            fuse: Arc::default(),
            saved: Mutex::default(),
            said: Mutex::default(),
            files: Mutex::default(),
            kept: Mutex::default(),
            leaving: Mutex::default(),
            stop: Mutex::default(),
            on_save: Mutex::default(),
        }
    }

    /// A desk for another change of the same run: the files stay.
    pub(super) fn next(&self) -> Self {
        let next = Self::new(&self.clock);
        *next.files.lock().unwrap() = self.files.lock().unwrap().clone();
        next
    }

    /// The lines of evidence files, without their headers.
    pub(super) fn lines(&self, names: &[String]) -> Vec<Vec<String>> {
        let files = self.files.lock().unwrap();
        names
            .iter()
            .flat_map(|name| {
                let text = String::from_utf8(files[name].to_vec()).unwrap();
                let mut lines = text.split("\r\n");
                assert_eq!(
                    lines.next(),
                    Some("object,record,field,old,new,result,reason"),
                    "{name}"
                );
                lines
                    .filter(|line| !line.is_empty())
                    .map(|line| line.splitn(7, ',').map(str::to_owned).collect())
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

fn gone() -> Failure {
    Failure::retry("the process ended")
}

#[async_trait]
impl Desk for TestDesk {
    fn call(&self) -> Call {
        Call {
            lane: Lane::Work,
            ..self.clock.call()
        }
    }

    async fn save(&self, what: &str, state: &Value) -> Result<(), Failure> {
        let (done, heard) = self.fuse.pass();
        if done {
            assert!(
                state.to_string().len() <= 64 * 1024,
                "{what}: {} bytes",
                state.to_string().len()
            );
            assert!(!what.contains('@'), "{what} names somebody");
            *self.saved.lock().unwrap() = Some(state.clone());
            self.said.lock().unwrap().push(what.to_owned());
            if let Some(hook) = self.on_save.lock().unwrap().as_mut() {
                hook(what);
            }
        }
        if heard { Ok(()) } else { Err(gone()) }
    }

    async fn store(&self, name: &str, body: Bytes) -> Result<String, Failure> {
        let (done, heard) = self.fuse.pass();
        // The name to fetch by is the desk's affair.
        let kept = format!("run-1/{name}");
        if done {
            self.files.lock().unwrap().insert(kept.clone(), body);
        }
        if heard { Ok(kept) } else { Err(gone()) }
    }

    async fn fetch(&self, name: &str) -> Result<Bytes, Failure> {
        let found = self.files.lock().unwrap().get(name).cloned();
        found.ok_or_else(|| Failure::give_up(format!("no file {name}")))
    }

    async fn is_leaving(&self, account: &AccountRef) -> Result<bool, Failure> {
        Ok(self.leaving.lock().unwrap().contains(&account.id))
    }

    async fn stopped(&self) -> Result<Option<String>, Failure> {
        Ok(self.stop.lock().unwrap().clone())
    }

    async fn recall(&self, name: &str) -> Option<Bytes> {
        self.kept.lock().unwrap().get(name).cloned()
    }

    async fn remember(&self, name: &str, body: Bytes) {
        self.kept.lock().unwrap().insert(name.to_owned(), body);
    }
}

/// A line to the org that ends with the process.
pub(super) struct Line {
    pub(super) wire: Wire,
    pub(super) fuse: Arc<Fuse>,
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let (done, heard) = self.fuse.pass();
        let answer = if done {
            Some(self.wire.send(request, timeout).await)
        } else {
            None
        };
        match answer {
            Some(answer) if heard => answer,
            _ => Err(TransportError::Broken("the process ended".to_owned())),
        }
    }
}
