//! One run of a program: input from a memory file, output with a limit, an end in time.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Seek, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, OFlags, fcntl_getfl, fcntl_setfl, memfd_create},
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};

use super::watch::CniRun;

/// How often a wait looks at the clock and asks whether to go on.
const TICK: Duration = Duration::from_millis(20);

/// How long a program that is asked to end may take before it is killed.
const GRACE: Duration = Duration::from_millis(500);

/// How often and how long to wait if a program is just being replaced: five times a second, as the reference library.
const BUSY_RETRIES: u32 = 5;
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// What to run.
pub(super) struct Program<'a> {
    pub(super) path: &'a Path,
    pub(super) environment: &'a [(&'static str, String)],
    /// `None` inherits this process's environment.
    pub(super) base: Option<&'a [(String, String)]>,
    pub(super) stdin: &'a [u8],
    pub(super) most_output: usize,
    pub(super) deadline: Option<Instant>,
    pub(super) run: &'a CniRun<'a>,
}

/// What came of it.
pub(super) struct Ran {
    pub(super) end: End,
    pub(super) stdout: Vec<u8>,
    /// The last bytes of standard error.
    pub(super) stderr: Vec<u8>,
}

pub(super) enum End {
    Exited(ExitStatus),
    TooMuch,
    Timeout,
    Cancelled,
}

/// What failed around a run.
pub(super) struct Hindrance {
    pub(super) op: &'static str,
    pub(super) source: io::Error,
}

fn at(op: &'static str) -> impl FnOnce(io::Error) -> Hindrance {
    move |source| Hindrance { op, source }
}

impl Program<'_> {
    /// Runs it to its end. It leads a process group of its own, and if it has to be stopped the whole group is.
    pub(super) fn run(&self) -> Result<Ran, Hindrance> {
        let mut running = match self.start()? {
            Some(child) => Running::new(child)?,
            None => return Ok(self.not_started()),
        };
        let end = loop {
            running.read(self.most_output).map_err(at("read the output of"))?;
            if running.stdout.bytes.len() > self.most_output {
                break End::TooMuch;
            }
            if let Some(status) = running.child.try_wait().map_err(at("wait for"))? {
                // What it printed before it ended is there by now; what its own children print later is not waited for.
                running.read(self.most_output).map_err(at("read the output of"))?;
                break if running.stdout.bytes.len() > self.most_output {
                    End::TooMuch
                } else {
                    End::Exited(status)
                };
            }
            if self.run.must_stop() {
                break End::Cancelled;
            }
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break End::Timeout;
            }
            running.wait(TICK).map_err(at("wait for"))?;
        };
        if !matches!(end, End::Exited(_)) {
            running.stop();
            let _unread = running.read(self.most_output);
        }
        Ok(Ran { end, stdout: running.stdout.bytes, stderr: running.stderr.bytes })
    }

    /// Starts it; `None` if it has to end before it began.
    fn start(&self) -> Result<Option<Child>, Hindrance> {
        let mut retries = 0;
        loop {
            let stdin = self.stdin_file().map_err(at("make the standard input of"))?;
            let mut command = Command::new(self.path);
            if let Some(base) = self.base {
                command.env_clear().envs(base.iter().map(|(name, value)| (name, value)));
            }
            command.envs(self.environment.iter().map(|(name, value)| (name, value)));
            command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
            match command.spawn() {
                Ok(child) => return Ok(Some(child)),
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && retries < BUSY_RETRIES => {
                    retries += 1;
                    let until = Instant::now() + BUSY_WAIT;
                    while Instant::now() < until {
                        if self.must_stop() {
                            return Ok(None);
                        }
                        std::thread::sleep(TICK);
                    }
                }
                Err(source) => return Err(Hindrance { op: "start", source }),
            }
        }
    }

    /// A file in memory: a pipe would kill a host that does not ignore SIGPIPE if the program does not read.
    fn stdin_file(&self) -> io::Result<Stdio> {
        let fd: OwnedFd = memfd_create("cni-stdin", MemfdFlags::CLOEXEC)?;
        let mut file = File::from(fd);
        file.write_all(self.stdin)?;
        file.rewind()?;
        Ok(file.into())
    }

    fn must_stop(&self) -> bool {
        self.run.must_stop() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn not_started(&self) -> Ran {
        let end = if self.run.must_stop() { End::Cancelled } else { End::Timeout };
        Ran { end, stdout: Vec::new(), stderr: Vec::new() }
    }
}

