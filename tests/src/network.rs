//! All the processes of a Smart Layer on one machine, their folders, keys and endpoints.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use smartlayer_chain_client::{store_seed, ChainClient, Keypair};
use smartlayer_primitives::AccountId;
use sp_core::{sr25519, Pair};

use crate::{
    chain::{export_spec, ChainNode},
    cli::User,
    evm::Evm,
    process::{binary, free_port, Process, Program, STOP_LIMIT},
    story::Teller,
    wait_until,
};

/// What to start, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Holds all data.
    pub dir: PathBuf,
    /// The checkout, for the example token.
    pub repository: PathBuf,
    /// anvil's executable.
    pub anvil: PathBuf,
    /// How many anchors, at most four.
    pub anchors: usize,
    /// How many service nodes, at most eight.
    pub nodes: usize,
}

/// A running network.
pub struct LocalNetwork {
    /// Holds all data.
    pub dir: PathBuf,
    /// The chain's validators.
    pub chain: Vec<ChainNode>,
    /// The EVM node.
    pub evm: Evm,
    /// The example contract's address.
    pub contract: String,
    /// The example token script.
    pub script: PathBuf,
    /// The anchors.
    pub anchors: Vec<Service>,
    /// The service nodes.
    pub nodes: Vec<Service>,
    /// A client of the first validator.
    pub client: ChainClient,
    repository: PathBuf,
}

/// A running `smartlayer-service`.
pub struct Service {
    /// `Node1`, `Anchor1`, …; its account is the development key of that name.
    pub name: String,
    /// Its account.
    pub account: AccountId,
    /// `service-node` or `anchor`.
    pub role: &'static str,
    /// The process.
    pub process: Process,
    /// Where it answers.
    pub endpoints: Endpoints,
}

/// One instance of the example token.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Its index.
    pub index: u32,
    /// The token's id on the contract, decimal.
    pub token_id: String,
    /// The issuer's values.
    pub values: BTreeMap<String, String>,
}

/// What a service writes to `endpoints.json` in its data folder.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoints {
    /// JSON-RPC by POST.
    pub http: String,
    /// JSON-RPC by WebSocket.
    pub ws: String,
    /// Prometheus metrics.
    pub metrics: String,
    /// libp2p addresses, peer id included.
    pub addresses: Vec<String>,
}

impl LocalNetwork {
    /// Starts everything and waits until it answers.
    pub async fn start(plan: &Plan, teller: &Teller) -> Result<Self> {
        let dir = plan.dir.clone();
        let logs = dir.join("logs");
        fs::create_dir_all(&logs)?;
        fs::create_dir_all(dir.join("keys"))?;

        let spec = export_spec(&dir, "local")?;
        let alice = ChainNode::start(&dir, &logs, &spec, "alice", None).await?;
        let bob = ChainNode::start(&dir, &logs, &spec, "bob", Some(&alice.multiaddr)).await?;
        let client = ChainClient::connect_patiently(&alice.ws).await?;
        let chain = vec![alice, bob];
        wait_until("the chain finalises blocks", Duration::from_secs(120), || async {
            Ok(chain[0].finalized().await? >= 2)
        })
        .await?;
        teller.say("a chain of two validators produces and finalises blocks");

        let evm = Evm::start(&plan.anvil, &logs).await?;
        let example = plan.repository.join("examples/flight-ticket");
        let contract = evm.deploy(&example.join("FlightTicket.json"), &constructor(&evm.account().await?)?).await?;
        let script = example.join("flight-ticket.tsml");
        let written = fs::read_to_string(&script)?.to_lowercase();
        anyhow::ensure!(written.contains(&contract.to_lowercase()), "{} is not for {contract}", script.display());
        teller.say(format!("an EVM node runs with the flight ticket's contract at {contract}"));

        let mut network = Self {
            dir,
            chain,
            evm,
            contract,
            script,
            anchors: Vec::new(),
            nodes: Vec::new(),
            client,
            repository: plan.repository.clone(),
        };
        let mut bootstrap = Vec::new();
        for i in 1..=plan.anchors {
            let anchor = network.start_service("anchor", &format!("Anchor{i}"), &bootstrap).await?;
            if bootstrap.is_empty() {
                bootstrap = anchor.endpoints.addresses.clone();
            }
            network.anchors.push(anchor);
        }
        teller.say(format!("{} anchors started", plan.anchors));
        for i in 1..=plan.nodes {
            let node = network.start_service("service-node", &format!("Node{i}"), &bootstrap).await?;
            network.nodes.push(node);
        }
        teller.say(format!("{} service nodes started; they register, bond and propose their agreements", plan.nodes));
        network.write_description()?;
        Ok(network)
    }

