//! TLS on both sides: who is believed, what is agreed on, and certificates that change under way.

use std::sync::Arc;

use http::Version;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsConnector;

use crate::rig::Asks;
use crate::rig::Authority;
use crate::rig::Client;
use crate::rig::Front;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::WireModel;
use crate::rig::request;
use crate::rig::until;

/// What both versions of HTTP are called in a handshake.
const BOTH: [&str; 2] = ["h2", "http/1.1"];

/// A directory with the certificate of a gateway at 127.0.0.1, which `authority` vouches for.
struct Files(tempfile::TempDir);

impl Files {
    fn new(authority: &Authority) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        authority.vouch_for("127.0.0.1").write(files.0.path(), "own");
        authority.write(files.0.path().join("ca.crt"));
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The keys under `listen` that make a gateway use them.
    fn listen(&self, more: &str) -> String {
        format!("tls: {{cert_file: '{}', key_file: '{}'{more}}},", self.path("own.crt"), self.path("own.key"))
    }
}

fn passthrough(url: &str, more: &str) -> String {
    format!("models: {{m: {{url: \"{url}\"{more}}}}}\ndefault: m\n")
}

async fn connect(rig: &Rig, config: Arc<ClientConfig>) -> Client {
    Client::tls(rig.gateway().data_addr(), config).await.unwrap()
}

/// A model that tells the version of HTTP, and what was forwarded of the user's side.
async fn telling(front: Front) -> Model {
    Model::behind(front, |seen| {
        let proto = seen.headers.get("x-forwarded-proto").map(|value| value.to_str().unwrap());
        Reply::text(format!("{:?} {} {}", seen.version, proto.unwrap_or("-"), seen.body.len()))
    })
    .await
}

#[tokio::test]
async fn users_may_come_over_tls_in_either_http_and_models_are_told_so() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    let model = telling(Front::default()).await;
    let rig = Rig::start_with(&passthrough(&model.url(), ""), &files.listen(""), "").await;
    let large = "x".repeat(1_000_000);
    for (alpn, via) in
        [(&["h2"][..], "2"), (&["http/1.1"], "1.1"), (&["http/1.0"], "1.1"), (&BOTH, "2"), (&[], "1.1")]
    {
        let mut client = connect(&rig, authority.client(None, alpn)).await;
        let uri = format!("https://{}/", rig.gateway().data_addr());
        let got = client.send(request("POST", if via == "2" { &uri } else { "/" }, &[], &large)).await;
        assert_eq!((got.status.as_u16(), got.text()), (200, "HTTP/1.1 https 1000000"), "{alpn:?}");
        let seen = model.seen();
        assert_eq!(seen.last().unwrap().headers["via"], format!("{via} crossfade").as_str(), "{alpn:?}");
    }
    let old = [&rustls::version::TLS12];
    let mut client = connect(&rig, authority.client_of(&old, None, &["h2"])).await;
    assert_eq!(client.send(request("GET", "https://a.example/", &[], "")).await.status, 200);
}

#[tokio::test]
async fn who_speaks_no_tls_is_sent_away_and_counted_and_holds_a_place_until_then() {
    let files = Files::new(&Authority::new());
    let model = telling(Front::default()).await;
    let rig = Rig::start_with(&passthrough(&model.url(), ""), &files.listen(""), "").await;
    let mut slow = Wire::connect(rig.gateway().data_addr()).await;
    // The beginning of a handshake.
    slow.send("\x16\x03\x01").await;
    until("the connection", async || rig.metric("crossfade_connections", &[]).await == 1.0).await;
    // A record longer than any may be.
    slow.send("zz, says the client").await;
    slow.closed().await;
    until("its end", async || rig.metric("crossfade_connections", &[]).await == 0.0).await;
    assert_eq!(rig.metric("crossfade_tls_handshakes_failed_total", &[]).await, 1.0);
    assert!(model.seen().is_empty());
}

#[tokio::test]
async fn a_rotated_certificate_is_taken_up_and_a_broken_pair_leaves_the_old_one() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    let model = telling(Front::default()).await;
    let rig = Rig::start_with(&passthrough(&model.url(), ""), &files.listen(""), "").await;
    let shown = async || connect(&rig, authority.client(None, &BOTH)).await.shown.unwrap();
    let current = async || rig.metric("crossfade_tls_certificates_current", &["model=\"_listen\""]).await;
    let first = shown().await;
    assert_eq!(current().await, 1.0);

    let next = authority.vouch_for("127.0.0.1");
    std::fs::write(files.path("own.crt"), &next.cert).unwrap();
    rig.admin().await.post("/-/reload", &[], "").await;
    assert_eq!((shown().await, current().await), (first, 0.0), "the key is not this certificate's");

    std::fs::write(files.path("own.key"), &next.key).unwrap();
    until("the files to be looked at", async || current().await == 1.0).await;
    assert_eq!(shown().await, next.der());
}

#[tokio::test]
async fn users_must_show_a_certificate_where_the_policy_says_who_vouches_for_them() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    let model = telling(Front::default()).await;
    let ca = format!(", client_ca_file: '{}'", files.path("ca.crt"));
    let rig = Rig::start_with(&passthrough(&model.url(), ""), &files.listen(&ca), "").await;
    let known = authority.vouch_for("user.example");
    let stranger = Authority::new().vouch_for("user.example");
    for (own, served) in [(Some(&known), true), (Some(&stranger), false), (None, false)] {
        let answered = async {
            let config = authority.client(own, &["http/1.1"]);
            let mut client = Client::tls(rig.gateway().data_addr(), config).await.ok()?;
            client.try_send(request("GET", "/", &[], "")).await.ok()
        };
        assert_eq!(answered.await.is_some(), served, "{own:?}");
    }
    assert_eq!(
        (model.seen().len(), rig.metric("crossfade_tls_handshakes_failed_total", &[]).await),
        (1, 2.0)
    );
}

