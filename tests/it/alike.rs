//! Both legs get the same request, but for what the policy keeps from strangers: the users' credentials.

use bytes::Bytes;
use http::HeaderMap;
use http::Request;
use http_body_util::Full;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::Wire;
use crate::rig::WireModel;
use crate::rig::until;

/// What tells the copy from the answering leg, and how the body is framed.
const OWN: [&str; 5] =
    ["crossfade-shadow", "content-length", "transfer-encoding", "traceparent", "idempotency-key"];

fn policy(old: &str, new: &str, strategy: &str) -> String {
    format!(
        "models: {{old: {{url: \"{old}\"}}, new: {{url: \"{new}\"}}}}\nexperiments:\n  - {{name: e, legacy: old, \
         candidate: new, strategy: {{{strategy}}}}}\n"
    )
}

/// A request's lines without those that may differ, and its body.
fn shared(message: &str) -> (Vec<&str>, &str) {
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    let own = |line: &&str| OWN.iter().any(|own| line.split(':').next() == Some(own));
    (head.lines().filter(|line| !own(line)).collect(), body)
}

#[tokio::test]
async fn both_legs_get_the_same_bytes() {
    let (old, new) = (WireModel::start().await, WireModel::start().await);
    let rig = Rig::start(&policy(&old.url(), &new.url(), "shadow: {}")).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    let fields = "x-one: 1\r\nx-one:  2 \r\ncookie: a=b\r\nauthorization: Bearer t\r\naccept-encoding: gzip, br\r\n\
                  content-type: application/octet-stream\r\nx-latin: caf\u{e9}\r\nconnection: x-hop\r\nx-hop: 1\r\n";
    for (framing, body) in [("content-length: 5\r\n", "he\0lo"), ("", ""), ("content-length: 0\r\n", "")] {
        client
            .send(&format!(
                "PUT /a%2Fb/../c;p?q=%20&q=+&&e HTTP/1.1\r\nhost: a:81\r\n{fields}{framing}\r\n{body}"
            ))
            .await;
        let (mut legacy, mut candidate) = (old.accept().await, new.accept().await);
        let (answered, copied) = (legacy.read_message().await, candidate.read_message().await);
        assert_eq!(shared(&answered), shared(&copied));
        assert!(answered.starts_with("PUT /a%2Fb/../c;p?q=%20&q=+&&e HTTP/1.1\r\n"), "{answered}");
        assert!(answered.contains("x-one: 1\r\n") && !answered.contains("x-hop"), "{answered}");
        for wire in [&mut legacy, &mut candidate] {
            wire.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        }
        client.read_message().await;
    }
}

fn shared_fields(seen: &Seen) -> HeaderMap {
    let mut headers = seen.headers.clone();
    for own in OWN {
        headers.remove(own);
    }
    headers
}

#[tokio::test]
async fn both_legs_get_the_same_request_over_http2_too() {
    let (old, new) = (Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await);
    for version in ["1", "2"] {
        let both = format!("http_version: {version}, url");
        let text = policy(&old.url(), &new.url(), "shadow: {}").replace("url", &both);
        let rig = Rig::start(&text).await;
        let mut client = Client::http2(rig.gateway().data_addr()).await;
        let before = new.seen().len();
        let request = Request::delete("http://named.example:82/a%2Fb?q=%20")
            .header("x-one", "1")
            .header("x-one", "2")
            .header("cookie", "a=b")
            .header("cookie", "c=d")
            .header("authorization", "Bearer t")
            .body(Full::new(Bytes::from_static(b"he\0lo")));
        client.send(request.unwrap()).await;
        until("the copy", async || new.seen().len() > before).await;
        let (answered, copied) = (old.seen().pop().unwrap(), new.seen().pop().unwrap());
        assert_eq!(
            (&answered.method, &answered.uri, &answered.body),
            (&copied.method, &copied.uri, &copied.body)
        );
        assert_eq!(shared_fields(&answered), shared_fields(&copied));
        assert_eq!(
            (answered.version, &answered.headers["cookie"]),
            (copied.version, &"a=b; c=d".parse().unwrap())
        );
        let host = match version {
            "1" => answered.headers["host"].to_str().unwrap(),
            _ => answered.uri.authority().unwrap().as_str(),
        };
        assert_eq!(host, "named.example:82");
    }
}

/// The credentials that a model saw.
fn credentials(seen: &Seen) -> Vec<&str> {
    let names = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"];
    names.into_iter().filter(|name| seen.headers.contains_key(*name)).collect()
}

#[tokio::test]
async fn a_candidate_on_another_host_sees_no_credentials_unless_the_policy_passes_them() {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(Reply::text("new")).await;
    let (near, far) = (new.url(), new.url().replace("127.0.0.1", "localhost"));
    let sent = [
        ("authorization", "Bearer t"),
        ("proxy-authorization", "Basic eA=="),
        ("cookie", "session=s"),
        ("x-api-key", "k"),
        ("api-key", "k"),
        ("x-auth-token", "t"),
        ("x-kept", "yes"),
    ];
    let all: Vec<&str> = sent.iter().map(|(name, _)| *name).filter(|name| *name != "x-kept").collect();
    let none = Vec::new();
    let copies = "shadow: {}";
    let answers = "ab: {arms: {old: 0%, new: 100%}}";
    let cases = [
        (policy(&old.url(), &near, copies), &all),
        (policy(&old.url(), &far, copies), &none),
        (policy(&old.url(), &far, answers), &none),
        (policy(&old.url(), &near, answers), &all),
        (policy(&old.url(), &format!("{far}\", credentials: \"pass"), copies), &all),
        (policy(&old.url(), &format!("{near}\", credentials: \"strip"), answers), &none),
        (format!("models: {{new: {{url: \"{far}\"}}}}\ndefault: new\n"), &all),
        (format!("models: {{new: {{url: \"{far}\", credentials: strip}}}}\ndefault: new\n"), &none),
    ];
    for (policy, expected) in cases {
        let rig = Rig::start(&policy).await;
        let before = new.seen().len();
        rig.client().await.post("/", &sent, "body").await;
        until("the candidate's leg", async || new.seen().len() > before).await;
        let seen = new.seen().pop().unwrap();
        assert_eq!(
            (&credentials(&seen), &seen.headers["x-kept"]),
            (expected, &"yes".parse().unwrap()),
            "{policy}"
        );
    }
    assert!(old.seen().iter().all(|seen| credentials(seen) == all), "legacy always sees them");
    assert_eq!(old.seen().len(), 3);
}
