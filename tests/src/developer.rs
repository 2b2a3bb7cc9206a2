//! What a dApp developer and an issuer do with a token of their own: discover it, wait for a gate, ask for what is private, follow what
//! changes, exchange it for another, and check answers offline.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{bail, ensure, Context, Result};
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    ws_client::WsClientBuilder,
};
use serde_json::{json, Value};
use smartlayer_primitives::{assignment::Assignment, AccountId, InstanceId, SLT};
use smartlayer_sdk::{
    api::ErrorCode,
    grant::{Grantee, Principal, SignedGrant, Statement, Terms},
    http_client, node_service, Error, Options, Payer, TokenClient,
};

use crate::{
    network::{LocalNetwork, Service},
    rpc,
    story::Teller,
    wait_until,
};

/// Where the pass's contract is. It answers every call with the first word of its storage, and `ownerOf` with the second.
const CONTRACT: &str = "0x7070707070707070707070707070707070707070";
/// Whose name is sealed in the pass.
const HOLDER: &str = "Ada Lovelace";
const CODE: &str = "0x60003560e01c636352211e145460005260206000f3";
/// How long anything that depends on blocks may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// A pass that opens when its contract says so, with a name on it that is for its owner.
fn script(chain_id: u64) -> String {
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople"
    xmlns:sl="https://smartlayer.network/tokenscript/2026/11" name="Pass">
  <ts:contract interface="erc721" name="Pass"><ts:address network="{chain_id}">{CONTRACT}</ts:address></ts:contract>
  <ts:origins><ts:ethereum contract="Pass"/></ts:origins>
  <ts:selection name="closed" filter="(open=0)"><ts:label><ts:string xml:lang="en">Closed</ts:string></ts:label></ts:selection>
  <ts:cards><ts:card type="action" name="enter" exclude="closed"><ts:label><ts:string xml:lang="en">Enter</ts:string></ts:label></ts:card></ts:cards>
  <ts:attribute name="open"><ts:origins>
    <ethereum:call function="open" contract="Pass" as="uint"><ts:data/></ethereum:call>
  </ts:origins></ts:attribute>
  <ts:attribute name="holder" sl:access="owner"><ts:origins><ts:data ref="holder" as="utf8"/></ts:origins></ts:attribute>
  <ts:attribute name="seat"><ts:origins><ts:data ref="seat" as="utf8"/></ts:origins></ts:attribute>
</ts:token>
"#
    )
}

/// The pass, as it was published.
struct Pass<'a> {
    network: &'a LocalNetwork,
    instance: InstanceId,
    serving: Vec<AccountId>,
    tokens: TokenClient,
}

/// Tells all of it.
pub async fn tell(network: &LocalNetwork, teller: &Teller) -> Result<()> {
    let pass = publish(network).await?;
    teller.say(format!("an issuer published a pass: token type {}", pass.instance.token_type));
    pass.is_discovered().await?;
    teller.say("a developer discovered it: every described method is one that its nodes serve");
    pass.gate_opens().await?;
    teller.say("its action was refused while the contract was closed, and done once it was open");
    pass.owner_grants(teller).await?;
    pass.update_travels(teller).await?;
    let exchanged = exchange(network, teller).await?;
    pass.answers_are_checked_offline(&exchanged, teller).await
}

