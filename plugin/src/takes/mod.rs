//! Takes: every continuation that ended is kept, so that the one you liked is never lost.
//!
//! The [`Keeper`](keeper::Keeper)'s thread writes them to the user's data folder and does what the
//! window wants of them. The audio thread only plays what was prepared for audition.

mod another;
pub mod audition;
pub mod desk;
mod fetched;
pub mod heard_file;
pub mod keeper;
mod notes;
mod prepare;
pub mod record;
pub mod session;
pub mod sound;
pub mod store;
pub mod work;
