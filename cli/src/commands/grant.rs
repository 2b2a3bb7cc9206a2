//! Grants: owners sign them, websites use them, owners take them back.

use std::{
    fs::{self, OpenOptions},
    io::{Read, Write},
    path::Path,
};

use anyhow::{bail, Context as _, Result};
use serde::{de::DeserializeOwned, Serialize};
use serde_json::{json, Value};
use smartlayer_primitives::{Hash, InstanceId};
use smartlayer_sdk::grant::{revoke, unix_time, Grant, Principal, Revoked, SignedGrant, Statement, Terms};

use super::show::text;
use crate::{
    args::{CreateArgs, GenesisArgs, GrantCommand, RevokeArgs},
    context::Context,
    output::Report,
};

/// A grant has at most 64 names of 128 bytes; what is longer than this is none.
const MAX_FILE: u64 = 64 * 1024;
const DAY: u64 = 24 * 60 * 60;

pub async fn run(context: &Context, command: GrantCommand) -> Result<Report> {
    match command {
        GrantCommand::Create(args) => create(context, args).await,
        GrantCommand::Show { file } => show(&read(&file)?, unix_time()),
        GrantCommand::Revoke(args) => take_back(context, args).await,
    }
}

pub(super) async fn genesis(context: &Context, args: GenesisArgs) -> Result<Hash> {
    match args.genesis {
        Some(genesis) => Ok(genesis),
        None => Ok(context.chain().await?.genesis_hash()),
    }
}

async fn create(context: &Context, args: CreateArgs) -> Result<Report> {
    // Before anything is asked for: without a key there is nothing to do.
    let key = if args.owner.is_none() { Some(context.key()?) } else { None };
    let mut terms = Terms::new(genesis(context, args.chain).await?, args.instance.into(), args.to)
        .attributes(args.attributes)
        .actions(args.actions)
        .lasting(args.days.saturating_mul(DAY));
    if let Some(node) = args.node {
        terms = terms.at(node);
    }
    if let Some(uses) = args.uses {
        terms = terms.uses(uses);
    }
    match (args.owner, key, args.out) {
        (Some(owner), ..) => Ok(unsigned(&terms.by(owner)?)),
        (None, Some(key), Some(file)) => {
            let signed = terms.sign(&key)?;
            write(&file, &signed)?;
            let mut fields = fields(&signed.grant);
            fields.push(("file", file.display().to_string()));
            Ok(Report::object(json!({ "id": signed.grant.id(), "grant": signed.grant, "file": file }), &fields))
        }
        _ => bail!("give --out FILE for the grant, or --owner ADDRESS to see what has to be signed"),
    }
}

/// What whoever holds the key elsewhere has to sign.
fn unsigned(grant: &Grant) -> Report {
    let mut fields = fields(grant);
    let sign = to_sign(&grant.owner, grant);
    fields.push(("to sign", sign.1.to_string()));
    Report::object(json!({ "id": grant.id(), "grant": grant, sign.0: sign.1 }), &fields)
}

/// The form in which this signer signs, and what.
pub(super) fn to_sign(signer: &Principal, statement: &impl Statement) -> (&'static str, Value) {
    match signer {
        Principal::Ethereum(_) => ("typedData", statement.typed_data()),
        Principal::Substrate(_) => ("payload", Value::from(format!("0x{}", hex::encode(statement.signing_payload())))),
    }
}

fn show(signed: &SignedGrant, now: u64) -> Result<Report> {
    let grant = &signed.grant;
    let refused = signed.check().err();
    let state = match &refused {
        Some(refusal) => format!("bad: {refusal}"),
        None if now >= grant.expires_at => "over".into(),
        None if now < grant.not_before => "good, not yet begun".into(),
        None => "good".into(),
    };
    let good = refused.is_none() && now < grant.expires_at;
    let mut fields = fields(grant);
    fields.push(("state", state.clone()));
    let reason = refused.map(|refusal| refusal.code());
    let value = json!({ "id": grant.id(), "grant": grant, "good": good, "state": state, "reason": reason });
    Ok(Report::object(value, &fields).failing(!good))
}

async fn take_back(context: &Context, args: RevokeArgs) -> Result<Report> {
    let key = context.key()?;
    let (instance, what, genesis) = match (args.grant, args.id, args.before, args.token, args.index) {
        (Some(file), ..) => {
            let SignedGrant { grant, .. } = read(&file)?;
            if grant.owner != Principal::Substrate(key.account()) {
                bail!(
                    "{} granted this, and the key is of {}; only the owner can revoke it",
                    grant.owner,
                    key.account()
                );
            }
            (grant.instance, Revoked::Grant(grant.id()), grant.genesis)
        }
        (None, id, before, Some(token_type), Some(index)) => {
            let what = match (id, before) {
                (Some(id), _) => Revoked::Grant(id),
                (None, Some(time)) => Revoked::Before(time),
                (None, None) => bail!("give --grant FILE, --id HASH or --before TIME"),
            };
            (InstanceId { token_type, index }, what, genesis(context, args.chain).await?)
        }
        _ => bail!("give --token and --index"),
    };
    let signed = revoke(&key, genesis, instance, what)?;
    write(&args.out, &signed)?;
    let what = match what {
        Revoked::Grant(id) => format!("the grant {id:?}"),
        Revoked::Before(time) => format!("all grants that begin before {time}"),
    };
    let fields = [
        ("revoked", what),
        ("token type", instance.token_type.to_string()),
        ("index", instance.index.to_string()),
        ("owner", signed.revocation.owner.to_string()),
        ("file", args.out.display().to_string()),
    ];
    Ok(Report::object(json!({ "revocation": signed.revocation, "file": args.out }), &fields))
}

