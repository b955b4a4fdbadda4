//! Runs the chain of plugins of a network.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    chain_error::{ChainError, Said},
    plugin::{Executables, outcome},
    process::Program,
    results::Results,
    watch::{CniEvent, CniRun, CniStep},
};
use crate::cni::{
    Applies, Attachment, CACHE_DIRS, CacheEntry, CacheForm, Call, CniArgs, CniError, CniResult, Command,
    Invocation, Json, Layout, NetworkList, Supported, ValidAttachment, ValidAttachments, cache_file_name,
};

/// Runs chains of plugins: where the programs are, where results are stored, and how long a plugin may take.
///
/// Calls block. A plugin gets its standard input from memory, never through a pipe, leads a process group of its own, and is
/// stopped with everything it started when time is over or a stop is asked for. The network namespace is only named in
/// `CNI_NETNS`: the calling thread never enters it.
///
/// # Examples
///
/// ```no_run
/// # use k8sboot_core::{cni::{Attachment, NetworkList}, exec::{Cni, CniRun}};
/// let list = NetworkList::parse(&std::fs::read("/etc/cni/net.d/10-mynet.conflist")?)?;
/// let attachment = Attachment::new("3f2a", "eth0", "/run/netns/x")?;
/// let cni = Cni::new(vec!["/opt/cni/bin".into()]);
/// let result = cni.add(&list, &attachment, &CniRun::default())?;
/// println!("{}", result.ips[0].address);
/// cni.del(&list, &attachment, &CniRun::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cni {
    executables: Executables,
    cache: PathBuf,
    limits: Limits,
    undo_failed_add: bool,
    environment: Option<Vec<(String, String)>>,
}

/// What one plugin may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) most_output: usize,
}

impl Cni {
    /// Programs in these directories, results below `/var/lib/cni`, four minutes for a plugin.
    #[must_use]
    pub fn new(directories: Vec<PathBuf>) -> Self {
        Self {
            executables: Executables::new(directories),
            cache: PathBuf::from(CACHE_DIRS[0]),
            limits: Limits { timeout: Duration::from_secs(240), most_output: 1024 * 1024 },
            undo_failed_add: false,
            environment: None,
        }
    }

    /// Sets the cache directory; results are stored in `results` below it. Default: `/var/lib/cni`.
    #[must_use]
    pub fn cache(mut self, directory: impl AsRef<Path>) -> Self {
        directory.as_ref().clone_into(&mut self.cache);
        self
    }

    /// Sets how long each plugin may take. Default: 240 seconds, kubelet's limit for a sandbox.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Sets whether an ADD that fails is followed by a DEL of the whole chain. Default: no, the caller does it.
    #[must_use]
    pub const fn undo_failed_add(mut self, undo: bool) -> Self {
        self.undo_failed_add = undo;
        self
    }

    /// Sets the environment of plugins, beside the variables of the protocol. Default: this process's own.
    #[must_use]
    pub fn environment(mut self, environment: Vec<(String, String)>) -> Self {
        self.environment = Some(environment);
        self
    }

    /// The directories with programs.
    #[must_use]
    pub const fn executables(&self) -> &Executables {
        &self.executables
    }

    /// ADD: runs the plugins in order, each with the result of the one before, and stores the last result.
    ///
    /// Every program is looked for before the first is run. Doing it twice is an error of the plugins: DEL comes between.
    ///
    /// # Errors
    ///
    /// [`ChainError`] of the first plugin that fails; what the ones before did stays, unless
    /// [`undo_failed_add`](Self::undo_failed_add) is set. An error of that DEL follows in [`ChainError::Several`].
    pub fn add(
        &self,
        list: &NetworkList,
        attachment: &Attachment,
        run: &CniRun<'_>,
    ) -> Result<CniResult, ChainError> {
        let name = cache_file_name(list.name(), &attachment.container, &attachment.interface)?;
        if attachment.netns.is_empty() {
            return Err(CniError::Parameter {
                parameter: "CNI_NETNS",
                expected: "the path of a network namespace",
                found: String::new(),
            }
            .into());
        }
        for plugin in list.plugins() {
            self.executables.find(plugin.kind())?;
        }
        let added = self.add_all(list, attachment, run).and_then(|result| {
            Results::below(&self.cache).write(&name, &entry(list, attachment, &result))?;
            Ok(result)
        });
        let Err(error) = added else { return added };
        if !self.undo_failed_add {
            return Err(error);
        }
        let mut errors = vec![error];
        // The stop that ended ADD must not end what undoes it.
        if let Err(error) = self.del(list, attachment, &CniRun::default()) {
            errors.push(error);
        }
        Err(ChainError::join(errors).err().unwrap_or(ChainError::Several { errors: Vec::new() }))
    }

