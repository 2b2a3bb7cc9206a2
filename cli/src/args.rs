//! The command line's grammar, and the values in it.

mod grant;
mod issuer;
mod transfer;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use smartlayer_primitives::{AccountId, Balance, BlockNumber, Hash, Period, SessionId, TokenId, TokenTypeId};
use smartlayer_sdk::amount;
use sp_runtime::Permill;

pub use grant::{CreateArgs, GenesisArgs, GrantCommand, RevokeArgs};
pub use issuer::{IssuerCommand, PublishArgs};
pub use transfer::TransferArgs;

/// Smart Layer turns tokens into web services. This is its command line.
#[derive(Debug, Parser)]
#[command(
    name = "smartlayer",
    version,
    arg_required_else_help = true,
    // Examples are for copying: never wrapped.
    term_width = 0,
    after_help = "\
Examples:
  Make a key, and see its account:
    smartlayer key generate me.key
    smartlayer key inspect me.key

  Register a token type and store its first instance (issuers):
    smartlayer --key issuer.key token register --script ticket.xml --uri https://example.org/ticket.xml \\
        --key-operation redeem --serving 2 --shards 4 --threshold 2 --periods 100
    smartlayer --key issuer.key instance store --token 0 --index 7 --token-id 0x7 --values seat.json --script ticket.xml

  Change an instance's values, everywhere it is served, within a second (issuers):
    smartlayer --key issuer.key issuer publish --node http://127.0.0.1:9933 --token-type 0 --index 7 --set gate=C3

  Call a token, opening sessions as needed, and keep the receipt (dApps):
    smartlayer --key me.key call --token 0 --index 7 token_attributes --open 1SLT
    smartlayer --key me.key call --token 0 --index 7 token_call --params '{\"action\":\"redeem\"}' --receipt redeem.json

  Prove later that it happened, from the chain alone:
    smartlayer prove --receipt redeem.json

  See what a token script offers, and try a filter of it, offline (script authors):
    smartlayer script check ticket.xml
    smartlayer script filter '(expiry>20270101)' --values values.json

Secrets are read from files that only you can access. `smartlayer help COMMAND` says more."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// A chain node's WebSocket address; use wss:// for one that is not your own machine
    #[arg(long, global = true, env = "SMARTLAYER_CHAIN", default_value = "ws://127.0.0.1:9944", value_name = "URL")]
    pub chain: String,
    /// The file with your secret seed (hex, mode 0600); `smartlayer key generate FILE` makes one
    #[arg(long, global = true, env = "SMARTLAYER_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// A publicly known key such as //Alice; for development chains only
    #[arg(long, global = true, conflicts_with = "key", value_name = "URI")]
    pub dev_key: Option<String>,
    /// Where the count of your promises is kept [default: smartlayer in your state folder]
    #[arg(long, global = true, env = "SMARTLAYER_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Print JSON, for machines
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make and look at key files
    #[command(subcommand)]
    Key(KeyCommand),
    /// Look at an account
    #[command(subcommand)]
    Account(AccountCommand),
    /// Register and look at token types
    #[command(subcommand)]
    Token(TokenCommand),
    /// Store and look at token instances
    #[command(subcommand)]
    Instance(InstanceCommand),
    /// Publish what changes in your token instances, and see where that stands (issuers)
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Open, look at and close payment sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Call a token's method, paid by promises; if one node fails, the next is asked
    #[command(after_help = "\
Examples:
  smartlayer --key me.key call --token 0 --index 7 token_attributes --open 1SLT
  smartlayer --key me.key call --token 0 --index 7 token_attributes --params '{\"names\":[\"seat\"]}' --repeat 100
  smartlayer --key me.key call --token 0 --index 7 token_call --params '{\"action\":\"redeem\"}' --receipt redeem.json

Only one process can pay from one record of promises at a time; give others their own --state.")]
    Call(CallArgs),
    /// Exchange your token instance for the one that its issuer reserved for it, and give that to somebody; one record, for ever
    #[command(after_help = "\
