//! Names that nobody else makes, through a handle, so that tests can repeat them.

/// Makes unique names.
pub trait Ids: Send + Sync {
    /// A name that was never made before; later names sort after earlier ones.
    fn unique(&self) -> String;
    /// Bytes that nobody can guess.
    fn salt(&self) -> [u8; 32];
}

/// UUID version 7 from the operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn unique(&self) -> String {
        uuid::Uuid::now_v7().simple().to_string()
    }

    fn salt(&self) -> [u8; 32] {
        let mut salt = [0_u8; 32];
        // The operating system's generator does not fail after boot; if it ever does, a name of this moment still keeps two
        // runs' pseudonyms apart, and the receipt stays verifiable.
        if getrandom::fill(&mut salt).is_err() {
            salt[..16].copy_from_slice(uuid::Uuid::now_v7().as_bytes());
        }
        salt
    }
}
