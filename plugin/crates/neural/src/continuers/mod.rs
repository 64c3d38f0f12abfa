//! Packs that continue sound: from what was heard, or from nothing.
//!
//! [`load_continuer`] makes one ready for the engine, whatever its items are. Loader and worker threads only.

mod frame_memory;
mod frame_net;
mod frame_plan;
mod frames;
mod liveliness;
mod token_net;
mod token_plan;
mod trial;
mod walk;
mod waves;

use std::sync::Arc;

use afterimage_engine::continuation::Continuer;

use crate::backend::BackendKind;
use crate::error::PackError;
use crate::manifest::{Manifest, RepresentationKind, Task};
use crate::pack::Pack;
use crate::runtime::Runtime;
use frame_net::FrameNet;
pub(crate) use frame_plan::{FramePlan, is_frame_model};
use token_net::TokenNet;
pub(crate) use token_plan::{TokenPlan, is_token_model};
pub(crate) use waves::{Walk, is_wave_model, wave_plan, wave_walks};

/// A pack that can continue sound.
pub struct LoadedContinuer {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// What the engine plays.
    pub continuer: Box<dyn Continuer>,
    /// What loading found and measured.
    pub report: ContinuerReport,
}

/// What loading found and measured.
#[derive(Clone, Debug, PartialEq)]
pub struct ContinuerReport {
    /// The runtime that runs it.
    pub backend: BackendKind,
    /// Why the preferred runtime does not run it, if so: one sentence.
    pub fallback: Option<String>,
    /// Time to make the graphs ready, in milliseconds.
    pub load_ms: f64,
    /// Seconds of sound that it makes in a second.
    pub speed: f32,
    /// Seconds of sound that it hears in a second.
    pub hearing_speed: f32,
}

/// Whether a pack continues sound, to be loaded by [`load_continuer`].
pub fn is_continuer(manifest: &Manifest) -> bool {
    manifest.representation.kind != RepresentationKind::Events
        && manifest.tasks.contains(&Task::Continue)
}

/// Loads a pack that continues sound: on the preferred runtime, or on the next that takes it.
///
/// # Errors
/// One sentence; see [`PackError`].
pub fn load_continuer(pack: &Pack, runtime: &Runtime) -> Result<LoadedContinuer, PackError> {
    if is_frame_model(pack.manifest()) {
        let plan = FramePlan::new(pack)?;
        let open = |kind| FrameNet::open(pack, &plan, runtime, kind);
        return frames::load(pack, runtime, &plan.predict.file, open);
    }
    if is_token_model(pack.manifest()) {
        let plan = TokenPlan::new(pack)?;
        let open = |kind| TokenNet::open(pack, &plan, runtime, kind);
        return frames::load(pack, runtime, &plan.predict.file, open);
    }
    if is_wave_model(pack.manifest()) {
        return waves::load(pack);
    }
    Err(PackError::Unsupported {
        pack: pack.name().to_owned(),
        what: "a pack that continues sound".into(),
        expected: "one with 'graphs.predict' over frames, tokens or samples".into(),
        found: format!(
            "one with the representation '{}' and the graphs {}",
            pack.manifest().representation.kind.word(),
            graph_names(pack)
        ),
        advice: "export the predictor, with an output of the role 'frame', 'logits' or 'mixture'",
    })
}

/// What a pack says on one runtime over frames that every run repeats: rows of values.
///
/// # Errors
/// One sentence, or the runtime's own words.
pub(crate) fn walk(
    pack: &Pack,
    runtime: &Runtime,
    kind: BackendKind,
) -> Result<Vec<Vec<f32>>, String> {
    let representation = &pack.manifest().representation;
    if is_token_model(pack.manifest()) {
        let plan = TokenPlan::new(pack).map_err(|error| error.to_string())?;
        let net = TokenNet::open(pack, &plan, runtime, kind)?;
        return trial::walk(net, representation);
    }
    let plan = FramePlan::new(pack).map_err(|error| error.to_string())?;
    let net = FrameNet::open(pack, &plan, runtime, kind)?;
    trial::walk(net, representation)
}

fn graph_names(pack: &Pack) -> String {
    let names: Vec<&str> = pack
        .manifest()
        .graphs
        .iter()
        .map(|(name, _)| name)
        .collect();
    names.join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::path::PathBuf;

    use afterimage_engine::continuation::SoundStart;

    use super::frames::FrameSource;
    use super::{FrameNet, FramePlan, TokenNet, TokenPlan};
    use crate::backend::BackendKind;
    use crate::pack::Pack;
    use crate::runtime::Runtime;

    fn fixture(name: &str) -> Pack {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        Pack::open(&folder.join(name)).unwrap()
    }

    /// Items between bursts in what is heard.
    const BURSTS: usize = 7;

    /// How far the reader begins, in items, beyond a place that is both whole quarters and whole bursts away, after `heard`
    /// items; `item`: samples. Of quarters that were a whole number of times too long, none would be.
    fn off_the_beat<N: FrameSource>(
        net: &mut N,
        (frames, bins): (usize, usize),
        (heard, quarter, item): (usize, usize, usize),
        place: impl Fn(&N::Known) -> Option<usize>,
    ) -> usize {
        let mut known = net.nothing();
        for at in 0..heard * frames {
            let level = if at / frames % BURSTS == 0 {
                -10.0
            } else {
                -60.0
            };
            net.hear(&vec![level; bins], &mut known).unwrap();
        }
        let start = SoundStart {
            quarter_samples: (quarter * item) as f32,
            ..SoundStart::new(1)
        };
        net.begin(&start, &mut known);
        (heard - place(&known).unwrap()) % (BURSTS * quarter)
    }

    #[test]
    fn quarters_are_those_of_items_for_frames_and_for_groups() {
        let (runtime, kind) = (Runtime::embedded(), BackendKind::Embedded);
        // What was heard came again after seven items, but the player counts in 150 and in 30.
        let pack = fixture("frames");
        let plan = FramePlan::new(&pack).unwrap();
        let mut net = FrameNet::open(&pack, &plan, &runtime, kind).unwrap();
        let representation = &pack.manifest().representation;
        let (bins, hop) = (representation.bins, representation.hop);
        let off = off_the_beat(&mut net, (1, bins), (9_000, 150, hop), |known| {
            known.memory_place()
        });
        assert_eq!(off, 0);
        let pack = fixture("tokens");
        let plan = TokenPlan::new(&pack).unwrap();
        let group = plan.vocabulary.group_frames;
        let mut net = TokenNet::open(&pack, &plan, &runtime, kind).unwrap();
        let (bins, hop) = (
            pack.manifest().representation.bins,
            pack.manifest().representation.hop,
        );
        let off = off_the_beat(&mut net, (group, bins), (1_200, 30, hop * group), |known| {
            known.memory_place()
        });
        assert_eq!(off, 0);
    }
}
