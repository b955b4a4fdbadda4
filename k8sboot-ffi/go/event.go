package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"encoding/json"
	"runtime/cgo"
	"unsafe"
)

// EventKind is what an event is about. Ignore those you do not know.
type EventKind uint32

// The kinds of events.
const (
	StageStarted = EventKind(C.K8SBOOT_EVENT_STAGE_STARTED)
	StageDone    = EventKind(C.K8SBOOT_EVENT_STAGE_DONE)
	StepStarted  = EventKind(C.K8SBOOT_EVENT_STEP_STARTED)
	StepDone     = EventKind(C.K8SBOOT_EVENT_STEP_DONE)
	Waiting      = EventKind(C.K8SBOOT_EVENT_WAITING)
	StepFailed   = EventKind(C.K8SBOOT_EVENT_STEP_FAILED)
	Note         = EventKind(C.K8SBOOT_EVENT_NOTE)
)

// Event tells how far a call is.
type Event struct {
	Kind EventKind
	// Step is the step of Steps, from 1; 0 if the event is not about a step.
	Step, Steps uint32
	Stage, Text string
	// Details is a JSON object.
	Details json.RawMessage
}

// observer is the Go side of one running call.
type observer struct {
	onEvent func(Event) error
	// err is what onEvent answered, panicked what it threw.
	err      error
	panicked any
}

// k8sbootGoEvent delivers an event. A Go panic must not unwind the frames of the library: it is kept for later.
//
//export k8sbootGoEvent
func k8sbootGoEvent(user unsafe.Pointer, event *C.k8sboot_event_t) (stop C.int32_t) {
	o := cgo.Handle(*(*C.uintptr_t)(user)).Value().(*observer)
	defer func() {
		if o.panicked = recover(); o.panicked != nil {
			stop = 1
		}
	}()
	o.err = o.onEvent(Event{
		Kind:    EventKind(event.kind),
		Step:    uint32(event.step),
		Steps:   uint32(event.steps),
		Stage:   C.GoString(event.stage),
		Text:    C.GoString(event.text),
		Details: json.RawMessage(C.GoString(event.json)),
	})
	if o.err != nil {
		return 1
	}
	return 0
}