async fn publish(network: &LocalNetwork) -> Result<Pass<'_>> {
    let file = network.dir.join("pass.tsml");
    fs::write(&file, script(network.evm.chain_id))?;
    let values = network.dir.join("pass.json");
    fs::write(&values, json!({ "seat": "1A" }).to_string())?;
    let private = network.dir.join("pass.private.json");
    fs::write(&private, json!({ "holder": HOLDER }).to_string())?;
    rpc::call(&network.evm.url, "anvil_setCode", json!([CONTRACT, CODE])).await?;
    let issuer = network.user("Issuer")?;
    let path = |path: &Path| path.to_str().map(str::to_owned).context("a path in UTF-8");
    let script = path(&file)?;
    let uri = format!("file://{script}");
    let register = ["token", "register", "--script", &script, "--uri", &uri, "--key-operation", "enter"];
    let redundancy = ["--serving", "2", "--shards", "3", "--threshold", "2", "--periods", "1000"];
    let registered = issuer.run(&[&register[..], &redundancy].concat()).await?;
    let token_type = u32::try_from(registered["tokenType"].as_u64().context("the token type's number")?)?;
    let token = token_type.to_string();
    let (values, private, anchor) = (path(&values)?, path(&private)?, &network.anchors[0].endpoints.http);
    let store = ["instance", "store", "--token", &token, "--index", "1", "--token-id", "5", "--values", &values];
    let rest = ["--private", &private, "--script", &script, "--anchor", anchor];
    issuer.run(&[&store[..], &rest].concat()).await?;

    let instance = InstanceId { token_type, index: 1 };
    let dapp = network.key("Dapp")?;
    let payer = Payer::new(network.client.clone(), dapp);
    let tokens = TokenClient::new(payer.clone(), Options::default());
    let assignment: Assignment = tokens.assignment(instance, true).await?.as_ref().clone();
    let serving = assignment.serving.to_vec();
    ensure!(serving.len() == 2, "{} nodes serve the pass", serving.len());
    payer.open_all(serving.iter().map(|node| (node.clone(), SLT))).await?;
    Ok(Pass { network, instance, serving, tokens })
}

