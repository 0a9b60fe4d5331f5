use std::net::SocketAddr;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::demo::digits::Digits;
use crate::demo::models::Kind;
use crate::demo::serve::ModelServer;
use crate::demo::traffic::Campaign;
use crate::demo::traffic::ClickModel;
use crate::demo::traffic::Counts;
use crate::demo::traffic::send;
use crate::demo::traffic::visits;
use crate::vocab::StrategyKind;

fn campaign(seed: u64) -> Campaign {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    Campaign {
        strategy: StrategyKind::Ab,
        data: nowhere,
        admin: nowhere,
        requests: 2_000,
        users: 50,
        connections: 1,
        per_second: None,
        seed,
    }
}

#[test]
fn the_same_seed_draws_the_same_visits_and_another_seed_others() {
    assert_eq!(visits(&campaign(1), 599), visits(&campaign(1), 599));
    assert_ne!(visits(&campaign(1), 599), visits(&campaign(2), 599));
}

#[test]
fn every_user_comes_equally_often_and_every_image_comes() {
    let visits = visits(&campaign(1), 100);
    assert_eq!(visits.len(), 2_000);
    let times = |user| visits.iter().filter(|visit| visit.user == format!("user-{user:04}")).count();
    assert!((0..50).all(|user| times(user) == 40));
    assert!((0..100).all(|image| visits.iter().any(|visit| visit.image == image)));
}

#[test]
fn users_click_what_is_relevant_and_rather_at_the_top() {
    let click_rates = |relevant: [bool; 10]| {
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut clicks = [0_u32; 10];
        for _ in 0..10_000 {
            for place in ClickModel::default().clicks(&relevant, &mut dice) {
                clicks[place] += 1;
            }
        }
        clicks.map(|count| f64::from(count) / 10_000.0)
    };
    let all = click_rates([true; 10]);
    assert!((0.78..0.82).contains(&all[0]), "{all:?}");
    assert!(all.is_sorted_by(|higher, lower| higher > lower), "{all:?}");
    let none = click_rates([false; 10]);
    assert!((0.04..0.06).contains(&none[0]), "{none:?}");
}

/// Sends sixty requests over four connections to an address, without a gateway between.
async fn sent(data: SocketAddr, strategy: StrategyKind) -> Arc<Counts> {
    let digits = Arc::new(Digits::load().unwrap());
    let counts = Arc::new(Counts::default());
    let campaign = Campaign { data, strategy, requests: 60, connections: 4, ..campaign(1) };
    send(campaign, digits, counts.clone()).await;
    counts
}

#[tokio::test]
async fn every_visit_is_sent_once_and_models_understand_it() {
    let digits = Digits::load().unwrap();
    let server = ModelServer::start(Arc::new(Kind::Softmax.train(&digits.train))).await.unwrap();
    for strategy in [StrategyKind::Ab, StrategyKind::Interleave] {
        let counts = sent(server.addr(), strategy).await;
        assert_eq!((counts.answered(), counts.failed()), (60, 0), "{:?}", counts.first_problem());
        // A model alone gives no id, so that nothing can be reported; that is told, not passed over.
        assert_eq!((counts.reported(), counts.unreported()), (0, 0));
        assert!(counts.first_problem().unwrap().contains("no crossfade-id"));
    }
    server.stop().await;
}

#[tokio::test]
async fn requests_that_nobody_answers_are_counted_and_explained() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let counts = sent(nobody, StrategyKind::Shadow).await;
    assert_eq!((counts.answered(), counts.failed()), (0, 60));
    let problem = counts.first_problem().unwrap();
    assert!(problem.starts_with("POST /v2/models/digits/infer failed: cannot connect to"), "{problem}");
}
