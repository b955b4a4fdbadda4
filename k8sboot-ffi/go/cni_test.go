package k8sboot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	cniList = `{"cniVersion":"1.1.0","name":"mynet","plugins":[{"type":"good","capabilities":{"mac":true}},{"type":"other"}]}`
	cniGood = "#!/bin/sh\ncat > \"$0.stdin\"\n" +
		"if [ \"$CNI_COMMAND\" = ADD ]; then echo '{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.1.2.2/24\"}]}'; fi\n"
)

func cniProgram(t *testing.T, directory, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestCNIConfigurations(t *testing.T) {
	config, err := CheckCNIList(cniList)
	if err != nil {
		t.Fatal(err)
	}
	if config.Name != "mynet" || !reflect.DeepEqual(config.Programs, []string{"good", "other"}) || !config.Commands["GC"] {
		t.Errorf("%+v", config)
	}
	single, err := CheckCNIConf(`{"name":"cbr0","type":"flannel","delegate":{"z":1,"a":2}}`)
	if err != nil || !strings.Contains(string(single.List), `"delegate":{"z":1,"a":2}`) {
		t.Errorf("%s, %v", single.List, err)
	}
	if _, err := CheckCNIList("{"); !errors.Is(err, CodeCNIJSON) {
		t.Error(err)
	}
	if _, err := CheckCNIList(`{"name":5}`); !errors.Is(err, CodeCNIField) {
		t.Error(err)
	}
	result, err := ConvertCNIResult(`{"ip4":{"ip":"10.1.2.2/24"}}`, "", "1.0.0")
	if err != nil || !strings.HasPrefix(result, "{\n    \"cniVersion\": \"1.0.0\",\n    \"ips\": [") {
		t.Error(result, err)
	}
}

func TestCNIChain(t *testing.T) {
	base := t.TempDir()
	cniProgram(t, base, "good", cniGood)
	cniProgram(t, base, "other", cniGood)
	request := CNIRequest{
		PluginPath: []string{base}, CacheDir: filepath.Join(base, "cache"), ContainerID: "3f2a", IfName: "eth0",
		Netns: "/run/netns/x", Args: "A=b", CapabilityArgs: map[string]any{"mac": "0a:58"},
		ValidAttachments: &[]CNIAttachment{},
	}
	ctx := context.Background()
	var seen []string
	result, err := RunCNI(ctx, "ADD", cniList, request, func(event Event) error {
		seen = append(seen, event.Text)
		return nil
	})
	if err != nil || !strings.Contains(result, "10.1.2.2/24") || len(seen) != 4 || seen[0] != "plugin good (ADD)" {
		t.Fatal(result, err, seen)
	}
	stdin, _ := os.ReadFile(filepath.Join(base, "good.stdin"))
	if !strings.Contains(string(stdin), `"runtimeConfig":{"mac":"0a:58"}`) {
		t.Errorf("%s", stdin)
	}
	cached, err := CachedCNIResults([]string{request.CacheDir})
	if err != nil || len(cached.Results) != 1 || cached.Results[0].Addresses[0].String() != "10.1.2.2" {
		t.Fatalf("%+v, %v", cached, err)
	}
	for _, command := range []string{"CHECK", "STATUS", "GC", "DEL"} {
		if result, err := RunCNI(ctx, command, cniList, request, nil); err != nil || result != "" {
			t.Error(command, result, err)
		}
	}
	cniProgram(t, base, "good", "#!/bin/sh\necho '{\"code\":11,\"msg\":\"later\"}'; exit 1\n")
	cniProgram(t, base, "other", "#!/bin/sh\nkill -9 $$\n")
	_, err = RunCNI(ctx, "DEL", cniList, request, nil)
	failures := CNIFailures(err)
	if !errors.Is(err, CodeCNISeveral) || len(failures) != 2 || failures[0].Kind != "CNI_PLUGIN_KILLED" || *failures[1].PluginCode != 11 {
		t.Errorf("%v, %+v", err, failures)
	}
}

func TestCNIChainIsCancelled(t *testing.T) {
	base := t.TempDir()
	cniProgram(t, base, "good", "#!/bin/sh\nsleep 100\n")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := RunCNI(ctx, "STATUS", cniList, CNIRequest{PluginPath: []string{base}}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, CodeCancelled) {
		t.Error(err)
	}
}

func TestCNIDirectory(t *testing.T) {
	base := t.TempDir()
	conf := `{"name":"cbr0","type":"flannel"}`
	list := `{"name":"cbr0","plugins":[{"type":"flannel"},{"type":"portmap"}]}`
	for name, text := range map[string]string{"10-flannel.conf": conf, "10-flannel.conflist": list} {
		if err := os.WriteFile(filepath.Join(base, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	choice, err := ChooseCNI(base, nil)
	if err != nil || choice.Chosen != "10-flannel.conf" || choice.Files[1].Verdict != "later" || len(choice.Notes) == 0 {
		t.Errorf("%+v, %v", choice, err)
	}
	if _, err := ChooseCNI(filepath.Join(base, "none"), nil); err == nil {
		t.Error("a directory that is not there was read")
	}
}
