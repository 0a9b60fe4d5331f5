use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;

use crate::upstream::Bell;
use crate::upstream::muffled;

#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn heard(task: &Task) -> usize {
    task.0.load(Ordering::SeqCst)
}

#[test]
fn a_task_hears_the_bell_except_what_its_own_thread_rings_muffled() {
    let (task, bell) = (Arc::<Task>::default(), Bell::new());
    let ring = Waker::from(Arc::clone(&bell));
    ring.wake_by_ref();
    bell.heard_by(&Context::from_waker(&Waker::from(Arc::clone(&task))));
    assert_eq!(heard(&task), 0);
    ring.wake_by_ref();
    assert_eq!(heard(&task), 1);

    muffled(|| ring.wake_by_ref());
    assert_eq!(heard(&task), 1);
    muffled(|| std::thread::scope(|scope| drop(scope.spawn(|| ring.wake_by_ref()))));
    assert_eq!(heard(&task), 2);
    let panicked = catch_unwind(|| muffled(|| panic!("in the middle")));
    assert!(panicked.is_err());
    ring.wake();
    assert_eq!(heard(&task), 3);
}

#[test]
fn the_bell_rings_for_the_task_that_polled_last() {
    let (first, second, bell) = (Arc::<Task>::default(), Arc::<Task>::default(), Bell::new());
    for task in [&first, &second] {
        bell.heard_by(&Context::from_waker(&Waker::from(Arc::clone(task))));
    }
    bell.wake_by_ref();
    assert_eq!((heard(&first), heard(&second)), (0, 1));
}
