//! Group commit: many callers queue, one of them writes and flushes for all.

use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    crc::Crc,
    file::JournalFile,
    format::{Entry, HEADER, Header, LONGEST, fitting, push, seal},
    salt,
};
use crate::{error::chain, store::StoreError};

/// Room that is kept at the end of a segment for the word that the other one is checkpointed.
const RESERVE: usize = 64;

/// An open journal, for many threads.
pub(crate) struct Journal {
    file: JournalFile,
    state: Mutex<State>,
    /// Those whose entries are being written wait at one, those who come after at the other; so that nobody is woken
    /// in vain.
    written: [Condvar; 2],
    /// Whoever leads has it; nobody else waits for it.
    writer: Mutex<Writer>,
}

/// A place in the queue: everything queued until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "an entry is on the disk only after a wait"]
pub(crate) struct Ticket(u64);

struct State {
    queue: Vec<u8>,
    /// The memory of the queue before.
    spare: Vec<u8>,
    /// Bytes queued and bytes on the disk, ever.
    queued: u64,
    durable: u64,
    leading: bool,
    /// The ticket up to which the batch goes that was taken last, and where its callers wait.
    flight: u64,
    turn: bool,
    failed: Option<String>,
    /// The generation that is full and not known to be in the directory on the disk.
    waiting: Option<u64>,
    /// The same, until a caller has taken the duty to flush it.
    duty: Option<u64>,
}

/// Where writing goes on.
pub(super) struct Writer {
    at: usize,
    header: Header,
    /// Whether the header is in the file.
    begun: bool,
    seed: Crc,
    offset: usize,
    synced: usize,
    /// What is between `synced` and `offset` after the end of another process.
    tail: Vec<u8>,
}

impl Journal {
    pub(super) fn new(file: JournalFile, writer: Writer, waiting: Option<u64>) -> Self {
        let state = State {
            queue: Vec::new(),
            spare: Vec::new(),
            queued: 0,
            durable: 0,
            leading: false,
            flight: 0,
            turn: false,
            failed: None,
            waiting,
            duty: waiting,
        };
        Self {
            file,
            state: Mutex::new(state),
            written: [Condvar::new(), Condvar::new()],
            writer: Mutex::new(writer),
        }
    }

    /// Whether operations can be promised, and this one's record fits: asked before anything is changed.
    ///
    /// # Errors
    ///
    /// [`StoreError::JournalFailed`], [`StoreError::TooLong`].
    pub(crate) fn check(&self, record: usize) -> Result<(), StoreError> {
        if record > LONGEST {
            return Err(StoreError::TooLong { longest: LONGEST, found: record });
        }
        match &self.state().failed {
            Some(why) => Err(self.failed(why)),
            None => Ok(()),
        }
    }

    /// Queues an entry. Called under the lock of the store, so that the entries of an address are in order.
    pub(crate) fn append(&self, entry: &Entry<'_>) -> Ticket {
        let mut state = self.state();
        if state.failed.is_some() {
            return Ticket(u64::MAX);
        }
        let before = state.queue.len();
        push(&mut state.queue, entry);
        let added = state.queue.len() - before;
        state.queued = state.queued.saturating_add(wide(added));
        Ticket(state.queued)
    }

    /// The ticket of everything queued until now.
    pub(crate) fn queued(&self) -> Ticket {
        let state = self.state();
        // Whoever failed before is told so, whatever he did.
        Ticket(if state.failed.is_some() { u64::MAX } else { state.queued })
    }

    /// Waits until everything up to a ticket is on the disk. Called without the lock of the store.
    ///
    /// One caller in some ten thousand has the duty of the checkpoint after it, which takes a flush of the file system.
    ///
    /// # Errors
    ///
    /// [`StoreError::JournalFailed`] if it cannot be told whether it is on the disk.
    pub(crate) fn wait(&self, ticket: Ticket) -> Result<(), StoreError> {
        self.commit(ticket)?;
        let duty = self.state().duty.take();
        if let Some(generation) = duty {
            self.checkpoint(generation);
        }
        Ok(())
    }

    fn commit(&self, ticket: Ticket) -> Result<(), StoreError> {
        let mut state = self.state();
        while state.durable < ticket.0 {
            if let Some(why) = &state.failed {
                return Err(self.failed(why));
            }
            state = if state.leading {
                let turn = state.turn == (ticket.0 <= state.flight);
                self.waiting(turn).wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.lead(state)
            };
        }
        Ok(())
    }

