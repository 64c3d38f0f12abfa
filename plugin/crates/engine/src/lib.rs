//! The real-time core: `Processor` (audio thread), `Worker` (background) and `Monitor` (window),
//! with the rings between them. It knows traits, not ONNX.
#![forbid(unsafe_code)]

pub mod contract;
