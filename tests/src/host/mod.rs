//! A headless CLAP host: loads a bundle, plays a timeline, counts what the plugin did.
//!
//! [`Session`] owns the instance on the main thread; [`render`](Session::render) lends its audio
//! half to a second thread and serves the plugin's requests meanwhile, as a DAW does.

mod audio_callback;
mod handlers;
mod incoming;
mod parameters;
mod plan;
mod ports;
mod priority;
mod render_spec;
mod session;
mod status;
pub mod takes;
mod threads;
mod timeline;
mod timing;

pub use audio_callback::{AudioCallback, BlockWatch};
pub use handlers::HeadlessHost;
pub use parameters::{Parameter, ParameterTable, parameter_hash};
pub use plan::{BlockPlan, Pace};
pub use ports::Ports;
pub use render_spec::{Activation, RenderSpec, Rendered, TEMPO_BPM};
pub use session::Session;
pub use status::{STATUS_VARIABLE, Status};
pub use timeline::{Automation, Event, FractionalNote, Timeline};
pub use timing::CallbackTimes;
