//! The keeper, a step at a time.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Places, RETRY_STEPS, Sources, Work};
use crate::takes::audition::AuditionLink;
use crate::takes::desk::{TakeWish, TakesDesk};
use crate::takes::sound::{Sound, WavForm};
use crate::takes::store::tests::{Folder, take};
use crate::takes::store::{Store, WholeTake};
use afterimage_engine::continuation::Grains;
use nice_plug::params::persist::PersistentField;

struct Bench {
    work: Work,
    desk: TakesDesk,
    finished: Arc<Mutex<Vec<WholeTake>>>,
}

fn bench(folder: &Folder, store: Store) -> Bench {
    let desk = TakesDesk::default();
    let finished: Arc<Mutex<Vec<WholeTake>>> = Arc::default();
    let source = Arc::clone(&finished);
    let sources = Sources {
        finished: Box::new(move || source.lock().pop()),
        continuer: Box::new(|| match Grains::new() {
            Ok(memory) => Ok(Box::new(memory)),
            Err(error) => Err(error.to_string()),
        }),
        host_rate: Box::new(|| 48_000),
    };
    let places = Places {
        store,
        exports: folder.0.join("exports"),
    };
    let link = Arc::new(AuditionLink::default());
    Bench {
        work: Work::new(desk.clone(), link, sources, places),
        desk,
        finished,
    }
}

impl Bench {
    fn wish(&mut self, wish: TakeWish) {
        self.desk.wish(wish);
        self.work.step();
    }

    fn names(&self) -> Vec<String> {
        let list = self.desk.list();
        list.takes.iter().map(|take| take.name.clone()).collect()
    }
}

#[test]
fn a_finished_take_is_written_and_listed_at_the_next_step() {
    let folder = Folder::new("work");
    let mut bench = bench(&folder, Store::new(folder.0.join("takes"), u64::MAX));
    bench.finished.lock().push(take("0001"));
    bench.work.step();
    assert_eq!(bench.names(), ["take 0001"]);
    assert!(bench.work.written()[0].join("sound.wav").is_file());
}

#[test]
fn a_full_disk_loses_nothing_and_is_tried_again() {
    let folder = Folder::new("refused");
    std::fs::create_dir_all(&folder.0).unwrap();
    let takes = folder.0.join("takes");
    std::fs::write(&takes, "").unwrap();
    let mut bench = bench(&folder, Store::new(takes.clone(), u64::MAX));
    bench.finished.lock().push(take("0001"));
    bench.work.step();
    assert_eq!(bench.names(), ["take 0001"]);
    let sentence = bench.desk.list().sentence.clone();
    assert!(sentence.contains("cannot be written"), "{sentence}");
    // It can be named and auditioned from memory meanwhile.
    bench.wish(TakeWish::Name("0001".into(), "the one".into()));
    bench.wish(TakeWish::Audition("0001".into()));
    assert_eq!(bench.desk.list().auditioned.as_deref(), Some("0001"));
    std::fs::remove_file(&takes).unwrap();
    for _ in 0..=RETRY_STEPS {
        bench.work.step();
    }
    assert!(takes.join("0001/take.json").is_file());
    assert_eq!(bench.names(), ["the one"]);
    assert!(bench.desk.list().sentence.is_empty());
}

/// Where the test below, started again, finds its disk of 256 kB.
const SMALL_DISK: &str = "AFTERIMAGE_SMALL_DISK";

#[test]
#[cfg(target_os = "linux")]
#[allow(clippy::disallowed_macros, reason = "a test says why it cannot run")]
fn a_disk_that_fills_up_in_the_middle_of_a_take_loses_nothing() {
    let Some(disk) = std::env::var_os(SMALL_DISK) else {
        let folder = Folder::new("small-disk");
        std::fs::create_dir_all(&folder.0).unwrap();
        // A disk of this process's own, which needs no rights where the system lets users have such.
        let script =
            "mount -t tmpfs -o size=256k tmpfs \"$AFTERIMAGE_SMALL_DISK\" || exit 77; exec \"$@\"";
        let this = std::env::current_exe().unwrap();
        let name = "takes::work::tests::a_disk_that_fills_up_in_the_middle_of_a_take_loses_nothing";
        let done = std::process::Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                script,
                "sh",
            ])
            .arg(this)
            .args(["--exact", name])
            .env(SMALL_DISK, &folder.0)
            .output();
        match done {
            Ok(done) if done.status.success() => {
                let said = String::from_utf8_lossy(&done.stdout);
                assert!(said.contains("1 passed"), "{said}");
            }
            // 77 is the script's word for no disk, 1 what unshare says where users may have none.
            Ok(done) if !matches!(done.status.code(), Some(77 | 1)) => {
                panic!("{}", String::from_utf8_lossy(&done.stdout))
            }
            _ => println!("SKIPPED: no disk of its own could be mounted (unshare, tmpfs)"),
        }
        return;
    };
    let disk = std::path::PathBuf::from(disk);
    let takes = disk.join("takes");
    // All but 6 kB: a take's folder and its record fit, its sound of 4 kB and what was heard do not.
    let filler = disk.join("filler");
    let place = Folder(disk.clone());
    let mut bench = bench(&place, Store::new(takes.clone(), u64::MAX));
    std::fs::write(&filler, vec![1; 248 << 10]).unwrap();
    bench.finished.lock().push(take("0001"));
    bench.work.step();
    let sentence = bench.desk.list().sentence.clone();
    assert!(sentence.contains("cannot be written"), "{sentence}");
    assert_eq!(bench.names(), ["take 0001"], "it waits in memory");
    let left: Vec<_> = std::fs::read_dir(&takes)
        .map(|entries| {
            entries
                .filter_map(Result::ok)
                .map(|entry| entry.file_name())
                .collect()
        })
        .unwrap_or_default();
    assert!(left.is_empty(), "pieces of a take stay: {left:?}");
    std::fs::remove_file(&filler).unwrap();
    for _ in 0..=RETRY_STEPS {
        bench.work.step();
    }
    let written = Store::new(takes, u64::MAX).read("0001").unwrap();
    assert_eq!(written, take("0001"));
    assert!(bench.desk.list().sentence.is_empty());
}