struct Running {
    child: Child,
    /// Becomes readable when the program ends; kernels before 5.3 have none.
    ended: Option<OwnedFd>,
    stdout: Stream,
    stderr: Stream,
}

struct Stream {
    fd: Option<File>,
    bytes: Vec<u8>,
}

impl Running {
    fn new(mut child: Child) -> Result<Self, Hindrance> {
        let stdout = Stream::new(child.stdout.take().map(OwnedFd::from));
        let stderr = Stream::new(child.stderr.take().map(OwnedFd::from));
        let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).ok();
        let mut running = Self { child, ended, stdout: Stream::none(), stderr: Stream::none() };
        match (stdout, stderr) {
            (Ok(stdout), Ok(stderr)) => {
                (running.stdout, running.stderr) = (stdout, stderr);
                Ok(running)
            }
            (Err(source), _) | (_, Err(source)) => {
                running.stop();
                Err(Hindrance { op: "read the output of", source })
            }
        }
    }

    fn read(&mut self, most: usize) -> io::Result<()> {
        self.stdout.read(most.saturating_add(1))?;
        self.stderr.read(usize::MAX)?;
        // Of standard error the end tells most.
        let surplus = self.stderr.bytes.len().saturating_sub(most);
        self.stderr.bytes.drain(..surplus);
        Ok(())
    }

    fn wait(&self, at_most: Duration) -> io::Result<()> {
        let at_most = if self.ended.is_some() { at_most } else { Duration::from_millis(1) };
        let streams = [&self.stdout, &self.stderr];
        let mut fds: Vec<PollFd<'_>> = streams
            .iter()
            .filter_map(|stream| stream.fd.as_ref())
            .map(|file| PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN))
            .chain(self.ended.as_ref().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)))
            .collect();
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(at_most.subsec_nanos()) };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Ends the whole process group: first asks, then kills. The leader is not reaped before, so its number is not reused.
    fn stop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _gone = kill_process_group(group, Signal::TERM);
        let until = Instant::now() + GRACE;
        while Instant::now() < until && !self.has_ended() {
            let _ignored = self.wait(TICK);
            // A full pipe must not keep it from ending; what it still says on standard output is not wanted.
            let wanted = self.stdout.bytes.len();
            let _ignored = self.read(usize::MAX - 1);
            self.stdout.bytes.truncate(wanted);
        }
        let _gone = kill_process_group(group, Signal::KILL);
        let _status = self.child.wait();
    }

    /// Whether it is waiting to be reaped.
    fn has_ended(&self) -> bool {
        let Some(fd) = &self.ended else { return false };
        let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

impl Stream {
    const fn none() -> Self {
        Self { fd: None, bytes: Vec::new() }
    }

    fn new(fd: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(fd) = &fd {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { fd: fd.map(File::from), bytes: Vec::new() })
    }

    /// Takes what is there, until there are `most` bytes.
    fn read(&mut self, most: usize) -> io::Result<()> {
        let mut chunk = [0_u8; 8192];
        // One turn takes at most 1 MiB, so that a stream without end does not keep the clock from being looked at.
        for _ in 0..128 {
            let Some(file) = self.fd.as_mut().filter(|_| self.bytes.len() < most) else { return Ok(()) };
            match file.read(&mut chunk) {
                Ok(0) => self.fd = None,
                Ok(count) => self.bytes.extend(chunk.iter().take(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