Examples:
  smartlayer --key owner.key transfer --token 0 --index 7 --issued-index 1007 \\
      --to 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --open 1SLT --save transfer.json

  Let somebody else send and pay it:
    smartlayer --key owner.key transfer --token 0 --index 7 --issued-index 1007 \\
        --to 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --out order.json
    smartlayer --key payer.key transfer --order order.json --open 1SLT

The instance that you give is destroyed: nobody can undo it. The issuer has stored the other with the value issue.from, for example 0/7; both token
types have key operations for it, transfer and issue. Prove it later, from either side, with smartlayer prove.")]
    Transfer(TransferArgs),
    /// Let websites read private attributes and take private actions of your tokens, and stop it
    #[command(subcommand)]
    Grant(GrantCommand),
    /// Look at service nodes, and manage your own
    #[command(subcommand)]
    Node(NodeCommand),
    /// Look at service level agreements
    #[command(subcommand)]
    Sla(SlaCommand),
    /// Look at anchors
    #[command(subcommand)]
    Anchors(AnchorsCommand),
    /// Look at the chain's snapshot, its periods and commitments, or keep it in a file
    #[command(after_help = "\
Examples:
  smartlayer snapshot show
  smartlayer snapshot --chain ws://127.0.0.1:9944 --out chain.json

The file holds what `smartlayer verify` checks answers against: the genesis hash, the commitments, and the keys that sign for service
nodes, as a chain node says it at a finalised block. Take it from a node that you trust, best your own. If the file exists and is of the
same chain, what it knew and the chain has forgotten stays in it: keys that were replaced, and old commitments.")]
    Snapshot(SnapshotArgs),
    /// Check a saved answer without asking anyone: who signed it, for which request, and that it was committed to
    #[command(after_help = "\
Examples:
  smartlayer --key me.key call --token 0 --index 7 token_call --params '{\"action\":\"redeem\"}' --save redeem.json
  smartlayer prove --save redeem.json
  smartlayer snapshot --out chain.json
  smartlayer verify redeem.json --snapshot chain.json

Says line by line what holds:
  snapshot   each commitment is what its hash says, and follows the one before
  chain      the answer was paid on the snapshot's chain
  charged    what the node charged, and what the session owes since
  request    the receipt is for the saved request, byte for byte
  answer     the receipt is for the saved answer, byte for byte
  signature  the receipt was signed with a service key of its node
  operation  the key operation that was executed, if any, is the one in request and answer
  blocks     which blocks of which chains the node signed that it read: look them up there if you doubt the answer
  inclusion  a period's commitment covers the operation, if `smartlayer prove --save` added the proof

The exit code is 0 only if everything that is claimed holds. With --json there is one object: holds, and the findings with claim, holds,
says, and for what does not hold its code.")]
    Verify(VerifyArgs),
    /// Prove from the chain's snapshot that a key operation happened
    #[command(
        visible_alias = "proof",
        after_help = "\
Examples:
  smartlayer prove --receipt redeem.json
  smartlayer prove --save redeem.json
  smartlayer prove --token 0 --index 7 --operation redeem

An anchor hands over the proof; it is checked here against the commitment that the chain has. Nobody needs to be trusted."
    )]
    Prove(ProveArgs),
    /// Claim rewards
    #[command(subcommand)]
    Reward(RewardCommand),
    /// Check token scripts and try their filters, offline (script authors)
    #[command(
        subcommand,
        after_help = "docs/integrate/token-scripts.md explains what is served, and every reason for a refusal."
    )]
    Script(ScriptCommand),
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new key and write it to a new file that only you can read
    Generate {
        /// The file; must not exist yet
        file: PathBuf,
    },
    /// Show the account of a key file
    Inspect {
        /// The file [default: --key]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Show what an account has
    Show {
        /// The account, SS58 or hex [default: that of --key]
        #[arg(value_parser = account)]
        account: Option<AccountId>,
    },
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Register a token type and pay its rent
    #[command(after_help = "\
Example:
  smartlayer --key issuer.key token register --script ticket.xml --uri https://example.org/ticket.xml \\
      --key-operation redeem --serving 2 --shards 4 --threshold 2 --periods 100 --availability 99 --p95-ms 500")]
    Register(RegisterArgs),
    /// Show a token type
    Show {
        /// Its number
        token: u32,
    },
    /// List all token types
    List,
}