#[test]
fn what_is_kept_travels_in_the_session_to_another_machine() {
    let here = Folder::new("here");
    let mut bench_here = bench(&here, Store::new(here.0.join("takes"), u64::MAX));
    bench_here.finished.lock().push(take("0001"));
    bench_here.work.step();
    bench_here.wish(TakeWish::Keep("0001".into()));
    bench_here.wish(TakeWish::Name("0001".into(), "kept one".into()));
    let saved = bench_here.desk.map(Clone::clone);
    let there = Folder::new("there");
    let mut bench_there = bench(&there, Store::new(there.0.join("takes"), u64::MAX));
    bench_there.desk.set(saved);
    bench_there.work.step();
    assert_eq!(bench_there.names(), ["kept one"]);
    assert!(bench_there.desk.list().takes[0].kept);
    bench_there.wish(TakeWish::LetGo("0001".into()));
    assert!(bench_there.desk.packed().is_empty());
    assert!(!bench_there.desk.list().takes[0].kept);
}

#[test]
fn a_session_that_is_full_says_so_and_the_folder_keeps_it() {
    let folder = Folder::new("large");
    let mut bench = bench(&folder, Store::new(folder.0.join("takes"), u64::MAX));
    // Noise does not shrink: two of these do not fit.
    let mut random = 1_u32;
    let mut noise = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random as f32 / 2.0_f32.powi(31) - 1.0
    };
    for id in ["0001", "0002"] {
        let mut large = take(id);
        large.sound = Sound {
            rate_hz: 48_000,
            channels: 1,
            samples: (0..2_000_000).map(|_| noise()).collect(),
        };
        bench.finished.lock().push(large);
    }
    bench.work.step();
    bench.wish(TakeWish::Keep("0001".into()));
    bench.wish(TakeWish::Keep("0002".into()));
    let sentence = bench.desk.list().sentence.clone();
    assert!(sentence.contains("session is full"), "{sentence}");
    assert_eq!(bench.desk.packed().len(), 1);
    assert!(bench.desk.list().takes.iter().all(|take| take.kept));
}

#[test]
fn files_are_exported_under_the_takes_name_and_the_window_says_where() {
    let folder = Folder::new("export");
    let mut bench = bench(&folder, Store::new(folder.0.join("takes"), u64::MAX));
    bench.finished.lock().push(take("0001"));
    bench.work.step();
    bench.wish(TakeWish::ExportSound("0001".into(), WavForm::Integer24));
    let path = folder.0.join("exports/take 0001 0001.wav");
    assert!(path.is_file());
    assert!(
        bench
            .desk
            .list()
            .sentence
            .contains(&path.display().to_string())
    );
    bench.wish(TakeWish::Delete("0001".into()));
    assert!(bench.names().is_empty());
    bench.wish(TakeWish::ExportNotes("0001".into()));
    assert!(bench.desk.list().sentence.contains("gone"));
}

#[test]
fn another_is_made_in_steps_and_then_listed_like_one_that_was_played() {
    let folder = Folder::new("another");
    let mut bench = bench(&folder, Store::new(folder.0.join("takes"), u64::MAX));
    let mut imagined = take("0001");
    imagined.record.pack = "Memory".to_owned();
    imagined.record.length_samples = 48_000;
    bench.finished.lock().push(imagined);
    bench.work.step();
    bench.desk.wish(TakeWish::Another("0001".into()));
    assert!(bench.work.step(), "it is being made");
    assert!(bench.desk.list().sentence.contains("being made"));
    while bench.work.step() {}
    assert_eq!(bench.names(), ["Memory 8", "take 0001"]);
    assert!(bench.desk.list().sentence.is_empty());
    bench.wish(TakeWish::Another("gone".into()));
    assert!(bench.desk.list().sentence.contains("gone"));
}