impl Pass<'_> {
    fn service(&self, account: &AccountId) -> Result<&Service> {
        self.network.nodes.iter().find(|node| node.account == *account).context("a node of ours serves the pass")
    }

    /// Discovery by OpenRPC, then by the token's own description.
    async fn is_discovered(&self) -> Result<()> {
        let url = &self.service(&self.serving[0])?.endpoints.http;
        let document = rpc::call(url, "rpc.discover", json!({})).await?;
        ensure!(document["openrpc"] == "1.3.2", "{document}");
        let served: Vec<_> = document["methods"].as_array().context("methods")?.iter().map(|m| &m["name"]).collect();
        let described = rpc::call(url, "token_describe", json!({ "tokenType": self.instance.token_type })).await?;
        for method in described["methods"].as_array().context("the pass's methods")? {
            ensure!(served.contains(&&method["method"]), "{} is described and not served", method["method"]);
            ensure!(method["params"]["type"] == "object", "no schema: {method}");
        }
        let trust = &described["trust"];
        let issuer = self.network.key("Issuer")?.account().to_string();
        ensure!(trust["registeredBy"] == issuer && trust["signature"]["status"] == "none", "{trust}");
        let access = |name: &str| {
            let attributes = described["attributes"].as_array().into_iter().flatten();
            attributes.filter(|a| a["name"] == name).map(|a| a["access"].clone()).next()
        };
        ensure!(access("holder") == Some(json!("owner")) && access("seat") == Some(json!("public")), "{described}");
        Ok(())
    }

    /// An action before and after the chain's state lets it pass.
    async fn gate_opens(&self) -> Result<()> {
        match self.tokens.action(self.instance, "enter", &[]).await {
            Err(Error::NotCharged { error, receipt, .. }) => {
                ensure!(error.code == ErrorCode::SelectionDenies, "the gate refused otherwise: {error}");
                ensure!(receipt.receipt.charged == 0, "a refused action cost {}", receipt.receipt.charged);
            }
            Err(e) => return Err(e).context("the gate refused otherwise"),
            Ok(_) => bail!("the gate was open before the contract was"),
        }
        let evm = &self.network.evm.url;
        rpc::call(evm, "anvil_setStorageAt", json!([CONTRACT, word(0), word(1)])).await?;
        rpc::call(evm, "anvil_mine", json!(["0x1"])).await?;
        wait_until("the gate is open", PATIENCE, || async {
            match self.tokens.attributes(self.instance).await {
                Ok(answered) => Ok(answered.paid.result.attributes["open"] == "1"),
                Err(e) => Err(e.into()),
            }
        })
        .await?;
        let user = self.network.user("Dapp")?;
        let (token, saved) = (self.instance.token_type.to_string(), self.saved());
        let call = ["call", "--token", &token, "--index", "1", "token_call", "--params", r#"{"action":"enter"}"#];
        let done = user.run(&[&call[..], &["--open", "1SLT", "--save", &saved]].concat()).await?;
        ensure!(done.to_string().contains("enter"), "{done}");
        let again = self.tokens.attributes(self.instance).await?.paid.result;
        let block = again.blocks.values().next().context("the block that the gate was read at")?;
        ensure!(block.number > 0, "{again:?}");
        Ok(())
    }

    fn saved(&self) -> String {
        self.network.dir.join("entered.json").display().to_string()
    }

    /// What is for the owner, without and with the grant that the owner's wallet signs.
    async fn owner_grants(&self, teller: &Teller) -> Result<()> {
        let evm = &self.network.evm.url;
        let owner = self.network.evm.account().await?;
        let padded = format!("0x{:0>64}", owner.trim_start_matches("0x"));
        rpc::call(evm, "anvil_setStorageAt", json!([CONTRACT, word(1), padded])).await?;
        rpc::call(evm, "anvil_mine", json!(["0x1"])).await?;
        let read = json!({ "names": ["holder"] });
        match self.tokens.call::<Value>(self.instance, "token_attributes", read.clone()).await {
            Err(Error::Api { error, .. }) if error.code == ErrorCode::NotAuthorised => {}
            Err(e) => return Err(e).context("what is private was refused otherwise"),
            Ok(answered) => bail!("what is private was answered to anybody: {}", answered.paid.result),
        }
        // The wallet signs what it is shown; anvil has the owner's key.
        let website = self.network.key("User")?;
        let terms =
            Terms::new(self.network.client.genesis_hash(), self.instance, Principal::Substrate(website.account()));
        let owner: Principal = owner.parse()?;
        let grant = terms.attributes(["holder"]).lasting(3600).by(owner.clone())?;
        let signature = rpc::call(evm, "eth_signTypedData_v4", json!([owner.to_string(), grant.typed_data()])).await?;
        let signed = json!({ "grant": grant, "signature": { "scheme": "eip712", "hex": signature } });
        let signed: SignedGrant = serde_json::from_value(signed).context("the wallet's signature")?;
        let granted = self.tokens.with_grant(Grantee::new(signed, website)?);
        // The node looks for a new block once a second.
        wait_until("the owner's grant is taken", PATIENCE, || async {
            match granted.call::<Value>(self.instance, "token_attributes", read.clone()).await {
                Ok(answered) => Ok(answered.paid.result["attributes"]["holder"] == HOLDER),
                Err(Error::Api { error, .. }) if error.code == ErrorCode::NotAuthorised => Ok(false),
                Err(e) => Err(e.into()),
            }
        })
        .await?;
        teller.say("the name on it was refused to everybody, and answered to whom its owner's wallet granted it");
        for (folder, known) in [("services", "sealed:1:"), ("logs", "placed here")] {
            let folder = self.network.dir.join(folder);
            ensure!(occurs(&folder, known)?, "{} is not where the services keep what they have", folder.display());
            ensure!(!occurs(&folder, HOLDER)?, "the sealed name is in {}", folder.display());
        }
        teller.say("and it lies in no file of any node or anchor but sealed");
        Ok(())
    }

    /// An issuer's update reaches a subscriber of another node than the one it was published at.
    async fn update_travels(&self, teller: &Teller) -> Result<()> {
        let [at, elsewhere] = [self.service(&self.serving[0])?, self.service(&self.serving[1])?];
        let socket = WsClientBuilder::default().build(&elsewhere.endpoints.ws).await?;
        let mut parameters = jsonrpsee::core::params::ObjectParams::new();
        let (token_type, index) = (self.instance.token_type, self.instance.index);
        parameters.insert("instance", json!({ "tokenType": token_type, "index": index }))?;
        let mut changes: Subscription<Value> =
            socket.subscribe("token_subscribe", parameters, "token_unsubscribe").await?;
        let (token, url) = (token_type.to_string(), at.endpoints.http.clone());
        let publish = ["issuer", "publish", "--node", &url, "--token", &token, "--index", "1", "--set", "seat=22F"];
        let begin = Instant::now();
        self.network.user("Issuer")?.run(&publish).await?;
        let published = begin.elapsed();
        let change = tokio::time::timeout(PATIENCE, changes.next()).await?.context("the subscription ended")??;
        ensure!(change["kind"] == "update" && change["names"] == json!(["seat"]), "{change}");
        let heard = begin.elapsed();
        let http = http_client(Duration::from_secs(30));
        let service = node_service(&self.network.client, &http, &elsewhere.account).await?;
        let session = self.tokens.payer().session_to(&elsewhere.account, token_type, false).context("a session")?;
        let params = json!({ "instance": { "tokenType": token_type, "index": index }, "names": ["seat"] });
        let read = self.tokens.payer().call::<Value>(&service, session, "token_attributes", params, SLT).await?;
        ensure!(read.result["attributes"]["seat"] == "22F", "{}", read.result);
        teller.say(format!(
            "an update published at {} reached a subscriber of {}: the command took {published:?}, the subscriber heard after {heard:?}",
            at.name, elsewhere.name
        ));
        // And what its contract changes. What the node sees first is only what later blocks are compared with.
        let evm = &self.network.evm.url;
        for value in 2..30 {
            rpc::call(evm, "anvil_setStorageAt", json!([CONTRACT, word(0), word(value)])).await?;
            rpc::call(evm, "anvil_mine", json!(["0x1"])).await?;
            let Ok(change) = tokio::time::timeout(Duration::from_secs(6), changes.next()).await else { continue };
            let change = change.context("the subscription ended")??;
            let names = change["names"].as_array().into_iter().flatten();
            if change["kind"] == "attributes" && names.clone().any(|name| name == "open") {
                ensure!(change["blocks"].as_object().is_some_and(|blocks| blocks.len() == 1), "{change}");
                teller
                    .say("a block that changed the contract was told to the subscriber, as a change of the attribute");
                return Ok(());
            }
        }
        bail!("what the contract changed was not told")
    }

    /// Saved answers and their proofs hold against a snapshot, with no chain in reach; a changed one does not.
    async fn answers_are_checked_offline(&self, exchanged: &str, teller: &Teller) -> Result<()> {
        let user = self.network.user("User")?;
        let saved = self.saved();
        for saved in [&saved, exchanged] {
            wait_until("a commitment covers the operation, and its proof is kept", PATIENCE, || async {
                match user.run(&["prove", "--save", saved]).await {
                    Ok(_) => Ok(true),
                    Err(e) if e.to_string().contains("commit") => Ok(false),
                    Err(e) => Err(e),
                }
            })
            .await?;
        }
        let snapshot = self.network.dir.join("snapshot.json").display().to_string();
        wait_until("the commitment is final, and in the snapshot", PATIENCE, || async {
            user.run(&["snapshot", "--out", &snapshot]).await?;
            Ok(user.run(&["verify", exchanged, "--snapshot", &snapshot]).await.is_ok())
        })
        .await?;
        // Offline: a chain that nobody can reach.
        let offline = crate::cli::User::new("ws://127.0.0.1:9", &user.account, &user.key, Path::new(&self.network.dir));
        let verified = offline.run(&["verify", &saved, "--snapshot", &snapshot]).await?;
        ensure!(verified.to_string().contains("period"), "{verified}");
        let verified = offline.run(&["verify", exchanged, "--snapshot", &snapshot]).await?;
        ensure!(verified.to_string().contains("issued instance 2"), "{verified}");
        let changed = PathBuf::from(&saved).with_extension("changed");
        let text = fs::read_to_string(&saved)?;
        let tampered = text.replacen("enter", "leave", 1);
        ensure!(tampered != text, "the saved answer names no action: {text}");
        fs::write(&changed, tampered)?;
        let changed = changed.display().to_string();
        ensure!(
            offline.run(&["verify", &changed, "--snapshot", &snapshot]).await.is_err(),
            "a changed answer verifies"
        );
        teller.say(
            "the entry's and the exchange's answer, receipt and inclusion in a commitment were verified offline; a changed one was not",
        );
        Ok(())
    }
}