    /// DEL: runs the plugins in reverse order, each with the stored result of ADD (from 0.4.0 on), and removes that.
    ///
    /// A plugin that fails does not keep the ones before it in the chain from being run, so that the IPAM plugin, which is
    /// mostly the first plugin's, always gets its DEL; the stored result stays then, for the next DEL. A stored result that
    /// cannot be used counts as none.
    ///
    /// # Errors
    ///
    /// [`ChainError`] of the plugin that failed, or [`ChainError::Several`].
    pub fn del(
        &self,
        list: &NetworkList,
        attachment: &Attachment,
        run: &CniRun<'_>,
    ) -> Result<(), ChainError> {
        let name = cache_file_name(list.name(), &attachment.container, &attachment.interface)?;
        let version = list.version()?;
        let results = Results::below(&self.cache);
        let stored = results.read(&name).ok().flatten().and_then(Result::ok);
        let previous = stored.and_then(|entry| entry.result().ok()?.converted(version).ok());
        let mut errors = Vec::new();
        for step in steps(&self.invocations(list, Call::Del(attachment), previous.as_ref())?) {
            if let Err(error) = self.run(step, run) {
                let stopped = error.is_stop();
                errors.push(error);
                if stopped {
                    break;
                }
            }
        }
        if errors.is_empty() {
            results.remove(&name)?;
        }
        ChainError::join(errors)
    }

    /// CHECK: runs the plugins in order, each with the stored result of ADD.
    ///
    /// # Errors
    ///
    /// [`ChainError`] of the first plugin that fails; [`CniError::Version`] below 0.4.0; what is wrong with a stored result
    /// that cannot be used.
    pub fn check(
        &self,
        list: &NetworkList,
        attachment: &Attachment,
        run: &CniRun<'_>,
    ) -> Result<(), ChainError> {
        let name = cache_file_name(list.name(), &attachment.container, &attachment.interface)?;
        if list.applies(Command::Check)? != Applies::Yes {
            return Ok(());
        }
        let stored = Results::below(&self.cache).read(&name)?.transpose()?;
        let previous = stored.map(|entry| entry.result()).transpose()?;
        for step in steps(&self.invocations(list, Call::Check(attachment), previous.as_ref())?) {
            self.run(step, run)?;
        }
        Ok(())
    }

    /// GC: DEL for each stored attachment of the network that is not valid, then, from 1.1.0 on, GC of each plugin.
    ///
    /// The list is definite: what is not in it is not valid. No ADD or DEL of the network may run meanwhile.
    ///
    /// # Errors
    ///
    /// Work goes on past an error; all of them are in the end in [`ChainError::Several`].
    pub fn gc(
        &self,
        list: &NetworkList,
        valid: &[ValidAttachment],
        run: &CniRun<'_>,
    ) -> Result<(), ChainError> {
        if list.disable_gc() {
            return Ok(());
        }
        let mut errors = Vec::new();
        for stored in Results::below(&self.cache).of_network(list.name())? {
            let is_this = |one: &ValidAttachment| {
                one.container == stored.container && one.interface == stored.interface
            };
            if valid.iter().any(is_this) {
                continue;
            }
            let deleted = stored_attachment(&stored)
                .map_err(ChainError::from)
                .and_then(|attachment| self.del(list, &attachment, run));
            if let Err(error) = deleted {
                let stopped = error.is_stop();
                errors.push(error);
                if stopped {
                    return ChainError::join(errors);
                }
            }
        }
        let valid = ValidAttachments::These(valid.to_vec());
        for step in steps(&self.invocations(list, Call::Gc(&valid), None)?) {
            if let Err(error) = self.run(step, run) {
                let stopped = error.is_stop();
                errors.push(error);
                if stopped {
                    break;
                }
            }
        }
        ChainError::join(errors)
    }

    /// STATUS: asks each plugin in order whether ADD could be served. Success below 1.1.0.
    ///
    /// # Errors
    ///
    /// [`ChainError`] of the first that says no; [`ChainError::error_object`] has its code.
    pub fn status(&self, list: &NetworkList, run: &CniRun<'_>) -> Result<(), ChainError> {
        for step in steps(&self.invocations(list, Call::Status, None)?) {
            self.run(step, run)?;
        }
        Ok(())
    }

