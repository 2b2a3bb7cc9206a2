//! The configuration file: TOML, overridden by the environment, unknown keys refused.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{bail, Context};
use serde::Deserialize;
use smartlayer_network::Multiaddr;

/// Environment variables with this prefix override keys: `SMARTLAYER__CHAIN__URL` is `url` in `[chain]`.
const PREFIX: &str = "SMARTLAYER__";

/// The whole configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the service is.
    pub role: Role,
    /// Where it keeps its data. Relative paths are relative to the working directory.
    pub data_dir: PathBuf,
    /// Key files.
    #[serde(default)]
    pub keys: KeyFiles,
    /// The chain node.
    #[serde(default)]
    pub chain: ChainConfig,
    /// The peer-to-peer network.
    #[serde(default)]
    pub network: NetworkConfig,
    /// Metrics and health.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// Logs.
    #[serde(default)]
    pub log: LogConfig,
    /// For the role `service-node`.
    #[serde(default)]
    pub service_node: smartlayer_token_api::Config,
    /// For the role `anchor`.
    #[serde(default)]
    pub anchor: smartlayer_anchor::Config,
}

/// What a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Serves token instances.
    ServiceNode,
    /// Measures, places and commits for an organisation.
    Anchor,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServiceNode => "service-node",
            Self::Anchor => "anchor",
        })
    }
}

/// Where the keys are. Each file holds a 32-byte secret seed as hex with 0x, and has mode 0600.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyFiles {
    /// The hot key (sr25519) that signs receipts, measurements and transactions. Default: `keys/service.key` in the data directory.
    pub service: Option<PathBuf>,
    /// The account's own key (sr25519), needed for registering only. Default: `keys/account.key` in the data directory, if it is
    /// there.
    pub account: Option<PathBuf>,
    /// The key of the peer-to-peer network (ed25519). Default: `keys/network.key` in the data directory.
    pub network: Option<PathBuf>,
}

/// The chain node.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChainConfig {
    /// Its WebSocket URL. Default: `ws://127.0.0.1:9944`.
    pub url: String,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self { url: "ws://127.0.0.1:9944".into() }
    }
}

/// The peer-to-peer network.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Where to listen. Default: `/ip4/0.0.0.0/tcp/30400`; port 0 is any free one.
    pub listen: Vec<Multiaddr>,
    /// Where others reach this service, if not where it listens. Default: none.
    pub external: Vec<Multiaddr>,
    /// Peers to join by, each ending in `/p2p/<peer id>`. Default: none.
    pub bootstrap: Vec<Multiaddr>,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        let listen = vec!["/ip4/0.0.0.0/tcp/30400".parse().expect("a valid multiaddress; qed")];
        Self { listen, external: Vec::new(), bootstrap: Vec::new() }
    }
}

/// Metrics and health.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Where `GET /metrics`, `GET /health` and `GET /ready` are answered. Default: `127.0.0.1:9617`; port 0 is any free one.
    pub listen: SocketAddr,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9617)) }
    }
}

/// Logs, which go to standard error.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What is logged, as in `RUST_LOG`. Default: `info`.
    pub filter: String,
    /// Whether each line is a JSON object. Default: false.
    pub json: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".into(), json: false }
    }
}

impl Config {
    /// Reads a file, overridden by the environment.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read the configuration {}", path.display()))?;
        // A variable that is not UTF-8 cannot be one of ours.
        let environment = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self::parse(&text, environment).with_context(|| format!("the configuration {} is not valid", path.display()))
    }

    fn parse(text: &str, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let overrides: Vec<_> = environment
            .filter_map(|(name, value)| name.strip_prefix(PREFIX).map(|rest| (rest.to_ascii_lowercase(), value)))
            .collect();
        if overrides.is_empty() {
            return toml::from_str::<Self>(text)?.check();
        }
        let mut table: toml::Table = toml::from_str(text)?;
        for (name, value) in overrides {
            set(&mut table, &name, &value)
                .with_context(|| format!("the environment variable {PREFIX}{}", name.to_ascii_uppercase()))?;
        }
        // Written out again, so that an error shows the line that is meant.
        toml::from_str::<Self>(&toml::to_string(&table)?).context("with the overrides from the environment")?.check()
    }

    /// What the types can't say.
    fn check(self) -> anyhow::Result<Self> {
        if let Some(address) = self.network.bootstrap.iter().find(|a| !a.to_string().contains("/p2p/")) {
            bail!("network.bootstrap: {address} does not end in /p2p/<peer id>");
        }
        if self.service_node.rpc.max_paid_calls == 0 {
            bail!("service_node.rpc.max_paid_calls must be at least 1");
        }
        if let Some(url) = self.service_node.payment.watchtowers.iter().find(|url| !url.scheme().starts_with("http")) {
            bail!("service_node.payment.watchtowers: {} is not HTTP", url.scheme());
        }
        if let Some(evm) = self.service_node.evm.iter().find(|e| e.endpoints.is_empty()) {
            bail!("service_node.evm: chain {} has no endpoints", evm.chain);
        }
        if let Some(url) =
            self.service_node.evm.iter().flat_map(|e| &e.endpoints).find(|u| !u.scheme().starts_with("http"))
        {
            bail!("service_node.evm: {} is not HTTP", url.scheme());
        }
        if let Some(evm) = self.service_node.evm.iter().find(|e| e.max_batch == Some(0)) {
            bail!("service_node.evm: max_batch of chain {} must be at least 1", evm.chain);
        }
        Ok(self)
    }
}

