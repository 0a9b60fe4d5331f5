//! More connections than may be open: they wait, nobody who is connected notices, and a place that is free is taken.

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_another_ends() {
    let model = Model::saying(Reply::text("ok")).await;
    let policy = format!("models: {{m: {{url: \"{}\"}}}}\ndefault: m\n", model.url());
    let rig = Rig::start_with(&policy, " max_connections: 3,", "").await;
    let addr = rig.gateway().data_addr();
    let mut users = [Client::http1(addr).await, Client::http2(addr).await, Client::http1(addr).await];
    for user in &mut users {
        assert_eq!(user.get("/").await.text(), "ok");
    }
    // The system takes it, and the gateway does not.
    let mut waiting = Client::http1(addr).await;
    let mut asked = Box::pin(waiting.get("/"));
    let paused = async || rig.metric("crossfade_accept_pauses_total", &["reason=\"connections\""]).await;
    until("the pause", async || paused().await > 0.0).await;
    for _ in 0..20 {
        for user in &mut users {
            tokio::select! {
                biased;
                _ = asked.as_mut() => panic!("it was let in"),
                got = user.get("/") => assert_eq!(got.text(), "ok"),
            }
        }
    }
    assert_eq!(rig.metric("crossfade_connections", &[]).await, 3.0);
    assert_eq!(model.seen().len(), 63);
    drop(users);
    assert_eq!(asked.await.text(), "ok");
}
