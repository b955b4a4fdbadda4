//! The Container Network Interface: configurations, results, invocations and stored results, as values.
