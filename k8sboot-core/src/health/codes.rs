//! The stable numbers of the reasons why a component is not healthy.

use crate::error::codes;

codes! {
    /// Nothing listens at the component's port.
    WAIT_NOT_LISTENING = 7501,
    /// Another program has the component's port.
    WAIT_PORT_TAKEN = 7502,
    /// The component's container was never started.
    WAIT_NOT_STARTED = 7503,
    /// The component's container exited.
    WAIT_EXITED = 7504,
    /// The component's image cannot be had.
    WAIT_IMAGE = 7505,
    /// A certificate is not valid yet.
    WAIT_NOT_YET_VALID = 7506,
    /// A certificate has expired.
    WAIT_CERTIFICATE_EXPIRED = 7507,
    /// The component has a certificate of another authority.
    WAIT_OTHER_AUTHORITY = 7508,
    /// The component's certificate is for other names.
    WAIT_CERTIFICATE_NAME = 7509,
    /// The clocks differ.
    WAIT_CLOCK_SKEW = 7510,
    /// The component does not know who asks, or refuses.
    WAIT_UNAUTHORIZED = 7511,
    /// The component is starting.
    WAIT_STARTING = 7512,
    /// The kubelet's cgroup driver is not the container runtime's.
    WAIT_CGROUP_DRIVER = 7513,
    /// The kubelet does not run.
    WAIT_KUBELET = 7514,
    /// The component does not answer.
    WAIT_NO_ANSWER = 7515,
    /// The component says that it is not healthy.
    WAIT_UNHEALTHY = 7516,
    /// An object that others make is not there.
    WAIT_OBJECT = 7517,
    /// A wait was cancelled.
    WAIT_CANCELLED = 7518,
    /// The component cannot be connected to.
    WAIT_UNREACHABLE = 7519,
}
