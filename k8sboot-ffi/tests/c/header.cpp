// The header is C++ as well, and owning an object is a one-liner there.
#include <k8sboot.h>

#include <cstring>
#include <memory>

struct Free {
    void operator()(k8sboot_error_t *error) const { k8sboot_error_free(error); }
};

int main()
{
    k8sboot_error_t *error = nullptr;
    k8sboot_run_t run{};
    run.size = sizeof run;
    if (k8sboot_token_check("abcdef.0123456789abcdef", &error) != K8SBOOT_OK || error != nullptr) {
        return 1;
    }
    if (k8sboot_token_check("x", &error) != K8SBOOT_E_TOKEN_SHAPE) {
        return 2;
    }
    std::unique_ptr<k8sboot_error_t, Free> owned(error);
    return std::strstr(k8sboot_error_message(owned.get()), "token: ") != nullptr ? 0 : 3;
}