#[tokio::test]
async fn a_model_over_tls_is_spoken_to_in_the_http_that_it_chooses_or_the_policy_says() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    let cases = [
        (&BOTH[..], "auto", "HTTP/2.0"),
        (&["http/1.1"], "auto", "HTTP/1.1"),
        (&[], "auto", "HTTP/1.1"),
        (&BOTH, "1", "HTTP/1.1"),
        (&BOTH, "2", "HTTP/2.0"),
        (&[], "2", "HTTP/2.0"),
    ];
    for (alpn, version, expected) in cases {
        let tls = Some(authority.server(Asks::Nothing, alpn));
        let model = telling(Front { tls, ..Front::default() }).await;
        let more = format!(", http_version: {version}, tls: {{ca_file: '{}'}}", files.path("ca.crt"));
        let rig = Rig::start(&passthrough(&model.url(), &more)).await;
        let mut client = rig.client().await;
        for round in 0..3 {
            let got = client.post("/", &[], "hello").await;
            assert_eq!(got.text(), format!("{expected} http 5"), "{alpn:?} {version} {round}");
        }
        assert_eq!(model.connections(), 1, "{alpn:?} {version}");
    }
}

#[tokio::test]
async fn a_model_that_cannot_be_believed_is_not_spoken_to() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    Authority::new().write(files.0.path().join("other.crt"));
    let tls = Some(authority.server(Asks::Nothing, &BOTH));
    let model = telling(Front { tls, ..Front::default() }).await;
    let plain = telling(Front::default()).await;
    let (ca, other) = (files.path("ca.crt"), files.path("other.crt"));
    let garbled = plain.url().replace("http:", "https:");
    let cases = [
        (model.url(), format!("ca_file: '{ca}'"), 200),
        (model.url(), format!("ca_file: '{other}'"), 502),
        (model.url(), String::new(), 502),
        (model.url(), format!("ca_file: '{ca}', server_name: model.example"), 502),
        (model.url().replace("127.0.0.1", "localhost"), format!("ca_file: '{ca}'"), 502),
        (
            model.url().replace("127.0.0.1", "localhost"),
            format!("ca_file: '{ca}', server_name: 127.0.0.1"),
            200,
        ),
        (garbled, format!("ca_file: '{ca}'"), 502),
    ];
    for (url, tls, status) in cases {
        let rig = Rig::start(&passthrough(&url, &format!(", tls: {{{tls}}}"))).await;
        let got = rig.client().await.get("/").await;
        assert_eq!(got.status, status, "{url} {tls} {}", got.text());
        if status == 502 {
            assert_eq!(got.json()["reason"], "connect_error", "{url} {tls}");
        }
    }
    assert!(plain.seen().is_empty());
}

#[tokio::test]
async fn a_model_that_asks_for_a_certificate_is_shown_the_present_one() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    let tls = Some(authority.server(Asks::Certificate, &["http/1.1"]));
    let model =
        Model::behind(Front { tls, ..Front::default() }, |_| Reply::text("ok").header("connection", "close"))
            .await;
    let ca = files.path("ca.crt");
    let without = passthrough(&model.url(), &format!(", tls: {{ca_file: '{ca}'}}"));
    let rig = Rig::start(&without).await;
    assert_eq!(rig.client().await.post("/", &[], "").await.status, 502);

    Authority::new().vouch_for("gateway.example").write(files.0.path(), "client");
    let (cert, key) = (files.path("client.crt"), files.path("client.key"));
    let with = format!(", tls: {{ca_file: '{ca}', cert_file: '{cert}', key_file: '{key}'}}");
    let rig = Rig::start(&passthrough(&model.url(), &with)).await;
    assert_eq!(rig.client().await.post("/", &[], "").await.status, 502, "a stranger's certificate");
    authority.vouch_for("gateway.example").write(files.0.path(), "client");
    rig.admin().await.post("/-/reload", &[], "").await;
    assert_eq!(rig.client().await.post("/", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_tunnel_opens_over_tls_and_is_asked_for_in_the_http_that_has_tunnels() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    let model = WireModel::start().await;
    let rig = Rig::start_with(&passthrough(&model.url(), ""), &files.listen(""), "").await;
    let addr = rig.gateway().data_addr();
    let connector = TlsConnector::from(authority.client(None, &["http/1.1"]));
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let mut user = connector.connect(ServerName::from(addr.ip()), stream).await.unwrap();
    let ask = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    user.write_all(ask.as_bytes()).await.unwrap();
    let mut wire = model.accept().await;
    wire.read_message().await;
    wire.send("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello").await;
    let mut heard = Vec::new();
    while !heard.ends_with(b"hello") {
        assert_ne!(user.read_buf(&mut heard).await.unwrap(), 0);
    }
    user.write_all(b"and back").await.unwrap();
    wire.read_until(|text| text.ends_with("and back")).await;

    let tls = Some(authority.server(Asks::Nothing, &BOTH));
    let model = telling(Front { tls, ..Front::default() }).await;
    let rig =
        Rig::start(&passthrough(&model.url(), &format!(", tls: {{ca_file: '{}'}}", files.path("ca.crt"))))
            .await;
    assert!(rig.client().await.get("/").await.text().starts_with("HTTP/2.0"));
    let mut user = Wire::connect(rig.gateway().data_addr()).await;
    user.send(ask).await;
    user.read_message().await;
    assert_eq!(
        (model.seen()[1].version, &model.seen()[1].headers["upgrade"]),
        (Version::HTTP_11, &"websocket".parse().unwrap())
    );
}