    async fn start_service(&self, role: &'static str, name: &str, bootstrap: &[String]) -> Result<Service> {
        let data = self.dir.join("services").join(name);
        fs::create_dir_all(data.join("keys"))?;
        let key = self.key_file(name)?;
        for part in ["service", "network"] {
            store_seed(&data.join("keys").join(part).with_extension("key"), &seed(&format!("//{name}//{part}"))?)?;
        }
        let config = data.join("config.toml");
        fs::write(&config, self.config(role, &data, &key, bootstrap)?)?;
        let process = Program::new(name, &binary("smartlayer-service")?, &self.dir.join("logs"))
            .args(["run", "--config"])
            .args([config.to_str().context("a path in UTF-8")?])
            .start()?;
        let told = data.join("endpoints.json");
        let endpoints = RefCell::new(None);
        wait_until(&format!("{name} says where it answers"), Duration::from_secs(60), || {
            let ended = process.check();
            let read = fs::read(&told).ok().and_then(|bytes| serde_json::from_slice::<Endpoints>(&bytes).ok());
            let found = read.is_some();
            *endpoints.borrow_mut() = read;
            async move {
                ended?;
                Ok(found)
            }
        })
        .await?;
        let endpoints = endpoints.into_inner().context("endpoints")?;
        Ok(Service { name: name.into(), account: self.key(name)?.account(), role, process, endpoints })
    }

    /// A service's configuration: everything on free ports, its account's key at hand so that it registers by itself.
    fn config(&self, role: &str, data: &Path, key: &Path, bootstrap: &[String]) -> Result<String> {
        // Ports that stay the same when the service is started again.
        let [rpc, metrics, p2p] = [free_port()?, free_port()?, free_port()?];
        let section =
            match role {
                "anchor" => format!("[anchor.rpc]\nlisten = \"127.0.0.1:{rpc}\"\n"),
                _ => format!(
                "[service_node.rpc]\nlisten = \"127.0.0.1:{rpc}\"\n\n[service_node.payment]\nwatchtowers = [{:?}]\n\n\
                 [[service_node.evm]]\nchain = \"eip155:{}\"\nendpoints = [{:?}]\nmax_block_age_seconds = 0\n",
                // Not the chain node that it uses itself.
                self.chain[1].http, self.evm.chain_id, self.evm.url
            ),
            };
        Ok(format!(
            "role = {role:?}\ndata_dir = {:?}\n\n[keys]\naccount = {:?}\n\n[chain]\nurl = {:?}\n\n[network]\nlisten = \
             [\"/ip4/127.0.0.1/tcp/{p2p}\"]\nbootstrap = {bootstrap:?}\n\n[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n\n{section}",
            data.to_str().context("a path in UTF-8")?,
            key.to_str().context("a path in UTF-8")?,
            self.chain[0].ws
        ))
    }

    /// The development key of this name, from its file.
    pub fn key(&self, name: &str) -> Result<Keypair> {
        Ok(Keypair::load(self.key_file(name)?)?)
    }

    /// The file of the development key of this name; written when it is first asked for.
    pub fn key_file(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join("keys").join(format!("{name}.key"));
        if !path.exists() {
            store_seed(&path, &seed(&format!("//{name}"))?)?;
        }
        Ok(path)
    }

    /// A user of the command line with the development key of this name.
    pub fn user(&self, name: &str) -> Result<User> {
        let account = self.key(name)?.account().to_string();
        Ok(User::new(&self.chain[0].ws, &account, &self.key_file(name)?, &self.dir.join("cli").join(name)))
    }

    /// The tickets of the example, in the order of their indices.
    pub fn tickets(&self) -> Result<Vec<Ticket>> {
        let bytes = fs::read(self.repository.join("examples/flight-ticket/values.json"))?;
        #[derive(Deserialize)]
        struct Values {
            instances: Vec<Ticket>,
        }
        Ok(serde_json::from_slice::<Values>(&bytes)?.instances)
    }

    /// A ticket's values in a file of their own, as the command line takes them.
    pub fn values_file(&self, ticket: &Ticket) -> Result<PathBuf> {
        let path = self.dir.join(format!("ticket-{}.json", ticket.index));
        fs::write(&path, serde_json::to_vec_pretty(&ticket.values)?)?;
        Ok(path)
    }

    /// Fails if any process ended by itself.
    pub fn check(&self) -> Result<()> {
        self.chain.iter().try_for_each(|n| n.process.check())?;
        self.evm.process.check()?;
        self.nodes.iter().chain(&self.anchors).try_for_each(|s| s.process.check())
    }

    /// The service with this account.
    pub fn node_mut(&mut self, account: &AccountId) -> Result<&mut Service> {
        self.services_mut().find(|s| &s.account == account).with_context(|| format!("no service has account {account}"))
    }