/// A voucher on no contract, which tells whose it is.
const VOUCHER: &str = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="Voucher">
  <ts:attribute name="whose"><ts:origins><ts:data ref="token.owner" as="utf8"/></ts:origins></ts:attribute>
  <ts:attribute name="issued"><ts:origins><ts:data ref="operations.issue" as="uint"/></ts:origins></ts:attribute>
</ts:token>
"#;

/// The owner of a voucher has it exchanged for the one that the issuer reserved for it, and gives that to somebody. Returns the file with the
/// saved answer.
async fn exchange(network: &LocalNetwork, teller: &Teller) -> Result<String> {
    let in_dir = |name: &str| network.dir.join(name).display().to_string();
    let (script, saved) = (in_dir("voucher.tsml"), in_dir("exchanged.json"));
    fs::write(&script, VOUCHER)?;
    let (issuer, owner, buyer) = (network.user("Issuer")?, network.user("Dapp")?, network.user("User")?);
    let uri = format!("file://{script}");
    let register = ["token", "register", "--script", &script, "--uri", &uri];
    let operations = ["--key-operation", "transfer", "--key-operation", "issue"];
    let redundancy = ["--serving", "2", "--shards", "3", "--threshold", "2", "--periods", "1000"];
    let registered = issuer.run(&[&register[..], &operations, &redundancy].concat()).await?;
    let token = registered["tokenType"].as_u64().context("the token type's number")?;
    let number = token.to_string();
    let values = [json!({ "token.owner": owner.account }), json!({ "issue.from": format!("{token}/1") })];
    for (index, values) in ["1", "2"].into_iter().zip(values) {
        let file = in_dir(&format!("voucher-{index}.json"));
        fs::write(&file, values.to_string())?;
        let store = ["instance", "store", "--token", &number, "--index", index, "--token-id", index];
        let rest = ["--values", &file, "--script", &script, "--anchor", &network.anchors[0].endpoints.http];
        issuer.run(&[&store[..], &rest].concat()).await?;
    }

    let transfer = ["transfer", "--token", &number, "--index", "1", "--issued-index", "2", "--to", &buyer.account];
    let transfer = [&transfer[..], &["--open", "1SLT", "--save", &saved]].concat();
    let refused = buyer.run(&[&transfer[..transfer.len() - 2], &["--minutes", "5"]].concat()).await;
    ensure!(refused.is_err_and(|e| e.to_string().contains("owner")), "somebody else gave the voucher away");
    owner.run(&transfer).await?;
    let again = owner.run(&transfer[..transfer.len() - 2]).await;
    ensure!(again.is_err_and(|e| e.to_string().contains("destroyed")), "the voucher was exchanged twice");
    let token_type = u32::try_from(token)?;
    let payer = Payer::new(network.client.clone(), network.key("User")?);
    let tokens = TokenClient::new(payer.clone(), Options::default());
    let issued = InstanceId { token_type, index: 2 };
    let assignment = tokens.assignment(issued, true).await?;
    payer.open_all(assignment.serving.iter().map(|node| (node.clone(), SLT))).await?;
    wait_until("who serves the issued voucher has heard of it", PATIENCE, || async {
        let read = tokens.attributes(issued).await?.paid.result.attributes;
        Ok(read["whose"] == json!(buyer.account) && read["issued"] == json!("1"))
    })
    .await?;
    teller.say(
        "a voucher was destroyed and another issued for it to its owner's buyer, once; a stranger's order was refused",
    );
    Ok(saved)
}

/// Whether a text occurs in a file of a folder.
fn occurs(folder: &Path, text: &str) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = match path.is_dir() {
            true => occurs(&path, text)?,
            // What goes away meanwhile is not there.
            false => fs::read(&path).unwrap_or_default().windows(text.len()).any(|part| part == text.as_bytes()),
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn word(number: u64) -> String {
    format!("0x{number:064x}")
}
