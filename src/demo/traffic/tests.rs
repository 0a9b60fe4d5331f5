use std::net::SocketAddr;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::demo::traffic::Campaign;
use crate::demo::traffic::ClickModel;
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
fn visits_reach_every_user_and_image() {
    let visits = visits(&campaign(1), 100);
    assert_eq!(visits.len(), 2_000);
    assert!((0..50).all(|user| visits.iter().any(|visit| visit.user == format!("user-{user:04}"))));
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
