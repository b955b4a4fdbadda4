//! Power losses, simulated at the level of files: at every file operation of a durable store, the disk holds what was
//! flushed and any part of what was not.
//!
//! What a disk may hold, as measured on ext4 with delayed allocation: a new file is missing, empty, full of zeros or
//! complete (records and markers are shorter than a sector, so never short); a removed one is gone or back; one that was
//! replaced is the old or the new one; of a file written in place (the journal) each sector is the old or the new one.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex},
};

use k8sboot_core::store::{DirectoryStore, Store, StoreHook, StoreOp};

use super::world::{Image, World, add, del, durable, image, leases, leftovers, record};

const JOURNAL: &str = ".k8sboot/journal";
const UNFINISHED: &str = ".k8sboot/journal.new";
const SECTOR: usize = 512;

/// Cuts the power at every operation that changes something.
struct Cutter {
    directory: std::path::PathBuf,
    state: Mutex<State>,
}

struct State {
    /// What is on the disk for certain.
    flushed: Image,
    /// Who holds what, as acknowledged.
    acknowledged: BTreeMap<String, String>,
    /// Whose call is under way.
    caller: String,
    dice: Dice,
    boot: String,
    cuts: usize,
    /// Disks for a second cut, in the recovery.
    kept: Vec<(Image, BTreeMap<String, String>, String)>,
    failures: Vec<String>,
}

impl Cutter {
    fn new(world: &World, flushed: Image, acknowledged: BTreeMap<String, String>, boot: &str) -> Arc<Self> {
        let state = State {
            flushed,
            acknowledged,
            caller: String::new(),
            dice: Dice(0x9e37_79b9_7f4a_7c15),
            boot: boot.to_owned(),
            cuts: 0,
            kept: Vec::new(),
            failures: Vec::new(),
        };
        Arc::new(Self { directory: world.path().join("mynet"), state: Mutex::new(state) })
    }

    fn cut(&self, when: &str) {
        let now = image(&self.directory);
        let mut state = self.state.lock().unwrap();
        for _ in 0..2 {
            let mut flushed = state.flushed.clone();
            // A renamed file has the old name or the new one, and what was flushed under the old one.
            if !flushed.contains_key(JOURNAL)
                && now.contains_key(JOURNAL)
                && let Some(content) = flushed.remove(UNFINISHED)
            {
                let name = [JOURNAL, UNFINISHED][state.dice.below(2)];
                flushed.insert(name.to_owned(), content);
            }
            let disk = state.dice.disk(&flushed, &now);
            state.cuts += 1;
            if state.cuts.is_multiple_of(97) {
                let (acknowledged, caller) = (state.acknowledged.clone(), state.caller.clone());
                state.kept.push((disk.clone(), acknowledged, caller));
            }
            if let Err(why) = recover(&disk, &state.acknowledged, &state.caller, &state.boot) {
                let caller = state.caller.clone();
                state.failures.push(format!("cut {when} in a call of {caller:?}: {why}"));
            }
        }
    }
}

impl StoreHook for Cutter {
    fn before(&self, op: StoreOp, path: &str) -> io::Result<()> {
        if op.changes() {
            self.cut(&format!("before {} {path}", op.verb()));
        }
        Ok(())
    }

    fn after(&self, op: StoreOp, path: &str) {
        // After any other operation the disk is as before the next one.
        match op {
            StoreOp::SyncFile => {
                let content = std::fs::read(self.directory.join(path)).unwrap();
                self.state.lock().unwrap().flushed.insert(path.to_owned(), content);
            }
            StoreOp::SyncAll => self.state.lock().unwrap().flushed = image(&self.directory),
            _ => return,
        }
        self.cut(&format!("after {} {path}", op.verb()));
    }
}