fn fields(grant: &Grant) -> Vec<(&'static str, String)> {
    let names = |names: &[String]| if names.is_empty() { "none".into() } else { text(names.join(", ").as_bytes()) };
    vec![
        ("grant", format!("{:?}", grant.id())),
        ("token type", grant.instance.token_type.to_string()),
        ("index", grant.instance.index.to_string()),
        ("owner", grant.owner.to_string()),
        ("granted to", grant.grantee.to_string()),
        ("at the node", grant.audience.to_string()),
        ("attributes", names(&grant.attributes)),
        ("actions", names(&grant.actions)),
        ("from", format!("{} (seconds since 1970)", grant.not_before)),
        ("until", format!("{} (seconds since 1970)", grant.expires_at)),
        ("uses", grant.uses.map_or("not counted".into(), |uses| uses.to_string())),
    ]
}

pub(super) fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let name = file.display();
    let mut json = String::new();
    let opened = fs::File::open(file).with_context(|| format!("cannot read {name}"))?;
    opened.take(MAX_FILE).read_to_string(&mut json).with_context(|| format!("cannot read {name}"))?;
    serde_json::from_str(&json).with_context(|| format!("{name} does not hold what it should: a signed grant or order"))
}

pub(super) fn write(file: &Path, value: &impl Serialize) -> Result<()> {
    let name = file.display();
    let json = serde_json::to_string_pretty(value)?;
    let mut opened =
        OpenOptions::new().write(true).create_new(true).open(file).with_context(|| format!("cannot create {name}"))?;
    writeln!(opened, "{json}").with_context(|| format!("cannot write {name}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use smartlayer_sdk::grant::SignedRevocation;

    use super::*;
    use crate::args::{Cli, Command};

    const TO: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    const GENESIS: &str = "0x0101010101010101010101010101010101010101010101010101010101010101";

    /// Runs `smartlayer --dev-key //Alice --genesis … grant …`.
    async fn grant(command: &str, more: &[&str]) -> Result<Report> {
        let mut all = vec!["smartlayer", "--dev-key", "//Alice", "grant", command];
        all.extend(more);
        let cli = Cli::try_parse_from(all)?;
        let Command::Grant(command) = cli.command else { bail!("another command") };
        run(&Context::new(cli.global), command).await
    }

    #[tokio::test]
    async fn a_grant_is_made_shown_and_revoked_offline() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let (made, revoked) = (path("made.json"), path("revoked.json"));
        let of = ["--token", "0", "--index", "7", "--genesis", GENESIS];
        let create = [&of[..], &["--to", TO, "--attribute", "seat", "--out", &made]].concat();
        grant("create", &create).await.unwrap();
        assert!(grant("create", &create).await.is_err(), "an existing file is not overwritten");

        assert!(!grant("show", &[&made]).await.unwrap().failed());
        let signed: SignedGrant = read(Path::new(&made)).unwrap();
        assert!(show(&signed, signed.grant.expires_at).unwrap().failed());
        let mut changed = signed.clone();
        changed.grant.attributes.push("tribune".into());
        assert!(show(&changed, unix_time()).unwrap().failed());

        grant("revoke", &["--grant", &made, "--out", &revoked]).await.unwrap();
        let revocation: SignedRevocation = read(Path::new(&revoked)).unwrap();
        assert_eq!(revocation.revocation.revoke, Revoked::Grant(signed.grant.id()));
        assert_eq!(revocation.check(&signed.grant.genesis, Some(&signed.grant.owner)), Ok(()));

        let all = path("all.json");
        grant("revoke", &[&of[..], &["--before", "5", "--out", &all]].concat()).await.unwrap();
        let revocation: SignedRevocation = read(Path::new(&all)).unwrap();
        assert_eq!(revocation.revocation.revoke, Revoked::Before(5));
    }

    #[tokio::test]
    async fn what_makes_no_grant_is_said_before_anything_is_written() {
        let of = ["--token", "0", "--index", "7", "--genesis", GENESIS, "--to", TO];
        for more in [
            &["--out", "x"][..],
            &["--attribute", "seat"],
            &["--attribute", "seat", "--uses", "1", "--out", "x"],
            &["--attribute", "*", "--out", "/nonexistent/x"],
            &["--attribute", "seat", "--out", "/nonexistent/x"],
        ] {
            assert!(grant("create", &[&of[..], more].concat()).await.is_err(), "{more:?}");
        }
        let wallet = ["--attribute", "seat", "--owner", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"];
        assert!(!grant("create", &[&of[..], &wallet].concat()).await.unwrap().failed());
        for more in [&["--out", "x"][..], &["--before", "now", "--out", "x"], &["--id", GENESIS, "--out", "x"]] {
            assert!(grant("revoke", more).await.is_err(), "{more:?}");
        }
    }
}
