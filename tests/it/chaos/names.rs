//! Names of models: several addresses, and a name that leads nowhere while another model serves.

use crate::chaos::wicked::Way;
use crate::chaos::wicked::Wicked;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;

#[tokio::test]
async fn a_name_with_several_addresses_is_reached_at_the_one_that_listens() {
    // `localhost` may lead to `::1` too, where nobody listens.
    let model = Model::saying(Reply::text("here")).await;
    let url = model.url().replace("127.0.0.1", "localhost");
    let rig = Rig::start(&format!("models: {{m: {{url: \"{url}\"}}}}\ndefault: m\n")).await;
    for _ in 0..4 {
        assert_eq!(rig.client().await.get("/").await.text(), "here");
    }
}

#[tokio::test]
async fn a_name_that_leads_nowhere_fails_at_once_and_harms_no_other_model() {
    let (model, nameless) = (Model::saying(Reply::text("here")).await, Wicked::start(Way::Nameless).await);
    let policy = format!(
        "models:\n  m: {{url: \"{}\"}}\n  n: {{url: \"{}\", timeout: {{connect: 1h}}}}\nexperiments:\n  - {{name: e, \
         match: {{path: /n}}, legacy: n, candidate: m, strategy: {{shadow: {{}}}}}}\ndefault: m\n",
        model.url(),
        nameless.url
    );
    let rig = Rig::start(&policy).await;
    let mut client = rig.client().await;
    for _ in 0..3 {
        let got = client.get("/n").await;
        assert_eq!((got.status.as_u16(), &got.json()["reason"]), (502, &"connect_error".into()));
        assert_eq!(client.get("/").await.text(), "here");
    }
}
