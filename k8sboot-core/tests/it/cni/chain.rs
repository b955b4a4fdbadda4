//! Chains of plugins that are small scripts: order, data, failures, limits, stored results.

use std::{
    cell::RefCell,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k8sboot_core::{
    cni::{Attachment, CacheEntry, CniArgs, CniResult, Json, NetworkList, ValidAttachment, Version},
    error::{Code, Problem},
    exec::{CancelToken, ChainError, Cni, CniEvent, CniRun, CniWatch},
    probe::cached_results,
};

use super::cache::Scratch;

/// Logs its call, keeps its input and does what is said in `$name.$command` beside it.
const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0"); name=$(basename "$0")
echo "$name $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS $CNI_ARGS" >> "$here/log"
cat > "$here/$name.$CNI_COMMAND.stdin"
if [ -e "$here/$name.$CNI_COMMAND" ]; then . "$here/$name.$CNI_COMMAND"; fi
if [ "$CNI_COMMAND" = ADD ]; then
  echo "{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.1.2.$(wc -l < "$here/log")/24\"}]}"
fi
"#;

struct Plugins {
    scratch: Scratch,
    list: NetworkList,
}

impl Plugins {
    fn new(name: &str, version: &str) -> Self {
        let scratch = Scratch::new(name);
        for plugin in ["first", "second", "third"] {
            executable(&scratch.0.join(plugin), SCRIPT);
        }
        let list = format!(
            r#"{{"cniVersion":"{version}","name":"mynet","plugins":[{{"type":"first"}},{{"type":"second","capabilities":{{"mac":true}}}},{{"type":"third"}}]}}"#
        );
        Self { scratch, list: NetworkList::parse(list.as_bytes()).unwrap() }
    }

    fn cni(&self) -> Cni {
        Cni::new(vec![self.scratch.0.join("none"), self.scratch.0.clone()])
            .cache(self.scratch.0.join("cache"))
            .timeout(Duration::from_secs(30))
    }

    fn does(&self, plugin: &str, command: &str, what: &str) {
        fs::write(self.scratch.0.join(format!("{plugin}.{command}")), what).unwrap();
    }

    /// What was called since the last time: program and command.
    fn log(&self) -> Vec<String> {
        let path = self.scratch.0.join("log");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _none = fs::remove_file(&path);
        text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    }

    fn stdin(&self, plugin: &str, command: &str) -> String {
        fs::read_to_string(self.scratch.0.join(format!("{plugin}.{command}.stdin"))).unwrap()
    }

    fn stored(&self) -> PathBuf {
        self.scratch.0.join("cache/results/mynet-3f2a-eth0")
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn attachment() -> Attachment {
    Attachment::new("3f2a", "eth0", "/run/netns/x")
        .unwrap()
        .args(CniArgs::parse("K8S_POD_NAME=web-0").unwrap())
        .capability("mac", Json::text("0a:58"))
}

fn run() -> CniRun<'static> {
    CniRun::default()
}

#[test]
fn a_whole_life() {
    let plugins = Plugins::new("life", "1.1.0");
    let (cni, list, attachment) = (plugins.cni(), &plugins.list, attachment());
    let result = cni.add(list, &attachment, &run()).unwrap();
    assert_eq!(result.ips[0].address.to_string(), "10.1.2.3/24");
    assert_eq!(plugins.log(), ["first ADD", "second ADD", "third ADD"]);
    assert!(!plugins.stdin("first", "ADD").contains("prevResult"));
    assert_eq!(
        plugins.stdin("second", "ADD"),
        r#"{"cniVersion":"1.1.0","name":"mynet","type":"second","runtimeConfig":{"mac":"0a:58"},"prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.1.2.1/24"}]}}"#
    );

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&plugins.stored()), mode(plugins.stored().parent().unwrap())), (0o600, 0o700));
    let seen = cached_results(&[plugins.scratch.0.join("cache")]).unwrap();
    let entry = &seen.results[0].entry;
    assert_eq!((entry.network.as_str(), entry.container.as_str()), ("mynet", "3f2a"));
    assert_eq!(entry.netns.as_deref(), Some("/run/netns/x"));
    assert_eq!(entry.result(), Ok(result));
    assert_eq!(NetworkList::parse(&entry.config).as_ref(), Ok(list));

    cni.check(list, &attachment, &run()).unwrap();
    assert_eq!(plugins.log(), ["first CHECK", "second CHECK", "third CHECK"]);
    assert!(plugins.stdin("first", "CHECK").contains("10.1.2.3/24"));
    cni.status(list, &run()).unwrap();
    assert_eq!(plugins.log(), ["first STATUS", "second STATUS", "third STATUS"]);
    cni.del(list, &attachment, &run()).unwrap();
    assert_eq!(plugins.log(), ["third DEL", "second DEL", "first DEL"]);
    assert!(plugins.stdin("third", "DEL").contains(r#""prevResult":{"cniVersion":"1.1.0""#));
    assert!(!plugins.stored().exists());
    cni.del(list, &attachment, &run()).unwrap();
    assert!(!plugins.stdin("third", "DEL").contains("prevResult"));
}

#[test]
fn del_goes_on_past_errors_and_reports_them_all() {
    let plugins = Plugins::new("del", "1.0.0");
    let (cni, list, attachment) = (plugins.cni(), &plugins.list, attachment());
    cni.add(list, &attachment, &run()).unwrap();
    plugins.log();
    plugins.does("third", "DEL", "echo '{\"code\":11,\"msg\":\"later\"}'; echo why >&2; exit 1\n");
    plugins.does("second", "DEL", "kill -9 $$\n");
    let error = cni.del(list, &attachment, &run()).unwrap_err();
    assert_eq!(plugins.log(), ["third DEL", "second DEL", "first DEL"]);
    let ChainError::Several { errors, .. } = &error else { panic!("{error}") };
    assert!(
        matches!(&errors[0], ChainError::Failed { error, stderr, .. } if error.code.0 == 11 && stderr.as_str() == "why")
    );
    assert!(matches!(&errors[1], ChainError::Killed { signal: 9, .. }), "{error}");
    assert!(plugins.stored().exists(), "the result stays for the next DEL");
    fs::remove_file(plugins.scratch.0.join("second.DEL")).unwrap();
    fs::remove_file(plugins.scratch.0.join("third.DEL")).unwrap();
    cni.del(list, &attachment, &run()).unwrap();
    assert!(!plugins.stored().exists());
}

#[test]
fn a_failed_add_leaves_the_cleaning_to_the_caller_or_does_it() {
    let plugins = Plugins::new("undo", "1.0.0");
    plugins.does("second", "ADD", "echo '{\"code\":999,\"msg\":\"no IP addresses available\"}'; exit 1\n");
    let error = plugins.cni().add(&plugins.list, &attachment(), &run()).unwrap_err();
    assert_eq!(error.code(), Code::CNI_PLUGIN_FAILED);
    assert!(
        error.to_string().contains("plugin second failed (ADD): no IP addresses available (code 999"),
        "{error}"
    );
    assert_eq!(plugins.log(), ["first ADD", "second ADD"]);

    let error = plugins.cni().undo_failed_add(true).add(&plugins.list, &attachment(), &run()).unwrap_err();
    assert_eq!(error.code(), Code::CNI_PLUGIN_FAILED, "{error}");
    assert_eq!(plugins.log(), ["first ADD", "second ADD", "third DEL", "second DEL", "first DEL"]);
    assert!(!plugins.stored().exists());
}

#[test]
fn what_is_no_result_is_told_with_what_was_said() {
    let plugins = Plugins::new("output", "1.0.0");
    for (script, code, want) in [
        ("echo oops >&2; exit 0\n", Code::CNI_PLUGIN_OUTPUT, "found nothing; on standard error: \"oops\""),
        ("echo hello; exit 0\n", Code::CNI_PLUGIN_OUTPUT, "found \"hello\""),
        ("echo '{} {}'; exit 0\n", Code::CNI_PLUGIN_OUTPUT, "found \"{} {}\""),
        ("echo '{\"cniVersion\":\"7\"}'; exit 0\n", Code::CNI_PLUGIN_OUTPUT, "succeeded: expected a result"),
        (
            "echo oops >&2; exit 3\n",
            Code::CNI_PLUGIN_UNEXPLAINED,
            "with exit status 3: expected an error object, found nothing; on standard error: \"oops\"",
        ),
        (
            "echo '{\"code\":1,\"msg\":\"a\"}{\"code\":2,\"msg\":\"b\"}'; exit 1\n",
            Code::CNI_PLUGIN_UNEXPLAINED,
            "found \"{",
        ),
        ("kill -SEGV $$\n", Code::CNI_PLUGIN_KILLED, "killed by signal 11"),
        ("head -c 3000000 /dev/zero; exit 0\n", Code::CNI_PLUGIN_TOO_MUCH, "at most 1048576 bytes"),
        ("head -c 3000000 /dev/zero >&2; exit 1\n", Code::CNI_PLUGIN_UNEXPLAINED, "found nothing"),
    ] {
        plugins.does("first", "ADD", script);
        let error = plugins.cni().add(&plugins.list, &attachment(), &run()).unwrap_err();
        assert_eq!(error.code(), code, "{script}: {error}");
        assert!(error.to_string().contains(want) && error.to_string().len() < 20_000, "{script}: {error}");
    }
}

/// Whether a process is there and no zombie.
fn lives(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_plugin_that_hangs_is_stopped_with_all_it_started() {
    let plugins = Plugins::new("hang", "1.0.0");
    let pid = plugins.scratch.0.join("pid");
    plugins.does(
        "first",
        "ADD",
        "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > \"'$here'/pid\"; while :; do sleep 1; done' & echo hm >&2; wait\n",
    );
    let started = Instant::now();
    let cni = plugins.cni().timeout(Duration::from_millis(400));
    let error = cni.add(&plugins.list, &attachment(), &run()).unwrap_err();
    assert_eq!(error.code(), Code::CNI_PLUGIN_TIMEOUT, "{error}");
    assert!(error.to_string().contains("on standard error: \"hm\"") && error.details().retryable, "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
    let child = fs::read_to_string(&pid).unwrap();
    let gone = Instant::now() + Duration::from_secs(10);
    while lives(child.trim()) {
        assert!(Instant::now() < gone, "the plugin's child {child} lives on");
        std::thread::sleep(Duration::from_millis(10));
    }

    // Cancelled from another thread; the next plugins of a DEL are not run then.
    plugins.log();
    plugins.does("third", "DEL", "sleep 100\n");
    let cancel = CancelToken::default();
    let error = std::thread::scope(|scope| {
        let other = cancel.clone();
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            other.trigger();
        });
        plugins.cni().del(&plugins.list, &attachment(), &run().cancel(cancel)).unwrap_err()
    });
    assert_eq!(error.code(), Code::CNI_CANCELLED);
    assert_eq!(plugins.log(), ["third DEL"]);
    // A deadline of the whole call.
    let run = run().deadline(Some(Instant::now() + Duration::from_millis(100)));
    assert_eq!(
        plugins.cni().del(&plugins.list, &attachment(), &run).unwrap_err().errors()[0].code(),
        Code::CNI_PLUGIN_TIMEOUT
    );
}

#[derive(Default)]
struct Watch {
    seen: RefCell<Vec<String>>,
    most: usize,
}

impl CniWatch for Watch {
    fn goes_on(&self) -> bool {
        self.seen.borrow().len() < self.most
    }

    fn event(&self, event: &CniEvent<'_>) {
        let (word, step) = match event {
            CniEvent::Started(step) => ("started", step),
            CniEvent::Done(step) => ("done", step),
            CniEvent::Failed(step, _) => ("failed", step),
            _ => panic!("{event:?}"),
        };
        self.seen
            .borrow_mut()
            .push(format!("{word} {} {} {}/{}", step.program, step.command, step.number, step.steps));
    }
}

#[test]
fn a_watcher_is_told_what_happens_and_may_stop_it() {
    let plugins = Plugins::new("watch", "1.1.0");
    plugins.does("second", "STATUS", "echo '{\"code\":50,\"msg\":\"full\"}'; exit 1\n");
    let watch = Watch { most: 99, ..Watch::default() };
    plugins.cni().status(&plugins.list, &run().watch(&watch)).unwrap_err();
    let want = [
        "started first STATUS 1/3",
        "done first STATUS 1/3",
        "started second STATUS 2/3",
        "failed second STATUS 2/3",
    ];
    assert_eq!(*watch.seen.borrow(), want);

    let watch = Watch { most: 2, ..Watch::default() };
    plugins.log();
    let error = plugins.cni().del(&plugins.list, &attachment(), &run().watch(&watch)).unwrap_err();
    assert_eq!((error.code(), plugins.log()), (Code::CNI_CANCELLED, vec!["third DEL".to_owned()]));
    // A stop does not keep a failed ADD from being undone.
    let watch = Watch { most: 3, ..Watch::default() };
    let cni = plugins.cni().undo_failed_add(true);
    let error = cni.add(&plugins.list, &attachment(), &run().watch(&watch)).unwrap_err();
    assert_eq!(error.code(), Code::CNI_CANCELLED, "{error}");
    assert_eq!(plugins.log().last().map(String::as_str), Some("first DEL"));
    // Collecting stops as a whole.
    for container in ["a", "b"] {
        cni.add(&plugins.list, &Attachment::new(container, "eth0", "/x").unwrap(), &run()).unwrap();
    }
    plugins.log();
    let watch = Watch { most: 2, ..Watch::default() };
    let error = cni.gc(&plugins.list, &[], &run().watch(&watch)).unwrap_err();
    assert_eq!((error.code(), plugins.log()), (Code::CNI_CANCELLED, vec!["third DEL".to_owned()]));
}

#[test]
fn what_a_plugin_leaves_running_is_not_waited_for() {
    let plugins = Plugins::new("daemon", "1.0.0");
    plugins.does("first", "ADD", "sleep 60 & echo $! > \"$here/pid\"\n");
    let started = Instant::now();
    plugins.cni().add(&plugins.list, &attachment(), &run()).unwrap();
    assert!(started.elapsed() < Duration::from_secs(40));
    let pid = fs::read_to_string(plugins.scratch.0.join("pid")).unwrap();
    assert!(lives(pid.trim()), "a daemon of a plugin that succeeded lives on");
    let killed = std::process::Command::new("kill").arg(pid.trim()).status().unwrap();
    assert!(killed.success());
}

#[test]
fn programs_are_looked_for_before_anything_is_run() {
    let plugins = Plugins::new("missing", "1.0.0");
    fs::set_permissions(plugins.scratch.0.join("third"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = plugins.cni().add(&plugins.list, &attachment(), &run()).unwrap_err();
    assert!(
        error.code() == Code::CNI_PLUGIN_MISSING && error.to_string().contains("third without that right"),
        "{error}"
    );
    fs::remove_file(plugins.scratch.0.join("third")).unwrap();
    let error = plugins.cni().add(&plugins.list, &attachment(), &run()).unwrap_err();
    assert!(
        error.to_string().contains("plugin third: expected a program in ")
            && error.to_string().contains("/none, "),
        "{error}"
    );
    assert!(plugins.log().is_empty());
    // DEL does what it can.
    let error = plugins.cni().del(&plugins.list, &attachment(), &run()).unwrap_err();
    assert_eq!(error.code(), Code::CNI_PLUGIN_MISSING);
    assert_eq!(plugins.log(), ["second DEL", "first DEL"]);
}

#[test]
fn a_program_that_is_being_replaced_is_waited_for() {
    let plugins = Plugins::new("busy", "1.0.0");
    // A script is never busy, its interpreter would be: a real program, open for writing.
    let sleep = plugins.scratch.0.join("first");
    fs::remove_file(&sleep).unwrap();
    fs::copy("/bin/true", &sleep).unwrap();
    let writer = fs::OpenOptions::new().append(true).open(&sleep).unwrap();
    let list = NetworkList::parse_conf(br#"{"cniVersion":"1.0.0","name":"mynet","type":"first"}"#).unwrap();
    let run_for = |ms| run().deadline(Some(Instant::now() + Duration::from_millis(ms)));
    let error = plugins.cni().del(&list, &attachment(), &run_for(300)).unwrap_err();
    assert_eq!(error.code(), Code::CNI_PLUGIN_TIMEOUT, "{error}");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            drop(writer);
        });
        plugins.cni().del(&list, &attachment(), &run_for(30_000)).unwrap();
    });
}