    /// Writes what is queued, for everybody.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.leading = true;
        (state.turn, state.flight) = (!state.turn, state.queued);
        let spare = mem::take(&mut state.spare);
        let mut batch = mem::replace(&mut state.queue, spare);
        drop(state);
        let written = self.write(&mut batch);
        let mut state = self.state();
        state.leading = false;
        match written {
            Ok(bytes) => {
                state.durable = state.durable.saturating_add(wide(bytes));
                if bytes < batch.len() {
                    batch.drain(..bytes);
                    batch.append(&mut state.queue);
                    mem::swap(&mut state.queue, &mut batch);
                }
                batch.clear();
                state.spare = batch;
            }
            Err(error) => self.fail(&mut state, &error),
        }
        self.waiting(state.turn).notify_all();
        self.waiting(!state.turn).notify_one();
        state
    }

    /// Writes as much of a batch as fits a segment.
    fn write(&self, batch: &mut [u8]) -> Result<usize, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fits = fitting(batch, writer.room());
        if fits == 0 {
            self.switch(&mut writer)?;
            fits = fitting(batch, writer.room());
        }
        writer.put(&self.file, batch.get_mut(..fits).unwrap_or_default())?;
        Ok(fits)
    }

    /// Begins a generation in the other segment.
    fn switch(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let waiting = self.state().waiting;
        if let Some(generation) = waiting {
            // Both are full before the first was flushed: nobody can go on until it is.
            self.file.sync_all()?;
            let mut word = Vec::new();
            push(&mut word, &Entry::Checkpoint { generation });
            writer.put(&self.file, &mut word)?;
        }
        if !writer.tail.is_empty() {
            writer.put(&self.file, &mut [])?;
        }
        let full = writer.turn();
        let mut state = self.state();
        (state.waiting, state.duty) = (Some(full), Some(full));
        Ok(())
    }

    /// Makes the directory durable, so that a full segment may be written again. The operations of its entries were done
    /// before these were queued.
    fn checkpoint(&self, generation: u64) {
        match self.file.sync_all() {
            Ok(()) => {
                let word = self.append(&Entry::Checkpoint { generation });
                if self.commit(word).is_ok() {
                    let mut state = self.state();
                    if state.waiting == Some(generation) {
                        state.waiting = None;
                    }
                }
            }
            Err(error) => {
                let mut state = self.state();
                self.fail(&mut state, &error);
            }
        }
    }

    fn waiting(&self, turn: bool) -> &Condvar {
        let [one, other] = &self.written;
        if turn { one } else { other }
    }

    fn fail(&self, state: &mut State, error: &StoreError) {
        state.failed = Some(chain(error));
        self.written.iter().for_each(Condvar::notify_all);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, why: &str) -> StoreError {
        StoreError::JournalFailed { path: self.file.path(), why: why.to_owned() }
    }
}

impl Writer {
    /// A segment whose header is in the file, or will be before anything is written.
    pub(super) fn begun(at: usize, header: Header, offset: usize) -> Self {
        let seed = header.seed();
        Self { at, header, begun: true, seed, offset, synced: offset, tail: Vec::new() }
    }

    /// A segment that another process of this boot wrote to.
    pub(super) fn resumed(at: usize, header: Header, synced: usize) -> Self {
        Self::begun(at, header, synced)
    }

    /// Writes what is in the file up to `end` once more, with the first batch.
    pub(super) fn again(&mut self, file: &[u8], end: usize) {
        let base = self.base();
        self.tail = file.get(base + self.synced..base + end).unwrap_or_default().to_vec();
        self.offset = self.synced + self.tail.len();
    }

    pub(super) const fn header(&self) -> &Header {
        &self.header
    }

    /// Where the segment begins in the file.
    pub(super) fn base(&self) -> usize {
        self.at * self.size()
    }

    fn size(&self) -> usize {
        usize::try_from(self.header.segment).unwrap_or_default()
    }

    fn room(&self) -> usize {
        self.size().saturating_sub(self.offset + RESERVE)
    }

    /// Writes records and waits until they are on the disk.
    fn put(&mut self, file: &JournalFile, records: &mut [u8]) -> Result<(), StoreError> {
        seal(records, self.seed, self.offset, self.synced);
        if !self.begun {
            let mut bytes = self.header.encode();
            bytes.extend_from_slice(records);
            file.write(&bytes, self.base())?;
        } else if self.tail.is_empty() {
            file.write(records, self.base() + self.offset)?;
        } else {
            let mut bytes = mem::take(&mut self.tail);
            bytes.extend_from_slice(records);
            file.write(&bytes, self.base() + self.synced)?;
        }
        self.begun = true;
        self.offset += records.len();
        self.synced = self.offset;
        Ok(())
    }

    /// Turns to the other segment, whose header is written with its first batch; the generation that is full.
    fn turn(&mut self) -> u64 {
        let full = self.header.generation;
        let header = Header {
            generation: full + 1,
            salt: salt(),
            before: u32::try_from(self.offset).unwrap_or_default(),
            ..self.header.clone()
        };
        *self = Self { begun: false, ..Self::begun(1 - self.at, header, HEADER) };
        full
    }
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
