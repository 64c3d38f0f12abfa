//! The real-time core: [`Processor`] (audio thread), [`Worker`] (background) and [`Monitor`]
//! (window), with the rings between them. It knows traits, not ONNX.
//!
//! Arrival time never decides sound. The Processor's *request head* reads events at the host's block
//! and emits a request for each frame at its voice's hop; the worker answers; the *playback head*
//! sounds the frames one latency later. Everything between them is a pure delay.
//!
//! ```
//! use afterimage_engine::{Engine, HostConfig, Processor, Service};
//!
//! let engine = Engine::new(Service::global());
//! let mut processor = Processor::new(&engine);
//! let latency = processor.activate(HostConfig::new(48_000, 512))?;
//! assert_eq!(latency.reported_samples, 512); // the longest block is longer than 10 ms
//! // Meanwhile a loader thread calls `engine.load(instrument)`.
//! let (mut left, mut right) = ([0.0; 512], [0.0; 512]);
//! processor.process(&mut left, &mut right, &[]);
//! processor.deactivate();
//! # Ok::<(), afterimage_engine::EngineError>(())
//! ```
#![forbid(unsafe_code)]

mod attack;
mod concealment;
pub mod continuation;
pub mod contract;
mod controls;
mod desk;
mod engine;
mod envelope;
mod error;
mod event;
mod evolve;
mod latency;
mod link;
mod monitor;
mod output;
mod play;
mod playback;
mod precedence;
mod processor;
mod program;
mod render;
mod request;
mod service;
mod spec;
mod timeline;
mod touched;
pub mod transform;
mod voice;

pub use engine::{Engine, HostConfig, Instrument, LoadGuard};
pub use error::EngineError;
pub use event::{CHANNELS, ControlChange, Event, NoteMatch, TimedEvent};
pub use evolve::EvolveChange;
pub use latency::{DEFAULT_LEAD_MS, Latency, LatencyInputs, LatencyMode, latency};
pub use monitor::{Counts, Monitor, MusicalTime};
pub use play::PlayChange;
pub use precedence::ask_for_precedence;
pub use processor::{Clock, Processor, Pull, SystemClock};
pub use render::RenderMode;
pub use service::{DecoderHandle, DecoderKey, Service, Step, Worker};
pub use spec::{GivenPhases, Hit, HitMap, InstrumentSpec, PlayStyle};