    /// VERSION: asks a program which versions it takes. One that does not know the question takes 0.1.0.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn version(&self, program: &str, run: &CniRun<'_>) -> Result<Supported, ChainError> {
        let invocation = Invocation::version(program);
        match self.run((&invocation, 1, 1), run) {
            Ok((stdout, stderr)) => Supported::parse(&stdout).map_err(|source| ChainError::Output {
                program: program.to_owned(),
                command: Command::Version,
                stdout: Said::start_of(&stdout),
                stderr,
                source: Box::new(source),
            }),
            Err(ChainError::Failed { error, .. }) if error.msg == "unknown CNI_COMMAND: VERSION" => {
                Ok(Supported::only_first())
            }
            Err(error) => Err(error),
        }
    }

    fn add_all(
        &self,
        list: &NetworkList,
        attachment: &Attachment,
        run: &CniRun<'_>,
    ) -> Result<CniResult, ChainError> {
        let (path, version) = (self.executables.as_cni_path()?, list.version()?);
        let mut previous: Option<CniResult> = None;
        for (index, plugin) in list.order(Command::Add).enumerate() {
            let call = Call::Add(attachment);
            let Some(invocation) = list.invocation(plugin, call, previous.as_ref(), &path)? else { continue };
            let step = (&invocation, index + 1, list.plugins().len());
            let (stdout, stderr) = self.run(step, run)?;
            let result = CniResult::parse(&stdout, version).map_err(|source| ChainError::Output {
                program: invocation.program.clone(),
                command: Command::Add,
                stdout: Said::start_of(&stdout),
                stderr,
                source: Box::new(source),
            })?;
            previous = Some(result);
        }
        // A list has at least one plugin.
        let result = previous.unwrap_or_else(|| CniResult::new(version));
        Ok(result.converted(version)?)
    }

    fn invocations(
        &self,
        list: &NetworkList,
        call: Call<'_>,
        previous: Option<&CniResult>,
    ) -> Result<Vec<Invocation>, ChainError> {
        Ok(list.invocations(call, previous, &self.executables.as_cni_path()?)?)
    }

    fn run(&self, step: Step<'_>, run: &CniRun<'_>) -> Result<(Vec<u8>, Said), ChainError> {
        let (invocation, number, steps) = step;
        let (program, command) = (invocation.program.as_str(), invocation.command);
        let step = CniStep { program, command, number, steps };
        run.tell(&CniEvent::Started(step));
        let ran = self.run_program(invocation, run);
        match &ran {
            Ok(_) => run.tell(&CniEvent::Done(step)),
            Err(error) => run.tell(&CniEvent::Failed(step, error)),
        }
        ran
    }

    fn run_program(&self, invocation: &Invocation, run: &CniRun<'_>) -> Result<(Vec<u8>, Said), ChainError> {
        if run.must_stop() {
            let program = invocation.program.clone();
            return Err(ChainError::Cancelled { program, command: invocation.command });
        }
        let path = self.executables.find(&invocation.program)?;
        let started = Instant::now();
        let own = started.checked_add(self.limits.timeout);
        let program = Program {
            path: &path,
            environment: &invocation.environment,
            base: self.environment.as_deref(),
            stdin: &invocation.stdin,
            most_output: self.limits.most_output,
            deadline: own.into_iter().chain(run.deadline).min(),
            run,
        };
        let ran = program.run().map_err(|hindrance| ChainError::Start {
            op: hindrance.op,
            path,
            source: hindrance.source,
        })?;
        let limits = Limits { timeout: started.elapsed(), ..self.limits };
        outcome(ran, &invocation.program, invocation.command, limits)
    }
}

/// A call with its number, from 1, and how many there are.
type Step<'a> = (&'a Invocation, usize, usize);

fn steps(invocations: &[Invocation]) -> impl Iterator<Item = Step<'_>> {
    let count = invocations.len();
    invocations.iter().enumerate().map(move |(index, one)| (one, index + 1, count))
}

fn entry(list: &NetworkList, attachment: &Attachment, result: &CniResult) -> CacheEntry {
    let capability_args = match attachment.capability_args.as_slice() {
        [] => None,
        members => Some(Json::Object(members.to_vec())),
    };
    CacheEntry {
        form: CacheForm::V1,
        network: list.name().to_owned(),
        container: attachment.container.clone(),
        interface: attachment.interface.clone(),
        netns: Some(attachment.netns.clone()),
        args: attachment.args.pairs().to_vec(),
        capability_args,
        config: list.render(Layout::Compact).into_bytes(),
        result: Some(result.to_json()),
    }
}

/// The attachment that a stored result tells of.
fn stored_attachment(stored: &CacheEntry) -> Result<Attachment, CniError> {
    let netns = stored.netns.as_deref().unwrap_or_default();
    let args: CniArgs = stored.cni_args();
    let mut attachment = Attachment::new(&stored.container, &stored.interface, netns)?.args(args);
    if let Some(Json::Object(members)) = &stored.capability_args {
        attachment.capability_args = members.clone();
    }
    Ok(attachment)
}