#[derive(Args, Debug)]
pub struct RegisterArgs {
    /// The token script
    #[arg(long, value_name = "FILE")]
    pub script: PathBuf,
    /// Where nodes can fetch the script; up to 4 times
    #[arg(long = "uri", required = true, value_name = "URI")]
    pub uris: Vec<String>,
    /// An action of the script that is to be recorded and can be proved; may be repeated. `transfer` and `issue` are the two sides of a
    /// transfer and need no action; if the script has an action `transfer`, its selections say when a transfer is allowed
    #[arg(long = "key-operation", value_name = "ACTION")]
    pub key_operations: Vec<String>,
    /// How many nodes serve each instance
    #[arg(long, default_value_t = 2)]
    pub serving: u8,
    /// How many shards each instance has
    #[arg(long, default_value_t = 4)]
    pub shards: u8,
    /// How many shards restore an instance
    #[arg(long, default_value_t = 2)]
    pub threshold: u8,
    /// Your share in what calls pay, in percent; sessions have to be opened for your token type then
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "0")]
    pub revenue_share: Permill,
    /// For how many periods rent is paid now
    #[arg(long, default_value_t = 100)]
    pub periods: Period,
    /// Nodes must promise to answer this share of calls, in percent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub availability: Option<Permill>,
    /// Nodes must promise this 95th percentile of answer times, in milliseconds, or less
    #[arg(long, value_name = "MS")]
    pub p95_ms: Option<u32>,
    /// Nodes must promise so many calls a second
    #[arg(long)]
    pub throughput: Option<u32>,
    /// Nodes must promise shard reads of so many kbit/s
    #[arg(long, value_name = "KBIT")]
    pub bandwidth_kbit: Option<u32>,
    /// Nodes must promise so much space, in MiB
    #[arg(long, value_name = "MIB")]
    pub storage_mib: Option<u32>,
}

/// Which instance.
#[derive(Args, Clone, Copy, Debug)]
pub struct InstanceArgs {
    /// The token type's number
    #[arg(long, alias = "token-type")]
    pub token: u32,
    /// The instance's index within its type
    #[arg(long)]
    pub index: u32,
}

#[derive(Debug, Subcommand)]
pub enum InstanceCommand {
    /// Store an instance: the anchors choose the nodes. Storing it again replaces its state
    #[command(after_help = "\
Example:
  smartlayer --key issuer.key instance store --token 0 --index 7 --token-id 0x7 --values seat.json --script ticket.xml

The values file is a JSON object of strings, for example {\"seat\": \"12A\"}. With --private holder.json the values in that file are encrypted
before they leave this machine, with a key that is derived from yours and handed to the nodes that serve the instance; `smartlayer issuer
unlock` hands it over again. Who may read them is for the token's owner to say: smartlayer grant.")]
    Store {
        #[command(flatten)]
        instance: InstanceArgs,
        /// The token's id on its contract, hex with 0x or decimal
        #[arg(long, value_parser = token_id)]
        token_id: TokenId,
        /// The issuer's values: a JSON object of strings
        #[arg(long, value_name = "FILE")]
        values: Option<PathBuf>,
        /// Values that are sealed, for the token's owner: a JSON object of strings; only the nodes that serve the instance can open them
        #[arg(long, value_name = "FILE")]
        private: Option<PathBuf>,
        /// The token script, exactly as registered
        #[arg(long, value_name = "FILE")]
        script: PathBuf,
        /// The anchor to ask [default: the active anchors in turn]
        #[arg(long, value_name = "URL")]
        anchor: Option<String>,
    },
    /// Show who serves an instance and who holds its shards
    Show {
        #[command(flatten)]
        instance: InstanceArgs,
    },
}

#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Open a session to a service node: a deposit that your promises spend
    Open {
        /// The node's account
        #[arg(long, value_parser = account)]
        node: AccountId,
        /// The deposit, for example 10SLT
        #[arg(long, value_parser = amount::parse)]
        deposit: Balance,
        /// Pay only calls of this token type from it; needed for a type whose issuer has a share in the payments
        #[arg(long, value_name = "TYPE")]
        token: Option<TokenTypeId>,
        /// After so many blocks anyone may have it closed; a block takes 3 s
        #[arg(long, value_name = "BLOCKS", default_value_t = smartlayer_sdk::LIFETIME)]
        lifetime: BlockNumber,
        /// The key file that signs promises [default: --key]
        #[arg(long, value_name = "FILE")]
        signer: Option<PathBuf>,
    },
    /// List your open sessions
    List {
        /// Those of this node instead
        #[arg(long, value_parser = account)]
        node: Option<AccountId>,
    },
    /// Show a session, as the chain and as its node sees it
    Show {
        /// The session
        #[arg(value_parser = hash)]
        session: SessionId,
    },
    /// Put more into a session
    TopUp {
        /// The session
        #[arg(value_parser = hash)]
        session: SessionId,
        /// How much, for example 5SLT
        #[arg(value_parser = amount::parse)]
        amount: Balance,
    },
    /// Close a session: the node settles at once; if it doesn't, the chain is asked
    Close {
        /// The session
        #[arg(value_parser = hash)]
        session: SessionId,
        /// The key file that signs promises [default: --key]
        #[arg(long, value_name = "FILE")]
        signer: Option<PathBuf>,
        /// Do not ask the node; start the challenge window on the chain
        #[arg(long)]
        on_chain: bool,
    },
    /// End a session whose challenge window is over, and get the rest back
    Finish {
        /// The session
        #[arg(value_parser = hash)]
        session: SessionId,
    },
}

