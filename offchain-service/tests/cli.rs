//! The binary from outside: keys, configuration, stopping.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

fn service(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smartlayer-service"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

fn run(arguments: &[&str]) -> Output {
    service(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// A directory with keys and a configuration whose chain is nowhere.
fn prepared() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().display().to_string();
    for (name, kind) in [("service", "account"), ("network", "network")] {
        let made = run(&["key", "generate", "--kind", kind, "--file", &format!("{data}/keys/{name}.key")]);
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
    let config = dir.path().join("config.toml");
    let nowhere = "[chain]\nurl = \"ws://127.0.0.1:9\"\n";
    fs::write(&config, format!("role = \"service-node\"\ndata_dir = \"{data}\"\n{nowhere}")).unwrap();
    let config = config.display().to_string();
    (dir, config)
}

#[test]
fn keys_are_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("deep/account.key").display().to_string();
    let made = run(&["key", "generate", "--file", &file]);
    let account = text(&made.stdout);
    assert!(made.status.success() && account.starts_with('5'), "{account}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = fs::read_to_string(&file).unwrap();
    assert!(!account.contains(secret.trim()));
    assert!(!run(&["key", "generate", "--file", &file]).status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), secret);
    assert_eq!(text(&run(&["key", "show", "--file", &file]).stdout), account);
    let peer = run(&["key", "show", "--kind", "network", "--file", &file]);
    assert!(text(&peer.stdout).starts_with("12D3Koo"), "{}", text(&peer.stdout));
}

#[test]
fn a_configuration_is_checked_and_what_is_wrong_is_named() {
    let (_dir, config) = prepared();
    let good = run(&["check-config", "--config", &config]);
    assert!(good.status.success() && text(&good.stdout).starts_with("ok: service-node"), "{}", text(&good.stderr));

    let wrong = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong-key.toml").display().to_string();
    let refused = run(&["check-config", "--config", &wrong]);
    let error = text(&refused.stderr);
    assert!(!refused.status.success() && error.contains("listne") && error.contains("wrong-key.toml"), "{error}");

    let overridden =
        service(&["check-config", "--config", &config]).env("SMARTLAYER__CHAIN__ULR", "x").output().unwrap();
    assert!(text(&overridden.stderr).contains("ulr"), "{}", text(&overridden.stderr));

    let no_keys = tempfile::tempdir().unwrap();
    let keyless =
        service(&["check-config", "--config", &config]).env("SMARTLAYER__DATA_DIR", no_keys.path()).output().unwrap();
    assert!(text(&keyless.stderr).contains("key generate"), "{}", text(&keyless.stderr));
}

#[test]
fn it_waits_for_its_chain_and_stops_when_told() {
    let (_dir, config) = prepared();
    let mut child = service(&["run", "--config", &config]).stderr(Stdio::piped()).spawn().unwrap();
    // It says what it waits for.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let waiting = lines.find_map(|l| l.ok().filter(|l| l.contains("ws://127.0.0.1:9"))).unwrap();
    assert!(waiting.contains("trying again"), "{waiting}");
    let told = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert!(status.success() && told.elapsed() < Duration::from_secs(5), "{status} after {:?}", told.elapsed());
}
