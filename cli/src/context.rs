//! What commands share: the chain, the key, the record of promises.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{bail, Context as _, Result};
use smartlayer_chain_client::{ChainClient, Keypair};
use smartlayer_primitives::AccountId;
use smartlayer_sdk::{http_client, HttpClient, Payer};

use crate::args::Global;

/// How long one service may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The global options, put to use.
pub struct Context {
    pub global: Global,
    pub http: HttpClient,
}

impl Context {
    pub fn new(global: Global) -> Self {
        Self { global, http: http_client(TIMEOUT) }
    }

    /// Connects to the chain.
    pub async fn chain(&self) -> Result<ChainClient> {
        Ok(ChainClient::connect(&self.global.chain).await?)
    }

    /// The user's key.
    pub fn key(&self) -> Result<Keypair> {
        match (&self.global.key, &self.global.dev_key) {
            (Some(file), _) => Ok(Keypair::load(file)?),
            (None, Some(uri)) => Ok(Keypair::development(uri)?),
            (None, None) => {
                bail!("this command needs your key; give --key FILE, or make one with: smartlayer key generate FILE")
            }
        }
    }

    /// The user's key, or where none is named the other one: only opening and closing on the chain takes the account's own.
    pub fn key_or(&self, other: &Keypair) -> Result<Keypair> {
        match (&self.global.key, &self.global.dev_key) {
            (None, None) => Ok(other.clone()),
            _ => self.key(),
        }
    }

    /// The given account, or that of the user's key.
    pub fn account_or_own(&self, account: Option<AccountId>) -> Result<AccountId> {
        match account {
            Some(account) => Ok(account),
            None => Ok(self.key()?.account()),
        }
    }

    /// The key that signs promises: of the file, or the user's.
    pub fn signer(&self, file: Option<&Path>) -> Result<Keypair> {
        match file {
            Some(file) => Ok(Keypair::load(file)?),
            None => self.key(),
        }
    }

    /// A payer whose promises are recorded on disk. `account` opens sessions, `signer` signs promises.
    pub fn payer(&self, chain: ChainClient, account: Keypair, signer: Keypair) -> Result<Payer> {
        let dir = self.state_dir()?;
        fs::create_dir_all(&dir).with_context(|| format!("cannot create the state folder {}", dir.display()))?;
        let chain_name = hex::encode(&chain.genesis_hash()[..4]);
        let file = dir.join(format!("promises-{chain_name}-{}.json", signer.account()));
        Ok(Payer::with_record(chain, account, signer, file)?)
    }

    fn state_dir(&self) -> Result<PathBuf> {
        if let Some(dir) = &self.global.state {
            return Ok(dir.clone());
        }
        let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let base = from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")));
        base.map(|base| base.join("smartlayer")).context("no folder for the record of promises; give --state DIR")
    }

    /// Tells people what is going on; machines read only the result.
    pub fn say(&self, text: &str) {
        if !self.global.json {
            eprintln!("{text}");
        }
    }
}