#[derive(Args, Debug)]
pub struct CallArgs {
    #[command(flatten)]
    pub instance: InstanceArgs,
    /// The method, for example token_attributes or token_call
    pub method: String,
    /// Its parameters as a JSON object; `instance` is added
    #[arg(long, default_value = "{}", value_name = "JSON")]
    pub params: String,
    /// Pay from this session only, and so ask its node only
    #[arg(long, value_parser = hash)]
    pub session: Option<SessionId>,
    /// Open a session with this deposit to a node that there is none to yet, for example 1SLT
    #[arg(long, value_name = "DEPOSIT", value_parser = amount::parse)]
    pub open: Option<Balance>,
    /// Refuse to pay more than this for one call
    #[arg(long, default_value = "0.1SLT", value_parser = amount::parse)]
    pub max_price: Balance,
    /// Make the call so many times, one after the other
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Write the last call's receipt to this file, to prove it later
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Write the last call to this file: request, answer and receipt, for `smartlayer verify`
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// The key file that signs promises [default: --key]
    #[arg(long, value_name = "FILE")]
    pub signer: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// List all service nodes
    List,
    /// Show a service node: its registration, its agreement, and what it says of itself
    Show {
        /// The node's account
        #[arg(value_parser = account)]
        node: AccountId,
    },
    /// Bond more for the node whose key --key is
    Bond {
        /// How much, for example 100SLT
        #[arg(value_parser = amount::parse)]
        amount: Balance,
    },
    /// Start to take out of the bond; `withdraw` pays it out when the delay is over
    Unbond {
        /// How much, for example 100SLT
        #[arg(value_parser = amount::parse)]
        amount: Balance,
    },
    /// Take out what is released
    Withdraw,
    /// Take no new work; what the node serves and holds it keeps
    Chill,
    /// Take new work again
    Reenter,
    /// Announce that the node will not serve for some periods
    Maintenance {
        /// The first period; not the running one
        #[arg(long)]
        from: Period,
        /// How many
        #[arg(long, default_value_t = 1)]
        periods: Period,
    },
}

#[derive(Debug, Subcommand)]
pub enum SlaCommand {
    /// Show a node's agreement, or without a node the master templates
    Show {
        /// The node's account
        #[arg(value_parser = account)]
        node: Option<AccountId>,
    },
}

