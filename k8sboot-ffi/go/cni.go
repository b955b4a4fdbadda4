package k8sboot

/*
#include <k8sboot.h>
*/
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
)

// CNIConfig is what a CNI configuration says.
type CNIConfig struct {
	Name string `json:"name"`
	// CNIVersion is the version of every call: the highest known of cniVersions and cniVersion.
	CNIVersion             string      `json:"cniVersion"`
	DisableCheck           bool        `json:"disableCheck"`
	DisableGC              bool        `json:"disableGC"`
	LoadOnlyInlinedPlugins bool        `json:"loadOnlyInlinedPlugins"`
	Plugins                []CNIPlugin `json:"plugins"`
	// Programs are the names of all programs it needs, IPAM plugins too.
	Programs []string `json:"programs"`
	// Commands tells for each command whether it runs anything.
	Commands map[string]bool `json:"commands"`
	// List is the configuration as a list, for RunCNI; unknown members are kept in order.
	List json.RawMessage `json:"list"`
}

// CNIPlugin is the configuration of one plugin.
type CNIPlugin struct {
	// Type is the name of its program.
	Type         string          `json:"type"`
	Name         string          `json:"name"`
	IPAM         string          `json:"ipam"`
	Capabilities map[string]bool `json:"capabilities"`
}

// CheckCNIList reads a list of plugins (*.conflist).
func CheckCNIList(config string) (CNIConfig, error) {
	return checkCNI(config, "conflist")
}

// CheckCNIConf reads the configuration of a single plugin (*.conf).
func CheckCNIConf(config string) (CNIConfig, error) {
	return checkCNI(config, "conf")
}

