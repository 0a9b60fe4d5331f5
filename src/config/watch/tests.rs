use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use notify::EventKind;
use notify::event::AccessKind;
use notify::event::AccessMode;
use notify::event::CreateKind;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::watch::is_mere_reading;
use crate::config::watch::watch;

struct Watched {
    ticks: mpsc::Receiver<()>,
    _task: JoinSet<()>,
}

impl Watched {
    fn new(path: &Path) -> Self {
        let (sender, ticks) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(watch(path, sender));
        Self { ticks, _task: task }
    }

    /// Far below the poll of ten seconds, so that only an event can have caused the tick.
    async fn tick(&mut self) -> bool {
        tokio::time::timeout(Duration::from_secs(5), self.ticks.recv()).await == Ok(Some(()))
    }
}

/// What a kubelet does: a new directory, a new link to it, renamed over `..data`, the old directory removed.
fn swap_config_map(mount: &Path, generation: u32, content: &str) {
    let name = format!("..generation_{generation}");
    fs::create_dir(mount.join(&name)).unwrap();
    fs::write(mount.join(&name).join("policy.yaml"), content).unwrap();
    symlink(&name, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    if generation == 0 {
        symlink("..data/policy.yaml", mount.join("policy.yaml")).unwrap();
    } else {
        fs::remove_dir_all(mount.join(format!("..generation_{}", generation - 1))).unwrap();
    }
}

#[tokio::test]
async fn every_swap_of_a_config_map_is_noticed() {
    let mount = TempDir::new().unwrap();
    swap_config_map(mount.path(), 0, "first");
    let mut watched = Watched::new(&mount.path().join("policy.yaml"));
    for (generation, content) in [(1, "second"), (2, "third"), (3, "fourth")] {
        swap_config_map(mount.path(), generation, content);
        assert!(watched.tick().await, "{content}");
    }
}

#[tokio::test]
async fn a_plain_edit_and_a_change_before_the_first_poll_are_noticed() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("policy.yaml");
    fs::write(&path, "first").unwrap();
    let (sender, mut ticks) = mpsc::channel(1);
    let watching = watch(&path, sender);
    fs::write(&path, "between the call and the first poll").unwrap();
    let mut task = JoinSet::new();
    task.spawn(watching);
    let tick = tokio::time::timeout(Duration::from_secs(5), ticks.recv()).await;
    assert_eq!(tick, Ok(Some(())));
}

#[tokio::test(start_paused = true)]
async fn a_swap_to_the_same_content_is_no_change_and_the_poll_finds_what_no_event_told() {
    let home = TempDir::new().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let target = elsewhere.path().join("real.yaml");
    fs::write(&target, "first").unwrap();
    let path = home.path().join("policy.yaml");
    symlink(&target, &path).unwrap();
    let mut watched = Watched::new(&path);

    fs::write(&target, "first").unwrap();
    let quiet = tokio::time::timeout(Duration::from_secs(55), watched.ticks.recv()).await;
    assert!(quiet.is_err(), "the same content again");

    fs::write(&target, "second").unwrap();
    let polled = tokio::time::timeout(Duration::from_secs(60), watched.ticks.recv()).await;
    assert_eq!(polled, Ok(Some(())));
}

#[tokio::test]
async fn the_watch_ends_with_its_receiver() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("policy.yaml");
    fs::write(&path, "first").unwrap();
    let (sender, ticks) = mpsc::channel(1);
    let watching = watch(&path, sender);
    drop(ticks);
    assert!(tokio::time::timeout(Duration::from_secs(5), watching).await.is_ok());
}

#[test]
fn reading_the_file_is_not_taken_for_a_change() {
    assert!(is_mere_reading(EventKind::Access(AccessKind::Open(AccessMode::Any))));
    assert!(!is_mere_reading(EventKind::Access(AccessKind::Close(AccessMode::Write))));
    assert!(!is_mere_reading(EventKind::Create(CreateKind::File)));
}