#[derive(Debug, Subcommand)]
pub enum AnchorsCommand {
    /// Show the organisations, who of them is active, and whose turn it is to write
    Show,
    /// Have the chain look again at whether an organisation is fit to be active, say after its identity was judged
    Refresh {
        /// Its account
        #[arg(value_parser = account)]
        account: AccountId,
    },
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct SnapshotArgs {
    #[command(subcommand)]
    pub command: Option<SnapshotCommand>,
    /// Keep the snapshot in this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Keep the keys of these nodes only; may be repeated [default: of all, up to 10000]
    #[arg(long = "node", value_name = "ACCOUNT", value_parser = account, requires = "out")]
    pub nodes: Vec<AccountId>,
}

#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The answer, as `smartlayer call --save` wrote it
    pub file: PathBuf,
    /// The chain's snapshot, as `smartlayer snapshot --out` wrote it [default: --chain is asked]
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Show the running period and the last commitments, or one period's commitment
    Show {
        /// The period
        period: Option<Period>,
    },
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["receipt", "save", "token"])))]
pub struct ProveArgs {
    /// The receipt of the call, as `smartlayer call --receipt` wrote it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["index", "operation"])]
    pub receipt: Option<PathBuf>,
    /// The answer, as `smartlayer call --save` wrote it; the proof is added to it, for `smartlayer verify`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["index", "operation"])]
    pub save: Option<PathBuf>,
    /// The token type's number
    #[arg(long, requires = "index", requires = "operation")]
    pub token: Option<u32>,
    /// The instance's index within its type
    #[arg(long)]
    pub index: Option<u32>,
    /// The key operation's name
    #[arg(long, value_name = "ACTION")]
    pub operation: Option<String>,
    /// The period to look in [default: the latest that has one]
    #[arg(long)]
    pub period: Option<Period>,
    /// The anchor to ask [default: the active anchors in turn]
    #[arg(long, value_name = "URL")]
    pub anchor: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum RewardCommand {
    /// Claim a period's reward for the node or the anchor whose key --key is; anyone may claim for a node, who is paid
    Claim {
        /// The period
        #[arg(long)]
        period: Period,
        /// The node to claim for [default: that of --key]
        #[arg(long, value_parser = account)]
        node: Option<AccountId>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ScriptCommand {
    /// Say of each token script whether service nodes serve it or why not, who signed it, and what it offers
    #[command(after_help = "\
Examples:
  smartlayer script check ticket.xml
  smartlayer script check *.tsml --json
  curl -s https://example.org/ticket.tsml | smartlayer script check -

With --json there is one object a line for each file:
  file        as you named it
  outcome     served or refused
  reason      a refused script's code, else null; every code is explained in docs/integrate/token-scripts.md
  line        where, counted from 1; null if the reason is about the whole
  namespace   the version it is written in, such as 2024/01
  signature   none, valid, invalid or unsupported; null if the file can't be read
  signer      what the signature says of who made it, or null
  message     what is wrong, in words; remedy: what to do
  attributes, selections, cards, methods, problems

Nothing is fetched and nothing is run. The exit code is 0 if all are served, 1 if one is not.")]
    Check {
        /// The scripts; - reads one from standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Evaluate a filter, as selections have them, against values, and explain the result
    #[command(after_help = "\
Examples:
  smartlayer script filter '(&(expiry>20270101)(!(locality=Sydney)))' --values values.json
  echo '{\"level\":{\"as\":\"uint\",\"value\":\"7\"}}' | smartlayer script filter '(level>=5)' --values -

The values are those of attributes, each with its type:
  {
    \"expiry\":   {\"as\": \"uint\", \"value\": \"20270630\"},
    \"locality\": {\"as\": \"utf8\", \"value\": \"Sydney\"}
  }
Types are those of a script's `as`: uint, int, address, utf8, bool, bytes, e0 to e77. Numbers are best written as strings, so that no
digit is lost.

With --json the answer is {\"result\": true, ...} or {\"error\": {\"code\": ..., \"message\": ..., \"position\": ...}}. The exit code is 0 for
a result, true or false, and 1 for an error.")]
    Filter {
        /// The filter, in single quotes so that your shell leaves it alone
        #[arg(value_name = "EXPRESSION")]
        expression: String,
        /// A JSON object of typed values; - reads standard input [default: no values]
        #[arg(long, value_name = "FILE")]
        values: Option<PathBuf>,
    },
}

fn account(text: &str) -> Result<AccountId, String> {
    text.parse().map_err(|_| "an account is written in SS58, or as hex with 0x".into())
}

fn hash(text: &str) -> Result<Hash, String> {
    let mut bytes = [0; 32];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| "sessions, grants and other hashes are 32 bytes as hex")?;
    Ok(bytes.into())
}

fn token_id(text: &str) -> Result<TokenId, String> {
    let bad = || "a token id is hex with 0x, or decimal, and below 2^256".to_owned();
    let mut id = [0; 32];
    if let Some(digits) = text.strip_prefix("0x") {
        if digits.is_empty() || digits.len() > 64 {
            return Err(bad());
        }
        hex::decode_to_slice(format!("{digits:0>64}"), &mut id).map_err(|_| bad())?;
        return Ok(id);
    }
    if text.is_empty() {
        return Err(bad());
    }
    for digit in text.bytes() {
        let mut carry = u16::from(char::from(digit).to_digit(10).ok_or_else(bad)? as u8);
        for byte in id.iter_mut().rev() {
            let value = u16::from(*byte) * 10 + carry;
            *byte = value as u8;
            carry = value >> 8;
        }
        if carry > 0 {
            return Err(bad());
        }
    }
    Ok(id)
}

/// Up to four decimals, exactly.
fn percent(text: &str) -> Result<Permill, String> {
    let bad = || "a percentage is a number from 0 to 100 with at most four decimals, such as 99.5".to_owned();
    let text = text.strip_suffix('%').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 4 {
        return Err(bad());
    }
    let whole: u32 = whole.parse().ok().filter(|w| *w <= 100).ok_or_else(bad)?;
    let fraction: u32 = format!("{fraction:0<4}").parse().map_err(|_| bad())?;
    let parts = whole * 10_000 + fraction;
    (parts <= 1_000_000).then(|| Permill::from_parts(parts)).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn token_ids_in_both_notations() {
        let mut seven = [0; 32];
        seven[31] = 7;
        assert_eq!(token_id("7"), Ok(seven));
        assert_eq!(token_id("0x7"), Ok(seven));
        let max = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(token_id(max), Ok([0xff; 32]));
        for bad in [
            "",
            "0x",
            "-1",
            "1.0",
            "0xzz",
            "115792089237316195423570985008687907853269984665640564039457584007913129639936",
        ] {
            assert!(token_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn percentages_are_exact() {
        assert_eq!(percent("99.5"), Ok(Permill::from_parts(995_000)));
        assert_eq!(percent("100%"), Ok(Permill::one()));
        assert_eq!(percent("0.0001"), Ok(Permill::from_parts(1)));
        for bad in ["", "101", "100.1", "-1", "99.99999", "x"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn examples_of_the_help_are_understood() {
        let mut command = Cli::command();
        // Has the subcommands take over how the help is laid out.
        command.build();
        let mut help = command.render_long_help().to_string();
        for name in ["snapshot", "verify"] {
            help += &command.find_subcommand_mut(name).unwrap().render_long_help().to_string();
        }
        for name in ["script", "issuer", "grant"] {
            for subcommand in command.find_subcommand_mut(name).unwrap().get_subcommands_mut() {
                help += &subcommand.render_long_help().to_string();
            }
        }
        let joined = help.replace("\\\n", " ");
        let mut understood = 0;
        let usage = |line: &&str| ["[OPTIONS]", "<COMMAND>"].iter().any(|word| line.contains(word));
        for line in joined.lines().map(str::trim).filter(|l| l.starts_with("smartlayer ") && !usage(l)) {
            let words = split(line);
            Cli::try_parse_from(&words).unwrap_or_else(|e| panic!("{line}: {e}"));
            understood += 1;
        }
        assert!(understood >= 12, "{understood} examples in:\n{help}");
    }

    /// Words, with single quotes.
    fn split(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|w| !w.is_empty());
        words
    }
}