/// Sets the key at this path of names between double underscores. What is not a TOML value is a string.
fn set(table: &mut toml::Table, path: &str, value: &str) -> anyhow::Result<()> {
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}")).ok().and_then(|mut t| t.remove("value"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut names: Vec<_> = path.split("__").collect();
    let last = names.pop().filter(|name| !name.is_empty()).context("names no key")?;
    let mut table = table;
    for name in names {
        let entry = table.entry(name).or_insert_with(|| toml::Value::Table(Default::default()));
        table = entry.as_table_mut().with_context(|| format!("{name} is no section"))?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(name: &str) -> String {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
    }

    fn parse(text: &str, environment: &[(&str, &str)]) -> anyhow::Result<Config> {
        Config::parse(text, environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn the_examples_load() {
        for (file, role) in [
            ("service-node.minimal.toml", Role::ServiceNode),
            ("service-node.maximal.toml", Role::ServiceNode),
            ("anchor.minimal.toml", Role::Anchor),
            ("anchor.maximal.toml", Role::Anchor),
        ] {
            let config = parse(&example(file), &[]).unwrap_or_else(|e| panic!("{file}: {e:#}"));
            assert_eq!(config.role, role, "{file}");
        }
    }

    #[test]
    fn the_maximal_examples_state_the_defaults() {
        // Apart from what has no default, so that whoever copies one changes nothing.
        let of = |file: &str| format!("{:?}", parse(&example(file), &[]).unwrap());
        let minimal = of("service-node.minimal.toml");
        let maximal = of("service-node.maximal.toml");
        for part in ["rpc: RpcConfig {", "prices: Prices {", "payment: PaymentConfig {", "metrics: MetricsConfig {"] {
            let value = |text: &str| {
                let rest = &text[text.find(part).unwrap()..];
                rest[..rest.find('}').unwrap()].to_owned()
            };
            assert_eq!(value(&minimal), value(&maximal));
        }
        let evm = &parse(&example("service-node.maximal.toml"), &[]).unwrap().service_node.evm[0];
        let defaults = smartlayer_token_api::EvmConfig::new(evm.chain, evm.endpoints.clone());
        assert_eq!(format!("{:?}", evm.chain_config()), format!("{:?}", defaults.chain_config()));
    }

    #[test]
    fn a_wrong_key_is_named() {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong-key.toml")).unwrap();
        let error = format!("{:#}", parse(&text, &[]).unwrap_err());
        assert!(error.contains("unknown field `listne`") && error.contains("expected"), "{error}");
        assert!(parse(&text.replace("listne", "listen"), &[]).is_ok());
    }

    #[test]
    fn the_environment_overrides() {
        let text = example("service-node.minimal.toml");
        let config = parse(
            &text,
            &[
                ("SMARTLAYER__CHAIN__URL", "wss://chain.example"),
                ("SMARTLAYER__SERVICE_NODE__RPC__LISTEN", "127.0.0.1:0"),
                ("SMARTLAYER__SERVICE_NODE__PRICES__OPERATION", "\"7\""),
                ("SMARTLAYER__LOG__JSON", "true"),
                ("UNRELATED", "x"),
            ],
        )
        .unwrap();
        assert_eq!(config.chain.url, "wss://chain.example");
        assert_eq!(config.service_node.rpc.listen.port(), 0);
        assert_eq!(config.service_node.prices.operation.0, 7);
        assert!(config.log.json);
        let error = format!("{:#}", parse(&text, &[("SMARTLAYER__CHAIN__UTL", "x")]).unwrap_err());
        assert!(error.contains("unknown field `utl`"), "{error}");
        let error = format!("{:#}", parse(&text, &[("SMARTLAYER__ROLE__X", "x")]).unwrap_err());
        assert!(error.contains("SMARTLAYER__ROLE__X") && error.contains("no section"), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let text = example("service-node.minimal.toml");
        for (override_, reason) in [
            (("SMARTLAYER__NETWORK__BOOTSTRAP", "[\"/ip4/1.2.3.4/tcp/1\"]"), "/p2p/"),
            (("SMARTLAYER__SERVICE_NODE__RPC__MAX_PAID_CALLS", "0"), "at least 1"),
            (("SMARTLAYER__SERVICE_NODE__EVM", "[{ chain = \"eip155:1\", endpoints = [] }]"), "no endpoints"),
            (("SMARTLAYER__SERVICE_NODE__PRICES__CALL", "\"-7\""), "decimal"),
            (("SMARTLAYER__SERVICE_NODE__PRICES__OPERATION", "\"0\""), "at least 1"),
            (("SMARTLAYER__ROLE", "king"), "unknown variant"),
        ] {
            let error = format!("{:#}", parse(&text, &[override_]).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
