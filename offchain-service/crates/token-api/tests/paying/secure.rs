//! HTTPS and secure WebSocket with a certificate that may change, bounds on connections, health and readiness.

use std::{path::Path, sync::Arc, time::Duration};

use crate::common::*;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use smartlayer_primitives::SLT;
use smartlayer_token_api::{Config, TlsConfig};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// Writes a new certificate and its key; returns it.
fn certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("key.pem"), made.key_pair.serialize_pem()).unwrap();
    std::fs::write(dir.join("certificate.pem"), made.cert.pem()).unwrap();
    made.cert.der().clone()
}

async fn secure(files: &Path) -> World {
    let tls = TlsConfig { certificate: files.join("certificate.pem"), key: files.join("key.pem") };
    let configure = |config: &mut Config| config.rpc.tls = Some(tls);
    World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), configure).await
}

fn port(world: &World) -> u16 {
    world.url.rsplit(':').next().unwrap().parse().unwrap()
}

/// Who trusts this certificate and no other.
fn trusting(certificate: &CertificateDer<'static>) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Whether the server has the certificate now.
async fn shows(world: &World, certificate: &CertificateDer<'static>) -> bool {
    let socket = TcpStream::connect(("127.0.0.1", port(world))).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(trusting(certificate));
    connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.is_ok()
}

#[tokio::test]
async fn paid_calls_go_over_tls_and_a_new_certificate_is_taken_up() {
    let files = tempfile::tempdir().unwrap();
    let first = certificate(files.path());
    let mut world = secure(files.path()).await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    world.url = format!("https://localhost:{}", port(&world));
    let root = reqwest::Certificate::from_der(&first).unwrap();
    world.http = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let paid = world.paid(&attributes(), session, PRICE).await;
    assert_eq!((paid.status, paid.receipt(&attributes()).receipt.charged), (200, PRICE));

    // WebSocket too.
    let socket = TcpStream::connect(("127.0.0.1", port(&world))).await.unwrap();
    let connector = tokio_tungstenite::Connector::Rustls(trusting(&first));
    let url = format!("wss://localhost:{}", port(&world));
    let connected = tokio_tungstenite::client_async_tls_with_config(url, socket, None, Some(connector)).await;
    assert!(connected.is_ok());

    // A half-written one is not used.
    std::fs::write(files.path().join("certificate.pem"), "-----BEGIN").unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(shows(&world, &first).await);
    let second = certificate(files.path());
    for _ in 0..100 {
        if shows(&world, &second).await {
            assert!(!shows(&world, &first).await);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the new certificate is not used");
}

#[tokio::test]
async fn more_connections_than_allowed_are_turned_away() {
    let two = |config: &mut Config| config.rpc.max_connections = 2;
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), two).await;
    let connect = || TcpStream::connect(("127.0.0.1", port(&world)));
    let (first, _second) = (connect().await.unwrap(), connect().await.unwrap());
    let mut third = connect().await.unwrap();
    assert_eq!(third.read(&mut [0]).await.unwrap_or(0), 0);
    drop(first);
    for _ in 0..100 {
        let answer = world.http.get(format!("{}/health", world.url)).send().await;
        if answer.is_ok_and(|answer| answer.status() == 200) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody is let in any more");
}

#[tokio::test]
async fn readiness_says_what_is_missing() {
    let world = World::start().await;
    let ask = |path: &str| {
        let (url, http) = (format!("{}{path}", world.url), world.http.clone());
        async move {
            let answer = http.get(url).send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        }
    };
    assert_eq!(ask("/ready").await, (200, serde_json::json!({ "ready": true, "missing": {} })));
    world.chain.disconnect(Duration::from_secs(90));
    let (status, body) = ask("/ready").await;
    assert_eq!((status, &body["ready"]), (503, &Value::Bool(false)));
    assert!(body["missing"]["chain"].as_str().unwrap().contains("not connected"), "{body}");
    assert_eq!(ask("/health").await.0, 200);
    // Connected again, but nothing was heard of it for long.
    world.chain.connect();
    assert!(ask("/ready").await.1["missing"]["chain"].as_str().unwrap().contains("90 s"));
    world.chain.advance(&[]);
    assert_eq!(ask("/ready").await.0, 200);
}
