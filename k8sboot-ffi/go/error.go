package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"encoding/json"
	"fmt"
)

// Code is the stable number of an error. It is an error itself, for [errors.Is]:
//
//	errors.Is(err, k8sboot.CodeTokenShape)
type Code int32

// Codes that programs decide on; [Error.Kind] names the others.
const (
	CodePanic      = Code(C.K8SBOOT_E_PANIC)
	CodeNull       = Code(C.K8SBOOT_E_NULL)
	CodeUTF8       = Code(C.K8SBOOT_E_UTF8)
	CodeJSON       = Code(C.K8SBOOT_E_JSON)
	CodeEnum       = Code(C.K8SBOOT_E_ENUM)
	CodeMisuse     = Code(C.K8SBOOT_E_MISUSE)
	CodeCancelled  = Code(C.K8SBOOT_E_CANCELLED)
	CodeTimeout    = Code(C.K8SBOOT_E_TIMEOUT)
	CodeNotBuilt   = Code(C.K8SBOOT_E_NOT_BUILT)
	CodeTokenShape = Code(C.K8SBOOT_E_TOKEN_SHAPE)
	CodeTokenPart  = Code(C.K8SBOOT_E_TOKEN_PART)
	CodeSignature  = Code(C.K8SBOOT_E_TOKEN_SIGNATURE)
	CodeNotSigned  = Code(C.K8SBOOT_E_TOKEN_NOT_SIGNED)
	CodePin        = Code(C.K8SBOOT_E_TOKEN_PIN_MISMATCH)
	// CodeExhausted is about a range set whose addresses are all held or resting.
	CodeExhausted = Code(C.K8SBOOT_E_IPAM_EXHAUSTED)
	// CodeDuplicate is about an owner that holds an address already, where that is refused.
	CodeDuplicate = Code(C.K8SBOOT_E_IPAM_DUPLICATE)
	// CodeTaken is about a wanted address that somebody else holds.
	CodeTaken = Code(C.K8SBOOT_E_IPAM_TAKEN)
	// CodeOwner is about a container ID or an interface name.
	CodeOwner = Code(C.K8SBOOT_E_IPAM_OWNER)
	// CodeCNIJSON is about a text that is not JSON; line and column are in the details.
	CodeCNIJSON = Code(C.K8SBOOT_E_CNI_JSON)
	// CodeCNIField is about a field of the wrong type or value; its path is in the details.
	CodeCNIField = Code(C.K8SBOOT_E_CNI_FIELD)
	// CodeCNIPlugin is about a plugin that failed and said why.
	CodeCNIPlugin = Code(C.K8SBOOT_E_CNI_PLUGIN_FAILED)
	// CodeCNISeveral is about several plugins of a chain that failed.
	CodeCNISeveral = Code(C.K8SBOOT_E_CNI_SEVERAL)
	// CodeStoreMissing is about a network whose directory is to be there and is not.
	CodeStoreMissing = Code(C.K8SBOOT_E_STORE_MISSING)
	// CodeUnknownStage is about a stage that a flow does not have.
	CodeUnknownStage = Code(C.K8SBOOT_E_FLOW_UNKNOWN_STAGE)
	// CodeUnreachable is about an API server that cannot be reached.
	CodeUnreachable = Code(C.K8SBOOT_E_API_UNREACHABLE)
	// CodeUnauthorized is about an API server that does not know who asks, CodeForbidden about what they may not do.
	CodeUnauthorized = Code(C.K8SBOOT_E_API_UNAUTHORIZED)
	CodeForbidden    = Code(C.K8SBOOT_E_API_FORBIDDEN)
	// CodeTokenExists is about a bootstrap token whose id is taken in the cluster, CodeTokenNotFound about one that is not
	// there.
	CodeTokenExists   = Code(C.K8SBOOT_E_TOKENS_EXISTS)
	CodeTokenNotFound = Code(C.K8SBOOT_E_TOKENS_NOT_FOUND)
	// CodeDiscoveryUnreachable is about an endpoint that cannot be reached.
	CodeDiscoveryUnreachable = Code(C.K8SBOOT_E_DISCOVERY_UNREACHABLE)
	// CodeDiscoveryPin is about a cluster whose authority is not pinned.
	CodeDiscoveryPin = Code(C.K8SBOOT_E_DISCOVERY_PIN_MISMATCH)
	// CodeDiscoveryOptions is about a discovery that cannot work as given.
	CodeDiscoveryOptions = Code(C.K8SBOOT_E_DISCOVERY_OPTIONS)
	// CodeBundleKey is about a join bundle that was sealed to another passphrase or key, CodeBundleExpired about its end.
	CodeBundleKey     = Code(C.K8SBOOT_E_BUNDLE_KEY)
	CodeBundleExpired = Code(C.K8SBOOT_E_BUNDLE_EXPIRED)
	// CodeRequestGone is about a certificate signing request that is not there.
	CodeRequestGone = Code(C.K8SBOOT_E_CSR_GONE)
	// CodeLocked is about a tree that another run works on; later it may succeed.
	CodeLocked = Code(C.K8SBOOT_E_FILE_LOCKED)
)

// Error makes a code comparable with [errors.Is].
func (c Code) Error() string {
	return fmt.Sprintf("k8sboot code %d", int32(c))
}

// Error is what went wrong in the library.
type Error struct {
	// Code is the stable number.
	Code Code
	// Message is the whole cause chain on one line.
	Message string
	// Details is a JSON object with kind, path, field, expected, found, remedy, errors and report, as far as they apply.
	Details json.RawMessage
}

func (e *Error) Error() string {
	return e.Message
}

// Is tells whether target is the code of e.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// Kind is the name of the code, for example "TOKEN_SHAPE".
func (e *Error) Kind() string {
	var details struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(e.Details, &details) != nil {
		return ""
	}
	return details.Kind
}

// takeError takes an error object over. nil for success.
func takeError(code C.k8sboot_code_t, err *C.k8sboot_error_t) error {
	if code == C.K8SBOOT_OK {
		return nil
	}
	defer C.k8sboot_error_free(err)
	return &Error{
		Code:    Code(code),
		Message: C.GoString(C.k8sboot_error_message(err)),
		Details: json.RawMessage(C.GoString(C.k8sboot_error_details(err))),
	}
}
