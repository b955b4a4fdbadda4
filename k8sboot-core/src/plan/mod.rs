//! What is to be done, as data: steps with guards, and how they differ from what is there.
