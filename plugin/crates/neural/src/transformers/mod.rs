//! Packs that transform sound: the input goes in, and comes out as something else, in time with it.

mod wave_plan;

pub(crate) use wave_plan::{WavePlan, is_wave_transform};