func checkCNI(config, kind string) (CNIConfig, error) {
	a := newArgs()
	defer a.free()
	cconfig, ckind := a.text("config", config), a.text("kind", kind)
	if a.err != nil {
		return CNIConfig{}, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_cni_check(cconfig, ckind, &out, &err)
	return cniJSON[CNIConfig](code, out, err)
}

// ConvertCNIResult converts the result of an ADD to another version. configured is the version of a result that does not
// say its own; "" means 0.1.0.
func ConvertCNIResult(result, configured, version string) (string, error) {
	a := newArgs()
	defer a.free()
	cresult, cconfigured, cversion := a.text("result", result), a.optional("configured", configured), a.text("version", version)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_cni_convert(cresult, cconfigured, cversion, &out, &err)
	return takeText(code, out, err)
}

// CNIChoice is which configuration of a directory wins, and why.
type CNIChoice struct {
	Directory string `json:"directory"`
	// Chosen is the name of the file that wins; "" if there is none.
	Chosen   string       `json:"chosen"`
	Files    []CNIFile    `json:"files"`
	Readers  []CNIReader  `json:"readers"`
	Programs []CNIProgram `json:"programs"`
	Notes    []string     `json:"notes"`
}

// CNIFile is what is to be said of a file.
type CNIFile struct {
	File string `json:"file"`
	// Verdict is "chosen", "later", "broken" or "ignored".
	Verdict    string   `json:"verdict"`
	Why        string   `json:"why"`
	Network    string   `json:"network"`
	CNIVersion string   `json:"cniVersion"`
	Plugins    []string `json:"plugins"`
	// Missing are the programs it needs that are not there.
	Missing []string `json:"missing"`
}

// CNIReader is what a kind of reader takes: containerd, CRI-O, or a look-up by name.
type CNIReader struct {
	Reader string `json:"reader"`
	File   string `json:"file"`
	Why    string `json:"why"`
}

// CNIProgram is where a program is; Path is "" if it is missing.
type CNIProgram struct {
	Program string `json:"program"`
	Path    string `json:"path"`
	Problem string `json:"problem"`
}

// ChooseCNI reads a directory of CNI configurations, usually /etc/cni/net.d, and says which one wins. pluginPath are the
// directories with programs, usually /opt/cni/bin alone.
func ChooseCNI(directory string, pluginPath []string) (CNIChoice, error) {
	a := newArgs()
	defer a.free()
	cdirectory, cpath := a.text("directory", directory), a.list("plugin_path", pluginPath)
	if a.err != nil {
		return CNIChoice{}, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_cni_choose(cdirectory, cpath, C.size_t(len(pluginPath)), &out, &err)
	return cniJSON[CNIChoice](code, out, err)
}

// CNIResults are the results of ADD that runtimes have stored.
type CNIResults struct {
	Results []CNICached `json:"results"`
	// Broken are files that hold no result.
	Broken []CNIBroken `json:"broken"`
}

// CNICached is a stored result. Network, ContainerID and IfName are "" where the old form of the file does not tell.
type CNICached struct {
	Path string `json:"path"`
	// Form is "v1" or "bare", the form of before 2020.
	Form        string       `json:"form"`
	Network     string       `json:"network"`
	ContainerID string       `json:"containerId"`
	IfName      string       `json:"ifName"`
	Netns       string       `json:"netns"`
	Addresses   []netip.Addr `json:"addresses"`
}

// CNIBroken is a file that holds no result.
type CNIBroken struct {
	Path    string `json:"path"`
	Problem string `json:"problem"`
}

// CachedCNIResults lists what is stored below the cache directories, usually /var/lib/cni and /var/lib/cni/cache.
func CachedCNIResults(cacheDirs []string) (CNIResults, error) {
	a := newArgs()
	defer a.free()
	cdirs := a.list("cache_dirs", cacheDirs)
	if a.err != nil {
		return CNIResults{}, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_cni_cached(cdirs, C.size_t(len(cacheDirs)), &out, &err)
	return cniJSON[CNIResults](code, out, err)
}

// CNIRequest says what a chain of plugins is run for.
type CNIRequest struct {
	// PluginPath are the directories with programs.
	PluginPath []string `json:"pluginPath"`
	// CacheDir is where results are stored; "" means /var/lib/cni.
	CacheDir    string `json:"cacheDir,omitempty"`
	ContainerID string `json:"containerId,omitempty"`
	IfName      string `json:"ifName,omitempty"`
	// Netns is the path of the container's network namespace.
	Netns string `json:"netns,omitempty"`
	// Args is K=V;K=V.
	Args           string         `json:"args,omitempty"`
	CapabilityArgs map[string]any `json:"capabilityArgs,omitempty"`
	// ValidAttachments is for GC and must not be nil there: an empty list means that nothing is valid.
	ValidAttachments *[]CNIAttachment `json:"validAttachments,omitempty"`
	// PluginTimeoutMs is how long each plugin may take; 0 means four minutes.
	PluginTimeoutMs uint64 `json:"pluginTimeoutMs,omitempty"`
	// UndoFailedAdd has an ADD that fails followed by a DEL.
	UndoFailedAdd bool `json:"undoFailedAdd,omitempty"`
}

// CNIAttachment is a container and one of its interfaces.
type CNIAttachment struct {
	ContainerID string `json:"containerID"`
	IfName      string `json:"ifname"`
}

// RunCNI runs the plugins of a configuration list: "ADD", "DEL", "CHECK", "GC" or "STATUS". The result is that of ADD, and
// "" for the others. What goes wrong in several plugins is all in the error; see [CNIFailures].
func RunCNI(ctx context.Context, command, list string, request CNIRequest, onEvent func(Event) error) (string, error) {
	a := newArgs()
	defer a.free()
	ccommand, clist, crequest := a.text("command", command), a.text("list", list), a.json("request", request)
	if a.err != nil {
		return "", a.err
	}
	var result string
	failure := withRun(ctx, onEvent, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		var out *C.k8sboot_buf_t
		code := C.k8sboot_cni_run(ccommand, clist, crequest, run, &out, err)
		if code == C.K8SBOOT_OK {
			result, _ = takeText(code, out, nil)
		}
		return code
	})
	return result, failure
}

// CNIFailure is what went wrong in one plugin.
type CNIFailure struct {
	Kind    string `json:"kind"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// PluginCode is the number in the plugin's error object; nil if it printed none.
	PluginCode *uint64 `json:"pluginCode"`
}

// CNIFailures are the failures of a chain that ended with err; nil if err is none of a chain.
func CNIFailures(err error) []CNIFailure {
	var failure *Error
	var details struct {
		Errors []CNIFailure `json:"errors"`
	}
	if !errors.As(err, &failure) || json.Unmarshal(failure.Details, &details) != nil {
		return nil
	}
	return details.Errors
}

func cniJSON[T any](code C.k8sboot_code_t, out *C.k8sboot_buf_t, err *C.k8sboot_error_t) (T, error) {
	var value T
	text, failure := takeText(code, out, err)
	if failure == nil {
		failure = unmarshal(text, &value)
	}
	return value, failure
}
