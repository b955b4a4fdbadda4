//! A recorded conversation: what was there, what was called, what came back, what was left.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;
use serde_json::{Deserializer, Value};

use crate::scratch::Scratch;

/// One case.
#[derive(Debug, Deserialize)]
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) class: Class,
    #[serde(default)]
    setup: Option<Setup>,
    pub(crate) steps: Vec<Step>,
}

/// Whether host-local is to be followed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// A drop-in must do the same.
    Contract,
    /// A drop-in may do better.
    Quirk,
    /// A drop-in should do better.
    Bug,
}

#[derive(Debug, Default, Deserialize)]
struct Setup {
    #[serde(default)]
    files: BTreeMap<String, File>,
    #[serde(default)]
    dirs: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum File {
    Text(String),
    WithMode { text: String, mode: String },
}

/// One call.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    env: BTreeMap<String, String>,
    stdin: Value,
    exit_code: i32,
    stdout: Vec<Value>,
    stdout_raw: Option<String>,
    stderr_raw: Option<String>,
    #[serde(default)]
    stderr_contains: Contains,
    #[serde(default, rename = "match")]
    how: Match,
    state: BTreeMap<String, Option<String>>,
    modes: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Contains {
    #[default]
    Nothing,
    One(String),
    All(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
struct Match {
    #[serde(default)]
    error: HowError,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum HowError {
    #[default]
    Exact,
    Code,
}

/// What is better than host-local, written down beside a case that records a defect of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Better {
    /// In words.
    pub(crate) why: String,
    /// For each step what differs from the recording.
    steps: Vec<Different>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Different {
    exit_code: Option<i32>,
    stdout: Option<Vec<Value>>,
    state: Option<BTreeMap<String, Option<String>>>,
    modes: Option<BTreeMap<String, String>>,
}

impl Conversation {
    pub(crate) fn read(path: &Path) -> Self {
        read(path)
    }

    /// Puts what is better in place of what was recorded.
    pub(crate) fn improved(mut self, better: Better) -> Self {
        assert_eq!(self.steps.len(), better.steps.len(), "{}: steps of the better behaviour", self.id);
        for (step, different) in self.steps.iter_mut().zip(better.steps) {
            if let Some(stdout) = different.stdout {
                step.stdout = stdout;
                step.stdout_raw = None;
            }
            step.exit_code = different.exit_code.unwrap_or(step.exit_code);
            if let Some(state) = different.state {
                step.state = state;
            }
            if let Some(modes) = different.modes {
                step.modes = modes;
            }
        }
        self
    }

    /// Holds it with the binary; everything that differs.
    pub(crate) fn differences(&self, binary: &Path) -> Vec<String> {
        let scratch = Scratch::new(&self.id);
        for directory in self.setup.iter().flat_map(|setup| &setup.dirs) {
            scratch.directory(directory);
        }
        for (path, file) in self.setup.iter().flat_map(|setup| &setup.files) {
            let (text, mode) = match file {
                File::Text(text) => (text, 0o600),
                File::WithMode { text, mode } => (text, u32::from_str_radix(mode, 8).unwrap()),
            };
            scratch.write(path, scratch.placed_text(text), mode);
        }
        let mut differences = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            let found = step.differences(binary, &scratch);
            differences.extend(found.into_iter().map(|what| format!("{} step {number}: {what}", self.id)));
        }
        differences
    }
}

impl Better {
    pub(crate) fn read(path: &Path) -> Self {
        read(path)
    }
}

impl Step {
    fn differences(&self, binary: &Path, scratch: &Scratch) -> Vec<String> {
        let stdin = match &self.stdin {
            Value::String(text) => scratch.placed_text(text),
            value => scratch.placed(value).to_string(),
        };
        let env = self.env.iter().map(|(name, value)| (name.clone(), scratch.placed_text(value)));
        let ran = call(binary, env, stdin.as_bytes());
        let mut wrong = Vec::new();
        let mut check = |what: &str, expected: String, found: String| {
            if expected != found {
                wrong.push(format!("{what}: expected {expected}, found {found}"));
            }
        };
        check("exit status", self.exit_code.to_string(), ran.code.to_string());
        let expected: Vec<Value> = self.stdout.iter().map(|value| scratch.placed(value)).collect();
        let plain = |values: &[Value]| {
            values.iter().map(|value| self.comparable(value).to_string()).collect::<Vec<_>>().join(" ")
        };
        check("standard output", plain(&expected), plain(&ran.documents()));
        if let (0, Some(raw)) = (self.exit_code, &self.stdout_raw) {
            check(
                "bytes of standard output",
                format!("{:?}", scratch.placed_text(raw)),
                format!("{:?}", ran.out),
            );
        }
        if let Some(raw) = &self.stderr_raw {
            check("standard error", scratch.placed_text(raw), ran.err.clone());
        }
        for part in self.stderr_contains.parts() {
            check(&format!("standard error has {part:?}"), "true".into(), ran.err.contains(part).to_string());
        }
        let found = scratch.state();
        let expected: BTreeMap<_, _> = self
            .state
            .iter()
            .map(|(path, text)| (path, text.as_ref().map(|t| scratch.placed_text(t))))
            .collect();
        check(
            "state",
            format!("{expected:?}"),
            format!("{:?}", found.iter().map(|(p, (t, _))| (p, t)).collect::<BTreeMap<_, _>>()),
        );
        let modes: BTreeMap<_, _> =
            found.iter().map(|(path, (_, mode))| (path, format!("{mode:04o}"))).collect();
        check("modes", format!("{:?}", self.modes), format!("{modes:?}"));
        wrong
    }

    /// A document without what is not compared: `cniVersion` of errors, an empty `dns`, wording where it is free.
    fn comparable(&self, value: &Value) -> Value {
        let mut value = value.clone();
        let Some(object) = value.as_object_mut() else { return value };
        if object.get("dns").is_some_and(|dns| dns.as_object().is_some_and(serde_json::Map::is_empty)) {
            object.remove("dns");
        }
        if object.contains_key("code") {
            object.remove("cniVersion");
            if self.how.error == HowError::Code {
                object.remove("details");
                let said = object.get("msg").and_then(Value::as_str).is_some_and(|msg| !msg.is_empty());
                object.insert("msg".into(), said.into());
            }
        }
        sorted(&value)
    }
}

impl Contains {
    fn parts(&self) -> &[String] {
        match self {
            Self::Nothing => &[],
            Self::One(part) => std::slice::from_ref(part),
            Self::All(parts) => parts,
        }
    }
}

/// What a call gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The JSON documents on standard output.
    pub(crate) fn documents(&self) -> Vec<Value> {
        let read = Deserializer::from_str(&self.out).into_iter::<Value>();
        read.map(|value| value.unwrap_or_else(|error| Value::String(format!("{error}: {}", self.out))))
            .collect()
    }

    /// The only document on standard output.
    pub(crate) fn document(&self) -> Value {
        let mut documents = self.documents();
        assert_eq!(documents.len(), 1, "{self:?}");
        documents.remove(0)
    }

    /// The code of the error, and its text.
    pub(crate) fn error(&self) -> (u64, String) {
        let object = self.document();
        assert_eq!(self.code, 1, "{self:?}");
        (object["code"].as_u64().unwrap(), object["msg"].as_str().unwrap().to_owned())
    }

    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// Runs the binary once, with exactly this environment and umask 022.
pub(crate) fn call(binary: &Path, env: impl IntoIterator<Item = (String, String)>, stdin: &[u8]) -> Ran {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "umask 022; exec \"$0\""])
        .arg(binary)
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A plugin that fails early need not read it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ran =
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

/// The binary of this build.
pub(crate) fn plugin() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_k8sboot-ipam"))
}

/// The folder of recorded conversations and directories.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("k8sboot-core/tests/fixtures/cni")
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Objects with their keys in order.
fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    value.sort_all_objects();
    value
}
