//go:build k8sboottesting

package k8sboot

/*
#include <k8sboot.h>

typedef struct k8sboot_testing_t k8sboot_testing_t;
k8sboot_code_t k8sboot_testing_new(k8sboot_testing_t **, k8sboot_error_t **);
k8sboot_code_t k8sboot_testing_count(k8sboot_testing_t *, uint32_t, uint32_t, const k8sboot_run_t *, k8sboot_error_t **);
void k8sboot_testing_free(k8sboot_testing_t *);
*/
import "C"

import "context"

// count runs the counting function of libraries that were built with the feature testing.
func count(ctx context.Context, steps, panicAt uint32, onEvent func(Event) error) error {
	var handle *C.k8sboot_testing_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_testing_new(&handle, &err); code != C.K8SBOOT_OK {
		return takeError(code, err)
	}
	defer C.k8sboot_testing_free(handle)
	return withRun(ctx, onEvent, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_testing_count(handle, C.uint32_t(steps), C.uint32_t(panicAt), run, err)
	})
}