/// Whether a store that opens what the disk holds keeps every promise.
fn recover(
    disk: &Image,
    acknowledged: &BTreeMap<String, String>,
    caller: &str,
    boot: &str,
) -> Result<(), String> {
    let world = World::of(disk);
    let store = world.try_open(durable(&format!("{boot} again"))).map_err(|error| error.to_string())?;
    let found = leases(&world.image());
    for (name, holder) in acknowledged {
        let lost = found.get(name) != Some(holder);
        if lost && *holder != record(caller) {
            return Err(format!("{name} is to be held by {holder:?}, found {:?}", found.get(name)));
        }
    }
    for (name, holder) in &found {
        if acknowledged.get(name) != Some(holder) && *holder != record(caller) {
            return Err(format!("{name} is to be free, found {holder:?}"));
        }
    }
    if !leftovers(&world.image()).is_empty() {
        return Err(format!("left: {:?}", leftovers(&world.image())));
    }
    let given = add(&store, "later").map_err(|error| error.to_string())?;
    match given.iter().find(|name| found.contains_key(*name)) {
        Some(name) => Err(format!("{name} was given twice")),
        None => Ok(()),
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }

    /// What a disk may hold between what was flushed and what the system saw.
    fn disk(&mut self, flushed: &Image, now: &Image) -> Image {
        let names: BTreeSet<&String> = flushed.keys().chain(now.keys()).collect();
        let mut disk = Image::new();
        for name in names {
            let content = match (flushed.get(name), now.get(name)) {
                (Some(old), Some(new)) if old.len() == new.len() && name == JOURNAL => {
                    Some(self.sectors(old, new))
                }
                (Some(old), Some(new)) if self.below(2) == 0 => {
                    Some(if self.below(2) == 0 { old.clone() } else { new.clone() })
                }
                (Some(old), Some(new)) if old == new => Some(old.clone()),
                (Some(old), None) if name == UNFINISHED => Some(old.clone()),
                (None, Some(_)) if name == JOURNAL => None,
                (_, Some(new)) => self.new_file(new),
                (Some(old), None) => (self.below(2) == 0).then(|| old.clone()),
                (None, None) => None,
            };
            disk.extend(content.map(|content| (name.clone(), content)));
        }
        disk
    }

    fn new_file(&mut self, content: &[u8]) -> Option<Vec<u8>> {
        match self.below(4) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(vec![0; content.len()]),
            _ => Some(content.to_vec()),
        }
    }

    fn sectors(&mut self, old: &[u8], new: &[u8]) -> Vec<u8> {
        let sectors = old.chunks(SECTOR).zip(new.chunks(SECTOR));
        sectors
            .flat_map(|(old, new)| if old == new || self.below(2) == 0 { new } else { old })
            .copied()
            .collect()
    }
}

/// One call after the other, each acknowledged when it returns.
fn work(store: &DirectoryStore, cutter: &Cutter, calls: usize) {
    let mut dice = Dice(7);
    let begin = |container: &str| cutter.state.lock().unwrap().caller = container.to_owned();
    for _ in 0..calls {
        let container = ["a", "b", "c", "d"][dice.below(4)];
        begin(container);
        match dice.below(5) {
            0 | 1 => {
                let given = add(store, container).unwrap();
                let mut state = cutter.state.lock().unwrap();
                state.acknowledged.extend(given.into_iter().map(|name| (name, record(container))));
            }
            2 | 3 => {
                del(store, container).unwrap();
                let mut state = cutter.state.lock().unwrap();
                state.acknowledged.retain(|_, holder| *holder != record(container));
            }
            _ => {
                let seen: Vec<_> = store.records().unwrap();
                let seen: Vec<_> =
                    seen.into_iter().filter(|r| r.holder.container() == Some(container)).collect();
                let freed = store.free_unchanged(&seen).unwrap();
                let mut state = cutter.state.lock().unwrap();
                freed.iter().for_each(|record| drop(state.acknowledged.remove(&record.name)));
            }
        }
        begin("");
    }
}

fn judge(cutter: &Cutter) {
    let state = cutter.state.lock().unwrap();
    let few: Vec<_> = state.failures.iter().take(5).collect();
    assert!(few.is_empty(), "{} of {} cuts: {few:#?}", state.failures.len(), state.cuts);
    assert!(state.cuts > 10, "{} cuts", state.cuts);
}

#[test]
fn no_cut_loses_what_was_acknowledged() {
    let world = World::new();
    let cutter = Cutter::new(&world, Image::new(), BTreeMap::new(), "one");
    let store = world.open(durable("one").hook(cutter.clone()));
    work(&store, &cutter, 20);
    judge(&cutter);
    // And a second cut while the directory is put right after the first.
    let kept = std::mem::take(&mut cutter.state.lock().unwrap().kept);
    assert!(kept.len() > 3, "{} disks", kept.len());
    for (disk, acknowledged, caller) in kept {
        let world = World::of(&disk);
        let again = Cutter::new(&world, disk, acknowledged, "two");
        again.state.lock().unwrap().caller = caller;
        drop(world.open(durable("two").hook(again.clone())));
        judge(&again);
    }
}

#[test]
fn no_cut_in_a_checkpoint_loses_what_was_acknowledged() {
    let world = World::new();
    let store = world.open(durable("one"));
    for container in ["a", "b"] {
        add(&store, container).unwrap();
    }
    let room = || {
        let journal = &world.image()[JOURNAL];
        journal[..journal.len() / 2].iter().rev().take_while(|byte| **byte == 0).count()
    };
    while room() > 1500 {
        add(&store, "c").unwrap();
        del(&store, "c").unwrap();
    }
    drop(store);
    // What was flushed before is of no account here: the journal has it all, or the first checkpoint.
    let flushed = world.image();
    let cutter = Cutter::new(&world, flushed.clone(), leases(&flushed), "one");
    let store = world.open(durable("one").resident(true).hook(cutter.clone()));
    work(&store, &cutter, 20);
    assert_ne!(world.image()[JOURNAL][flushed[JOURNAL].len() / 2], 0, "the second segment was begun");
    judge(&cutter);
}
