//! CNI as data: configurations, results, and which configuration of a directory wins.

use std::ffi::c_char;

use k8sboot_core::cni::{Applies, CniResult, Command, Json, Layout, NetworkList, Version};
use serde_json::{Value, json};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::out,
    text::{k8sboot_buf_t, optional_text, plain, text, texts},
};

/// Checks a CNI configuration and writes what it says to `out`, as JSON: `schemaVersion` (1), `name`, `cniVersion` (that
/// of every call), `disableCheck`, `disableGC`, `loadOnlyInlinedPlugins`, `plugins` (each `type`, `name`, `ipam`,
/// `capabilities`), `programs` (the names of all programs it needs), `commands` (whether each runs anything) and `list`,
/// the configuration as a list, unknown members kept in order.
///
/// `kind` is `conflist` for a list of plugins, or `conf` for a single plugin. Wrong input is `K8SBOOT_E_CNI_JSON` with line
/// and column, or `K8SBOOT_E_CNI_FIELD` with the path of the field in the details.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cni_check(
    config: *const c_char,
    kind: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let list = network(text(config, "config")?, text(kind, "kind")?)?;
            *out = plain(described(&list)?.to_string());
            Ok(())
        })
    }
}

/// Converts the result of an ADD to another version and writes it to `out`, indented by four blanks as plugins print it.
///
/// `version` is one of `0.1.0`, `0.2.0`, `0.3.0`, `0.3.1`, `0.4.0`, `1.0.0` and `1.1.0`. `configured` is the version of a
/// result that has no `cniVersion`, that is the configuration's; NULL means `0.1.0`. What a version cannot tell is left
/// out; no address at all is `K8SBOOT_E_CNI_CONVERT` below 0.3.0.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cni_convert(
    result: *const c_char,
    configured: *const c_char,
    version: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let result = text(result, "result")?;
            let configured = Version::parse(optional_text(configured, "configured")?.unwrap_or_default())?;
            let version = Version::parse(text(version, "version")?)?;
            let result = CniResult::parse(result.as_bytes(), configured)?;
            *out = plain(result.converted(version)?.render(Layout::Indented));
            Ok(())
        })
    }
}

/// Reads a directory of CNI configurations, usually `/etc/cni/net.d`, and writes to `out` which of them wins and why, as
/// JSON: `directory`, `chosen` (a file name or null), `files` (each `file`, `verdict` (`chosen`, `later`, `broken` or
/// `ignored`), `why`, `network`, `cniVersion`, `plugins`, `missing`), `readers` (what containerd, CRI-O and a look-up by
/// name take, each with `file` and `why`), `programs` (each `program`, `path`, `problem`) and `notes`. Changes nothing.
///
/// `plugin_path` are the directories with programs of plugins, usually `/opt/cni/bin` alone.
///
/// # Safety
///
/// `directory` is NULL or NUL-terminated; `plugin_path` has `plugin_path_len` texts; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cni_choose(
    directory: *const c_char,
    plugin_path: *const *const c_char,
    plugin_path_len: usize,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let directory = text(directory, "directory")?;
            let plugin_path = texts(plugin_path, plugin_path_len, "plugin_path")?;
            needs!("node", {
                let configurations = k8sboot_core::probe::conf_directory(directory)?;
                let plugins = k8sboot_core::probe::plugin_directories(&plugin_path)?;
                let choice = k8sboot_core::cni::choose(&configurations, &plugins);
                *out = plain(json!(choice).to_string());
                Ok(())
            })
        })
    }
}

/// Lists the results of ADD that CNI runtimes have stored below `cache_dirs`, usually `/var/lib/cni` and
/// `/var/lib/cni/cache`, and writes them to `out` as JSON: `schemaVersion` (1), `results` (each `path`, `form` (`v1` or
/// `bare`), `network`, `containerId`, `ifName`, `netns`, `addresses`; empty where the old form does not tell) and `broken`
/// (each `path` and `problem`). A directory that is not there holds nothing.
///
/// # Safety
///
/// `cache_dirs` has `cache_dirs_len` texts; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cni_cached(
    cache_dirs: *const *const c_char,
    cache_dirs_len: usize,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let cache_dirs = texts(cache_dirs, cache_dirs_len, "cache_dirs")?;
            needs!("node", {
                *out = plain(cached(&k8sboot_core::probe::cached_results(&cache_dirs)?).to_string());
                Ok(())
            })
        })
    }
}

/// A configuration of the kind that the caller says.
pub(crate) fn network(config: &str, kind: &str) -> Result<NetworkList, Failure> {
    match kind {
        "conflist" => Ok(NetworkList::parse(config.as_bytes())?),
        "conf" => Ok(NetworkList::parse_conf(config.as_bytes())?),
        other => Err(Failure::choice("kind", "conflist, conf", format!("{other:?}"))),
    }
}

fn described(list: &NetworkList) -> Result<Value, Failure> {
    let plugin = |plugin: &k8sboot_core::cni::PluginConf| {
        let capabilities: serde_json::Map<String, Value> =
            plugin.capabilities().iter().map(|(name, has)| (name.clone(), json!(has))).collect();
        json!({
            "type": plugin.kind(),
            "name": plugin.name(),
            "ipam": plugin.ipam(),
            "capabilities": capabilities,
        })
    };
    let mut commands = serde_json::Map::new();
    for command in Command::ALL {
        let runs = matches!(list.applies(command), Ok(Applies::Yes));
        commands.insert(command.as_str().to_owned(), json!(runs));
    }
    Ok(json!({
        "schemaVersion": 1,
        "name": list.name(),
        "cniVersion": list.version()?.as_str(),
        "disableCheck": list.disable_check(),
        "disableGC": list.disable_gc(),
        "loadOnlyInlinedPlugins": list.load_only_inlined_plugins(),
        "plugins": list.plugins().iter().map(plugin).collect::<Vec<_>>(),
        "programs": list.binaries(),
        "commands": commands,
        "list": value(&list.to_json()),
    }))
}

/// JSON of the core as JSON of this crate.
pub(crate) fn value(json: &Json) -> Value {
    serde_json::from_str(&json.render(Layout::Compact)).unwrap_or_default()
}

#[cfg(feature = "node")]
fn cached(all: &k8sboot_core::probe::CachedResults) -> Value {
    use k8sboot_core::{cni::CacheForm, error::chain};
    let result = |one: &k8sboot_core::probe::CachedResult| {
        json!({
            "path": one.path.display().to_string(),
            "form": match one.entry.form { CacheForm::V1 => "v1", CacheForm::Bare => "bare" },
            "network": one.entry.network,
            "containerId": one.entry.container,
            "ifName": one.entry.interface,
            "netns": one.entry.netns.as_deref().unwrap_or_default(),
            "addresses": one.entry.addresses().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    let broken = |(path, error): &(std::path::PathBuf, k8sboot_core::cni::CniError)| json!({ "path": path.display().to_string(), "problem": chain(error) });
    json!({
        "schemaVersion": 1,
        "results": all.results.iter().map(result).collect::<Vec<_>>(),
        "broken": all.broken.iter().map(broken).collect::<Vec<_>>(),
    })
}
