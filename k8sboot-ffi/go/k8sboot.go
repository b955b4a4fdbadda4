// Package k8sboot is Kubernetes node bootstrap as a library: the Go side of libk8sboot.
//
// It needs the installed library and pkg-config at build time and nothing else. Errors are of type [*Error] and compare
// with [errors.Is] against a [Code]. Objects have a Close method; what is not closed is freed when it is no longer
// reachable. Functions may be called from any goroutine.
package k8sboot

/*
#cgo pkg-config: k8sboot
#include <k8sboot.h>
#include <stdlib.h>
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"strings"
	"unsafe"
)

// Version is the version of the library that runs, for example "0.1.0".
func Version() string {
	return C.GoString(C.k8sboot_version())
}

// init refuses a library that the header this package was built with does not describe.
func init() {
	if found := C.k8sboot_abi_version(); found != C.K8SBOOT_ABI_VERSION {
		panic(fmt.Sprintf("k8sboot: built for ABI %d, found a library with ABI %d", C.K8SBOOT_ABI_VERSION, found))
	}
}

// args are the texts of one call in C's memory.
type args struct {
	texts []unsafe.Pointer
	// secrets are those that are wiped before they are freed.
	secrets [][]byte
	err     error
}

func newArgs() *args {
	beforeCall()
	return &args{}
}

// text gives C a copy. A NUL inside would end the text early without a word, so it is an error.
func (a *args) text(name, text string) *C.char {
	if position := strings.IndexByte(text, 0); position >= 0 && a.err == nil {
		message := fmt.Sprintf("argument %s: expected text without NUL, found one at byte %d", name, position)
		a.err = &Error{Code: CodeMisuse, Message: message, Details: []byte("{}")}
	}
	copied := C.CString(text)
	a.texts = append(a.texts, unsafe.Pointer(copied))
	return copied
}

// optional is text, or NULL for "".
func (a *args) optional(name, text string) *C.char {
	if text == "" {
		return nil
	}
	return a.text(name, text)
}

// secret is text that is wiped in C's memory after the call.
func (a *args) secret(name, text string) *C.char {
	copied := a.text(name, text)
	a.secrets = append(a.secrets, unsafe.Slice((*byte)(unsafe.Pointer(copied)), len(text)))
	return copied
}

// json is text for a value that is passed as JSON.
func (a *args) json(name string, value any) *C.char {
	encoded, err := json.Marshal(value)
	if err != nil && a.err == nil {
		a.err = err
	}
	return a.text(name, string(encoded))
}

// config is the handle of a configuration that may be nil. NULL means that there is none, so a closed one is an error.
func (a *args) config(config *Config) *C.k8sboot_config_t {
	if config == nil {
		return nil
	}
	if config.handle == nil && a.err == nil {
		a.err = &Error{Code: CodeNull, Message: "argument config: it is closed", Details: []byte("{}")}
	}
	return config.handle
}

// list gives C an array of copies, NULL if there are none.
func (a *args) list(name string, texts []string) **C.char {
	if len(texts) == 0 {
		return nil
	}
	array := C.calloc(C.size_t(len(texts)), C.size_t(unsafe.Sizeof((*C.char)(nil))))
	a.texts = append(a.texts, array)
	list := unsafe.Slice((**C.char)(array), len(texts))
	for i, text := range texts {
		list[i] = a.text(name, text)
	}
	return (**C.char)(array)
}

// free ends the copies.
func (a *args) free() {
	for _, secret := range a.secrets {
		clear(secret)
	}
	for _, text := range a.texts {
		C.free(text)
	}
}

// takeText takes a buffer over.
func takeText(code C.k8sboot_code_t, buf *C.k8sboot_buf_t, err *C.k8sboot_error_t) (string, error) {
	if code != C.K8SBOOT_OK {
		return "", takeError(code, err)
	}
	return bufferText(buf), nil
}

// bufferText takes the buffer of a call that succeeded over.
func bufferText(buf *C.k8sboot_buf_t) string {
	defer C.k8sboot_buf_free(buf)
	data := (*byte)(unsafe.Pointer(C.k8sboot_buf_data(buf)))
	return string(unsafe.Slice(data, C.k8sboot_buf_len(buf)))
}

// unmarshal reads JSON of the library.
func unmarshal(text string, into any) error {
	return json.Unmarshal([]byte(text), into)
}
