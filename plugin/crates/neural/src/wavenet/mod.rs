//! WaveNets: sound sample by sample, on a kernel of our own.
//!
//! No runtime calls a graph fast enough for one sample a call, so the weights are read from the pack's `predict`
//! graph and the arithmetic is done here; the graph, one step with its states, is what the kernel is tested against.
//! Worker and loader threads only.
//!
//! Source: van den Oord et al. 2016, "WaveNet: A Generative Model for Raw Audio".

mod bytes;
mod continuer;
mod follower;
mod gate;
mod hearing;
mod kernel;
mod mixture;
mod net;
mod read;
mod state;
mod tape;
#[cfg(test)]
mod tests;

pub(crate) use continuer::WaveContinuer;
pub(crate) use mixture::Mixture;
pub(crate) use net::WaveNet;
pub(crate) use read::read_net;
pub(crate) use state::WaveState;
