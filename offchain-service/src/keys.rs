//! Key files.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use smartlayer_chain_client::{load_seed, Keypair};
use smartlayer_network::keypair;
use zeroize::Zeroizing;

use crate::config::Config;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// sr25519: an account, or a service's hot key.
    Account,
    /// ed25519: a service's identity among its peers.
    Network,
}

/// The keys of a service.
pub struct Keys {
    /// The hot key.
    pub service: Keypair,
    /// The account's own key, if it is here.
    pub account: Option<Keypair>,
    /// The seed of the key that says who the service is among its peers.
    pub network: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Reads the files that the configuration names.
    pub fn load(config: &Config) -> anyhow::Result<Self> {
        let default = |name: &str| config.data_dir.join("keys").join(name);
        let path = |given: &Option<PathBuf>, name| given.clone().unwrap_or_else(|| default(name));
        let remedy = |path: &Path, kind: &str| {
            format!("make one with: smartlayer-service key generate --kind {kind} --file {}", path.display())
        };
        let service = path(&config.keys.service, "service.key");
        let network = path(&config.keys.network, "network.key");
        let account = match &config.keys.account {
            Some(given) => Some(given.clone()),
            None => Some(default("account.key")).filter(|path| path.exists()),
        };
        Ok(Self {
            service: Keypair::load(&service).with_context(|| remedy(&service, "account"))?,
            account: account.map(Keypair::load).transpose()?,
            network: load_seed(&network).with_context(|| remedy(&network, "network"))?,
        })
    }
}

/// Makes a new key file; returns the public side.
pub fn generate(file: &Path, kind: Kind) -> anyhow::Result<String> {
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make the directory {}", parent.display()))?;
    }
    Keypair::create(file)?;
    show(file, kind)
}

/// The public side of a key file: an account or a peer id. Any 32 bytes are a seed of either kind.
pub fn show(file: &Path, kind: Kind) -> anyhow::Result<String> {
    Ok(match kind {
        Kind::Account => Keypair::load(file)?.account().to_string(),
        Kind::Network => keypair(*load_seed(file)?).public().to_peer_id().to_string(),
    })
}
