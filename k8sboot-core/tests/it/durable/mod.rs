//! Durable directory stores, and what any directory store leaves when it is killed or the power fails.

mod kills;
mod power;
mod reboot;
mod recorded;
mod world;
