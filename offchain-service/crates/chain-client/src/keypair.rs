//! Secret keys: sr25519, from a file that only its owner can read.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use hkdf::Hkdf;
use sha2::Sha256;
use smartlayer_primitives::{payload::Payload, AccountId, Hash, Signature};
use sp_core::{sr25519, Pair};
use zeroize::Zeroizing;

/// A key that signs transactions, promises and receipts. Its secret never leaves it, nor does it show in logs.
#[derive(Clone)]
pub struct Keypair(sr25519::Pair);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot {what} the key file {}: {source}", path.display())]
    File {
        /// `read` or `create`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Others than its owner can read or write the file.
    #[error("others can access the key file {} (mode {mode:03o}); run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not a secret seed.
    #[error("the key file {} does not hold a 32-byte secret seed as hex with 0x", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The development phrase is none.
    #[error("{0:?} is no development key; use //Alice, //Bob and so on")]
    NotDevelopment(String),
}

impl Keypair {
    /// The key of a 32-byte secret seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(sr25519::Pair::from_seed(seed))
    }

    /// The well-known key of a development chain: `//Alice`, `//Bob`, … Everybody knows these secrets.
    pub fn development(uri: &str) -> Result<Self, KeyError> {
        let refused = || KeyError::NotDevelopment(uri.to_owned());
        if !uri.starts_with("//") {
            return Err(refused());
        }
        sr25519::Pair::from_string(uri, None).map(Self).map_err(|_| refused())
    }

    /// Reads the key from a file that holds its seed as hex (`0x…`). Refused when others than the owner can access the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        Ok(Self::from_seed(&*load_seed(path)?))
    }

    /// Makes a new key and writes it to a new file of mode 0600. An existing file is never overwritten.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let (pair, seed) = sr25519::Pair::generate();
        let seed = Zeroizing::new(seed);
        store_seed(path, &seed)?;
        Ok(Self(pair))
    }

    /// The account that this key signs for.
    pub fn account(&self) -> AccountId {
        AccountId::new(self.0.public().0)
    }

    /// The public key.
    pub fn public(&self) -> sr25519::Public {
        self.0.public()
    }

    /// Signs bytes.
    pub fn sign(&self, message: &[u8]) -> sr25519::Signature {
        self.0.sign(message)
    }

    /// A secret of its own for a purpose: HKDF-SHA-256 (RFC 5869) of this key. It says nothing of the key or of other purposes' secrets, and
    /// is the same again for the same key.
    pub fn derive_secret(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let own = Zeroizing::new(self.0.to_raw_vec());
        let mut secret = Zeroizing::new([0; 32]);
        let derived = Hkdf::<Sha256>::new(None, &own).expand(purpose.as_bytes(), &mut *secret);
        derived.expect("32 bytes are less than 255 hashes; qed");
        secret
    }

    /// Signs a value under its domain, for the chain with this genesis hash.
    pub fn sign_payload(&self, payload: &impl Payload, genesis: &Hash) -> Signature {
        Signature::Sr25519(self.sign(&payload.signing_payload(genesis)))
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({})", self.account())
    }
}

/// Reads a 32-byte secret seed from a key file, as [`Keypair::load`] does; for keys of another scheme than sr25519.
pub fn load_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let failed = |source| KeyError::File { what: "read", path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
    }
    let mut text = Zeroizing::new(String::new());
    // Longer than any seed is no seed; whatever the file is, no more of it is read.
    io::Read::read_to_string(&mut io::Read::take(file, 256), &mut text).map_err(failed)?;
    let mut seed = Zeroizing::new([0u8; 32]);
    let digits = text.trim().strip_prefix("0x");
    digits
        .and_then(|digits| hex::decode_to_slice(digits, &mut *seed).ok())
        .ok_or_else(|| KeyError::Malformed { path: path.to_owned() })?;
    Ok(seed)
}

/// Writes a secret seed to a new file of mode 0600. An existing file is never overwritten.
pub fn store_seed(path: &Path, seed: &[u8; 32]) -> Result<(), KeyError> {
    let failed = |source| KeyError::File { what: "create", path: path.to_owned(), source };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    let text = Zeroizing::new(format!("0x{}\n", hex::encode(seed)));
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartlayer_primitives::node::KeyOwnership;
    use sp_core::crypto::Ss58Codec;

    #[test]
    fn a_created_key_is_private_and_loads_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("account.key");
        let key = Keypair::create(&path).unwrap();
        assert_eq!(Keypair::load(&path).unwrap().account(), key.account());
        assert!(matches!(Keypair::create(&path), Err(KeyError::File { what: "create", .. })));
        assert_eq!(format!("{key:?}"), format!("Keypair({})", key.account()));

        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keypair::load(&path), Err(KeyError::Exposed { mode: 0o640, .. })));
    }

    #[test]
    fn what_is_no_seed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("short", "0x12"), ("bare", &"12".repeat(32)[..]), ("words", "//Alice"), ("none", "")] {
            let path = dir.path().join(name);
            store_seed(&path, &[1; 32]).unwrap();
            fs::write(&path, text).unwrap();
            assert!(matches!(Keypair::load(&path), Err(KeyError::Malformed { .. })), "{name}");
        }
        assert!(matches!(Keypair::load(dir.path().join("absent")), Err(KeyError::File { what: "read", .. })));
    }

    #[test]
    fn development_keys_are_the_known_ones() {
        let alice = Keypair::development("//Alice").unwrap();
        assert_eq!(alice.account().to_ss58check(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
        assert!(Keypair::development("bottom drive obey").is_err());
        let genesis = Hash::repeat_byte(1);
        let payload = KeyOwnership { account: alice.account() };
        let signature = alice.sign_payload(&payload, &genesis);
        assert!(matches!(signature, Signature::Sr25519(s)
            if sr25519::Pair::verify(&s, payload.signing_payload(&genesis), &alice.public())));
    }
}