#[test]
fn gc_deletes_what_is_stored_and_not_valid_and_tells_the_plugins() {
    let plugins = Plugins::new("gc", "1.1.0");
    let cni = plugins.cni();
    let one = |container: &str| Attachment::new(container, "eth0", "/run/netns/x").unwrap();
    for container in ["a", "b", "c"] {
        cni.add(&plugins.list, &one(container), &run()).unwrap();
    }
    let other = plugins.scratch.0.join("cache/results/mynet2-d-eth0");
    fs::write(&other, r#"{"kind":"cniCacheV1","containerId":"d","ifName":"eth0","networkName":"mynet2"}"#)
        .unwrap();
    fs::write(plugins.scratch.0.join("cache/results/mynet-torn-eth0"), "{").unwrap();
    plugins.log();
    plugins.does("second", "GC", "exit 1\n");
    let valid = [ValidAttachment { container: "b".to_owned(), interface: "eth0".to_owned() }];
    let error = cni.gc(&plugins.list, &valid, &run()).unwrap_err();
    assert_eq!(error.code(), Code::CNI_PLUGIN_UNEXPLAINED);
    let del = ["third DEL", "second DEL", "first DEL"];
    assert_eq!(plugins.log(), [&del[..], &del, &["first GC", "second GC", "third GC"]].concat());
    assert!(
        plugins
            .stdin("third", "GC")
            .contains(r#""cni.dev/attachments":[{"containerID":"b","ifname":"eth0"}]"#)
    );
    let left = cached_results(&[plugins.scratch.0.join("cache")]).unwrap();
    let left: Vec<_> = left.results.iter().map(|one| one.entry.container.as_str()).collect();
    assert_eq!(left, ["b", "d"]);
}

#[test]
fn broken_stored_results_stop_check_and_not_del() {
    let plugins = Plugins::new("broken", "1.0.0");
    fs::create_dir_all(plugins.stored().parent().unwrap()).unwrap();
    fs::write(plugins.stored(), r#"{"kind":"cniCacheV1","#).unwrap();
    assert_eq!(plugins.cni().check(&plugins.list, &attachment(), &run()).unwrap_err().code(), Code::CNI_JSON);
    plugins.cni().del(&plugins.list, &attachment(), &run()).unwrap();
    assert!(!plugins.stored().exists());
    // The form of before 2020, in another version.
    fs::write(plugins.stored(), r#"{"cniVersion":"0.2.0","ip4":{"ip":"10.1.2.9/24"}}"#).unwrap();
    plugins.cni().check(&plugins.list, &attachment(), &run()).unwrap();
    assert!(
        plugins
            .stdin("first", "CHECK")
            .contains(r#""prevResult":{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.9/24"}]}"#)
    );
    assert_eq!(
        CacheEntry::parse(&fs::read(plugins.stored()).unwrap(), "").unwrap().result().unwrap().version,
        Version::V0_2_0
    );
}

#[test]
fn asks_for_versions_and_passes_the_code_of_status_on() {
    let plugins = Plugins::new("version", "1.1.0");
    plugins.does("first", "VERSION", "echo '{\"cniVersion\":\"0.4.0\",\"supportedVersions\":[\"0.4.0\"]}'\n");
    plugins.does(
        "second",
        "VERSION",
        "echo '{\"code\":4,\"msg\":\"unknown CNI_COMMAND: VERSION\"}'; exit 1\n",
    );
    let cni = plugins.cni();
    assert_eq!(cni.version("first", &run()).unwrap().versions(), ["0.4.0"]);
    assert_eq!(cni.version("second", &run()).unwrap().versions(), ["0.1.0"]);
    assert_eq!(cni.version("third", &run()).unwrap_err().code(), Code::CNI_PLUGIN_OUTPUT);
    plugins.does("second", "STATUS", "echo '{\"code\":50,\"msg\":\"full\"}'; exit 1\n");
    plugins.log();
    let error = cni.status(&plugins.list, &run()).unwrap_err();
    assert_eq!(error.error_object().map(|object| object.code.0), Some(50));
    assert!(error.details().retryable);
    assert_eq!(plugins.log(), ["first STATUS", "second STATUS"]);
}

#[test]
fn a_plugin_that_reads_nothing_harms_nobody() {
    let plugins = Plugins::new("unread", "1.0.0");
    let big =
        format!(r#"{{"cniVersion":"1.0.0","name":"mynet","type":"first","x":"{}"}}"#, "x".repeat(1_000_000));
    let list = NetworkList::parse_conf(big.as_bytes()).unwrap();
    executable(&plugins.scratch.0.join("first"), "#!/bin/sh\nexec 0<&-\necho '{\"cniVersion\":\"1.0.0\"}'\n");
    assert_eq!(plugins.cni().add(&list, &attachment(), &run()).unwrap(), CniResult::new(Version::V1_0_0));
}

#[test]
fn impossible_parameters_are_refused_before_anything_is_run() {
    let plugins = Plugins::new("parameters", "1.0.0");
    let long = Attachment::new(&"c".repeat(300), "eth0", "/x").unwrap();
    assert_eq!(plugins.cni().add(&plugins.list, &long, &run()).unwrap_err().code(), Code::CNI_PARAMETER);
    let gone = Attachment::new("3f2a", "eth0", "").unwrap();
    assert_eq!(plugins.cni().add(&plugins.list, &gone, &run()).unwrap_err().code(), Code::CNI_PARAMETER);
    let none = Cni::new(Vec::new()).cache(&plugins.scratch.0);
    assert_eq!(
        none.status(
            &NetworkList::parse(br#"{"cniVersion":"1.1.0","name":"n","plugins":[{"type":"a"}]}"#).unwrap(),
            &run()
        )
        .unwrap_err()
        .code(),
        Code::CNI_PARAMETER
    );
    assert!(plugins.log().is_empty());
}
