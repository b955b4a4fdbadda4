package k8sboot

/*
#include <k8sboot.h>
#include <stdlib.h>

int32_t k8sbootGoEvent(void *, k8sboot_event_t *);

// In C's memory: an integer that stands for a Go value must not lie where Go expects pointers.
struct k8sboot_go_run {
	k8sboot_run_t run;
	uintptr_t handle;
};

static struct k8sboot_go_run *k8sboot_go_run_new(uintptr_t handle, const k8sboot_cancel_t *cancel) {
	struct k8sboot_go_run *all = calloc(1, sizeof *all);
	if (all != NULL) {
		all->handle = handle;
		all->run.size = sizeof all->run;
		all->run.user = &all->handle;
		all->run.cancel = cancel;
		if (handle != 0) {
			all->run.on_event = (k8sboot_event_fn)k8sbootGoEvent;
		}
	}
	return all;
}
*/
import "C"

import (
	"context"
	"errors"
	"runtime/cgo"
	"unsafe"
)

// withRun makes a long call: events go to onEvent, which may be nil, and the call stops when ctx is done. The error is
// then what onEvent answered or the context's cause, joined with the library's own.
func withRun(
	ctx context.Context,
	onEvent func(Event) error,
	call func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t,
) error {
	beforeCall()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var cancel *C.k8sboot_cancel_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_cancel_new(&cancel, &err); code != C.K8SBOOT_OK {
		return takeError(code, err)
	}
	defer C.k8sboot_cancel_free(cancel)
	// The function may still run when the call is over, so it has a share of its own, which ends with it.
	share := C.k8sboot_cancel_ref(cancel)
	stop := context.AfterFunc(ctx, func() {
		C.k8sboot_cancel_trigger(share, nil)
		C.k8sboot_cancel_free(share)
	})
	defer func() {
		if stop() {
			C.k8sboot_cancel_free(share)
		}
	}()

	o := &observer{onEvent: onEvent}
	var handle cgo.Handle
	if onEvent != nil {
		handle = cgo.NewHandle(o)
		defer handle.Delete()
	}
	run := C.k8sboot_go_run_new(C.uintptr_t(handle), cancel)
	if run == nil {
		return errors.New("k8sboot: out of memory")
	}
	defer C.free(unsafe.Pointer(run))

	code := call(&run.run, &err)
	failure := takeError(code, err)
	if o.panicked != nil {
		panic(o.panicked)
	}
	switch {
	case failure == nil:
		// The callback wanted to stop when everything was done: what it said is not lost.
		return o.err
	case o.err != nil:
		return errors.Join(o.err, failure)
	case errors.Is(failure, CodeCancelled) && ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), failure)
	default:
		return failure
	}
}
