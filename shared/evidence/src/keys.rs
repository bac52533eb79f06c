//! The signing key on one machine: a file that only its owner can read.
//!
//! In the cloud the key is in KMS and never leaves it; this is the other way to run. The file is PKCS#8 PEM, as
//! `openssl genpkey -algorithm ED25519` writes it, or the 32-byte seed in Base64. The public key stands beside it.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_model::{Signature, Signer, SignerError};

use crate::public_key::{PublicKey, pem_blocks, to_pem};
use crate::receipt::ALGORITHM;

const LABEL: &str = "PRIVATE KEY";

/// A key file is some 120 bytes; whatever is larger is something else.
const LARGEST: u64 = 8 * 1024;

/// Signs with a key from a file.
pub struct FileSigner {
    pair: Ed25519KeyPair,
    public: PublicKey,
    key_id: String,
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system refused.
    #[error("key file {path}: {doing}", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// Others than the owner may read or write it.
    #[error("key file {path}: others may use it (mode {mode:04o}); run: chmod 600 {path}", path = .path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Neither PKCS#8 PEM nor a seed in Base64.
    #[error("key file {path}: neither an Ed25519 private key in PEM nor a 32-byte seed in Base64", path = .path.display())]
    Content {
        /// Which file.
        path: PathBuf,
    },
    /// The random generator failed.
    #[error("no key could be generated: the system's random generator failed")]
    Generate,
}

impl FileSigner {
    /// Opens a key; refuses one that others may read.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let fault = |doing| move |source| file_error(path, doing, source);
        let file = File::open(path).map_err(fault("cannot be opened"))?;
        // Asked of the open file, so that it is the same that is read.
        guard(path, &file)?;
        let mut text = String::new();
        match file.take(LARGEST).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(KeyError::Content { path: path.to_owned() });
            }
            Err(error) => return Err(file_error(path, "cannot be read", error)),
        }
        let pair = parse(&text).ok_or_else(|| KeyError::Content { path: path.to_owned() })?;
        Self::of(path, pair)
    }

    /// A key that came from a store of secrets as text; `name` says in errors which secret it was.
    pub fn from_text(name: &str, text: &str) -> Result<Self, KeyError> {
        let path = Path::new(name);
        let pair = parse(text).ok_or_else(|| KeyError::Content { path: path.to_owned() })?;
        Self::of(path, pair)
    }

    /// Makes a new key with mode 0600 and writes its public key beside it. Fails when the file exists: a key is never
    /// written over, because the receipts it signed would lose their proof.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Generate)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generate)?;
        let signer = Self::of(
            path,
            Ed25519KeyPair::from_pkcs8(der.as_ref()).map_err(|_| KeyError::Generate)?,
        )?;
        // Written whole under another name and then linked: nobody ever reads half a key, and of two that create it at the
        // same time one wins and the other fails.
        let draft = draft(path);
        let linked = write_new(&draft, &to_pem(LABEL, der.as_ref()), 0o600).and_then(|()| fs::hard_link(&draft, path));
        let _ = fs::remove_file(&draft);
        linked.map_err(|source| file_error(path, "cannot be created", source))?;
        signer.write_public(path)?;
        Ok(signer)
    }

    /// Opens the key, or makes it when there is none.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        match Self::create(path) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                let signer = Self::open(path)?;
                if !public_path(path).exists() {
                    signer.write_public(path)?;
                }
                Ok(signer)
            }
            created => created,
        }
    }

    /// The public key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn of(path: &Path, pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let raw = <[u8; 32]>::try_from(pair.public_key().as_ref())
            .map_err(|_| KeyError::Content { path: path.to_owned() })?;
        let public = PublicKey::from_raw(raw);
        Ok(Self {
            pair,
            public,
            key_id: public.key_id(),
        })
    }

    fn write_public(&self, key: &Path) -> Result<(), KeyError> {
        let path = public_path(key);
        let draft = draft(&path);
        write_new(&draft, &self.public.to_pem(), 0o644)
            .and_then(|()| fs::rename(&draft, &path))
            .map_err(|source| file_error(&path, "cannot be written", source))
    }
}

#[async_trait]
impl Signer for FileSigner {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn sign(&self, bytes: &[u8]) -> Result<Signature, SignerError> {
        let signature = self
            .pair
            .try_sign(bytes)
            .map_err(|_| SignerError::Unavailable("the key refused to sign".to_owned()))?;
        Ok(Signature {
            algorithm: ALGORITHM.to_owned(),
            key_id: self.key_id.clone(),
            value: STANDARD.encode(signature.as_ref()),
        })
    }
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FileSigner({})", self.key_id)
    }
}

/// Where the public key of a key file stands: the same name with `.pub` behind it.
pub fn public_path(key: &Path) -> PathBuf {
    let mut name = OsString::from(key);
    name.push(".pub");
    PathBuf::from(name)
}

fn parse(text: &str) -> Option<Ed25519KeyPair> {
    if text.contains("-----BEGIN ") {
        let blocks = pem_blocks(text, LABEL)?;
        let [der] = blocks.as_slice() else {
            return None;
        };
        Ed25519KeyPair::from_pkcs8(der).ok()
    } else {
        let seed = STANDARD.decode(text.trim()).ok()?;
        Ed25519KeyPair::from_seed_unchecked(&seed).ok()
    }
}

#[cfg(unix)]
fn guard(path: &Path, file: &File) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file
        .metadata()
        .map_err(|source| file_error(path, "cannot be examined", source))?
        .permissions()
        .mode()
        & 0o7777;
    let for_others = mode & 0o077;
    if for_others == 0 {
        Ok(())
    } else {
        Err(KeyError::Exposed {
            path: path.to_owned(),
            mode,
        })
    }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
fn guard(_path: &Path, _file: &File) -> Result<(), KeyError> {
    // Access lists of other systems cannot be told from a mode.
    Ok(())
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn draft(path: &Path) -> PathBuf {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(path);
    name.push(format!(
        ".{}.{}.new",
        std::process::id(),
        DRAFTS.fetch_add(1, Ordering::Relaxed)
    ));
    PathBuf::from(name)
}

fn file_error(path: &Path, doing: &'static str, source: io::Error) -> KeyError {
    KeyError::File {
        path: path.to_owned(),
        doing,
        source,
    }
}

#[cfg(test)]
mod tests;