    fn services_mut(&mut self) -> impl Iterator<Item = &mut Service> {
        self.nodes.iter_mut().chain(&mut self.anchors)
    }

    /// `Node3` rather than an address, where the account is one of ours.
    pub fn name_of(&self, account: &AccountId) -> String {
        self.nodes
            .iter()
            .chain(&self.anchors)
            .find(|s| &s.account == account)
            .map_or_else(|| account.to_string(), |s| s.name.clone())
    }

    /// Writes `network.json`, so that other programs can attach.
    pub fn write_description(&self) -> Result<()> {
        let services: Vec<_> = self
            .anchors
            .iter()
            .chain(&self.nodes)
            .map(|s| {
                json!({
                    "name": s.name,
                    "role": s.role,
                    "http": s.endpoints.http,
                    "ws": s.endpoints.ws,
                    "metrics": s.endpoints.metrics,
                    "account": s.account.to_string(),
                    "pid": s.process.id(),
                })
            })
            .collect();
        let mut accounts = serde_json::Map::new();
        for name in ["Issuer", "Dapp", "User"] {
            let account = self.key(name)?.account().to_string();
            accounts.insert(name.into(), json!({ "account": account, "key": self.key_file(name)? }));
        }
        for service in self.anchors.iter().chain(&self.nodes) {
            let key = self.key_file(&service.name)?;
            accounts.insert(service.name.clone(), json!({ "account": service.account.to_string(), "key": key }));
        }
        let description = json!({
            "chain": {
                "ws": self.chain[0].ws,
                "genesis": format!("{:?}", self.client.genesis_hash()),
                "nodes": self.chain.iter().map(|n| json!({
                    "ws": n.ws, "http": n.http, "metrics": n.metrics, "pid": n.process.id(),
                })).collect::<Vec<_>>(),
            },
            "evm": {
                "http": self.evm.url,
                "chainId": self.evm.chain_id,
                "contract": self.contract,
                "pid": self.evm.process.id(),
            },
            "services": services,
            "accounts": accounts,
            "script": self.script,
        });
        // Whoever waits for the file never sees half of it.
        let path = self.dir.join("network.json");
        let partial = self.dir.join("network.json.partial");
        fs::write(&partial, serde_json::to_vec_pretty(&description)?)?;
        fs::rename(partial, path)?;
        Ok(())
    }

    /// Where everything answers, for people.
    pub fn endpoints(&self) -> String {
        let mut lines =
            vec![format!("{:<12} {}", "chain", self.chain[0].ws), format!("{:<12} {}", "EVM", self.evm.url)];
        for service in self.anchors.iter().chain(&self.nodes) {
            lines.push(format!("{:<12} {}  {}", service.name, service.endpoints.http, service.account));
        }
        lines.push(format!("{:<12} {}", "all of it", self.dir.join("network.json").display()));
        lines.join("\n")
    }

    /// Stops everything in order; fails if anything did not stop in time. Returns the longest that one took.
    pub async fn stop(&mut self) -> Result<Duration> {
        let mut longest = Duration::ZERO;
        let mut slow = Vec::new();
        for service in self.services_mut() {
            service.process.terminate()?;
        }
        for service in self.nodes.iter_mut().chain(&mut self.anchors) {
            match service.process.stop(STOP_LIMIT).await {
                Ok(took) => longest = longest.max(took),
                Err(e) => slow.push(e.to_string()),
            }
        }
        for node in &mut self.chain {
            node.process.terminate()?;
        }
        for node in &mut self.chain {
            match node.process.stop(STOP_LIMIT).await {
                Ok(took) => longest = longest.max(took),
                Err(e) => slow.push(e.to_string()),
            }
        }
        self.evm.process.stop(STOP_LIMIT).await.ok();
        anyhow::ensure!(slow.is_empty(), "{}", slow.join("; "));
        Ok(longest)
    }
}

/// The secret seed of a development key.
fn seed(uri: &str) -> Result<[u8; 32]> {
    let (_, seed) = sr25519::Pair::from_string_with_seed(uri, None).map_err(|e| anyhow::anyhow!("{uri}: {e:?}"))?;
    seed.with_context(|| format!("{uri} has no seed"))
}

/// The contract's arguments in the EVM's ABI: who holds the tickets, how many, and when the first flight leaves.
fn constructor(holder: &str) -> Result<Vec<u8>> {
    const TICKETS: u64 = 12;
    const DEPARTS: u64 = 1_900_000_000;
    let mut words = vec![0; 96];
    hex::decode_to_slice(holder.trim_start_matches("0x"), &mut words[12..32])?;
    words[56..64].copy_from_slice(&TICKETS.to_be_bytes());
    words[88..96].copy_from_slice(&DEPARTS.to_be_bytes());
    Ok(words)
}
