//! What the voices of one pack share: windows, lobes and transforms. Built off the audio thread, read by it.
//!
//! Sixteen voices with tables of their own would push each other out of the processor's cache: the
//! lobes alone are 155 KB a voice at redundancy 8.

use crate::overlap_add::WindowSums;
use crate::phase::lookahead::ProjectionTable;
use crate::phase::noise::unit_power_window;
use crate::spec::StftSpec;
use crate::window::LobeTable;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Tables of one [`StftSpec`]. Cheap to clone; clones share.
#[derive(Clone)]
pub struct VoiceTables {
    pub(crate) spec: StftSpec,
    /// What a partial looks like that began 0, 1, ... hops before the centre; the last is the steady one.
    pub(crate) lobes: Arc<[LobeTable]>,
    pub(crate) noise_window: Arc<[f32]>,
    pub(crate) sums: Arc<WindowSums>,
    pub(crate) projection: Arc<ProjectionTable>,
    pub(crate) forward: Arc<dyn RealToComplex<f32>>,
    pub(crate) inverse: Arc<dyn ComplexToReal<f32>>,
}

impl VoiceTables {
    /// Builds the tables. Allocates.
    pub fn new(spec: &StftSpec) -> Self {
        let mut planner = RealFftPlanner::new();
        let lobes = |hops| LobeTable::new(hops as f64 / spec.redundancy() as f64);
        Self {
            spec: *spec,
            lobes: (0..=spec.analysis_half_hops()).map(lobes).collect(),
            noise_window: unit_power_window(spec).into(),
            sums: Arc::new(WindowSums::new(spec, 1.0 / spec.fft_size() as f32)),
            projection: Arc::new(ProjectionTable::new(spec)),
            forward: planner.plan_fft_forward(spec.fft_size()),
            inverse: planner.plan_fft_inverse(spec.fft_size()),
        }
    }
}
