//! The pool against a plain model, the order of allocation against its rules, no heap when warm.

mod model;
mod order;
mod random;
