//! From a manifest to the engine's description of an instrument.

use afterimage_engine::contract::MAX_LATENT;
use afterimage_engine::{GivenPhases, Hit, HitMap, InstrumentSpec, PlayStyle};
use afterimage_spectral::{PhaseMethod, StftSpec};

use crate::error::PackError;
use crate::manifest::{ConditionKind, Manifest, Phase, PlayMode, Representation, Role, Window};
use crate::pack::Pack;

/// A call that gives a whole hit takes some milliseconds, and a bar may begin with three of them: on one core they
/// were late with the lead of 10 ms that frames are given.
const WHOLE_HIT_LEAD_MS: f32 = 20.0;

impl Pack {
    /// What the engine must know about the pack. Allocates; needs no runtime.
    ///
    /// # Errors
    /// When the pack's frames are of a kind that this version does not turn into sound.
    pub fn instrument_spec(&self) -> Result<InstrumentSpec, PackError> {
        let manifest = self.manifest();
        let representation = &manifest.representation;
        let (stft, phase) = inverse(self.name(), representation)?;
        let given_phases = given_phases(manifest);
        let phase = match given_phases {
            GivenPhases::No => seen_ahead(phase, frames_per_call(manifest)),
            _ => phase,
        };
        let play = &manifest.play;
        let presets = || manifest.latent.iter().flat_map(|latent| &latent.presets);
        let opening = presets().find(|preset| preset.name == play.default_preset);
        let path = play.mod_wheel_path.iter().map(|place| knobs(place));
        Ok(InstrumentSpec {
            id: manifest.id.clone(),
            hash: self.hash().to_owned(),
            play: play_style(manifest),
            latent_size: manifest.latent.as_ref().map_or(0, |latent| latent.size),
            default_latent: opening.map_or([0.0; MAX_LATENT], |preset| knobs(&preset.latent)),
            pitch_range: (f32::from(play.range[0]), f32::from(play.range[1])),
            mod_wheel_path: path.collect(),
            presets: presets().map(|preset| knobs(&preset.latent)).collect(),
            gain_linear: 10.0_f32.powf(play.gain_db / 20.0),
            release_s: play.release_s,
            whole_hits: frames_per_call(manifest) > 1,
            hears_velocity: hears_velocity(manifest),
            given_phases,
            lead_ms: play.lead_ms.unwrap_or(match frames_per_call(manifest) {
                1 => 0.0,
                _ => WHOLE_HIT_LEAD_MS,
            }),
            ..InstrumentSpec::new(&manifest.name, representation.sample_rate, stft, phase)
        })
    }
}

/// How the engine's keys play the pack. A clip is opened by any key; its time axis is the note's.
fn play_style(manifest: &Manifest) -> PlayStyle {
    let play = &manifest.play;
    match play.mode {
        PlayMode::Pitched => PlayStyle::Pitched,
        PlayMode::Shifted => PlayStyle::Shifted {
            root: play.root.unwrap_or(60.0),
        },
        PlayMode::Drone | PlayMode::Clip => PlayStyle::Drone,
        PlayMode::OneShot => PlayStyle::OneShot(hit_map(manifest)),
    }
}

/// Frames of one call, or with a state, go on from each other by themselves.
fn given_phases(manifest: &Manifest) -> GivenPhases {
    if manifest.representation.phase != Phase::Model {
        GivenPhases::No
    } else if frames_per_call(manifest) > 1 || !manifest.state.is_empty() {
        GivenPhases::Carried
    } else {
        GivenPhases::OfMoment
    }
}

/// A whole hit is decided by its first request, so the frame after is there as soon as the frame itself: a
/// look-ahead costs it nothing. Elsewhere a knob would be heard a hop later.
fn seen_ahead(phase: PhaseMethod, frames_per_call: usize) -> PhaseMethod {
    match phase {
        PhaseMethod::Rtpghi if frames_per_call > 1 => PhaseMethod::RtpghiLookahead,
        other => other,
    }
}

fn frames_per_call(manifest: &Manifest) -> usize {
    let decode = manifest.graphs.decode.as_ref();
    decode.map_or(1, |graph| graph.frames_per_call)
}

fn hears_velocity(manifest: &Manifest) -> bool {
    let decode = manifest.graphs.decode.as_ref();
    decode.is_some_and(|graph| {
        graph
            .inputs
            .iter()
            .any(|input| input.role == Role::Velocity)
    })
}

fn hit_map(manifest: &Manifest) -> HitMap {
    let play = &manifest.play;
    let frames_per_call = frames_per_call(manifest);
    // A decoder of single frames says how long a hit is, or it lasts a second.
    let frame_rate_hz = manifest.representation.frame_rate_hz() as f32;
    let frames = match play.length_s {
        Some(length_s) => (length_s * frame_rate_hz).ceil() as u32,
        None if frames_per_call > 1 => frames_per_call as u32,
        None => frame_rate_hz.ceil() as u32,
    };
    let labels = manifest
        .conditions
        .iter()
        .find_map(|condition| match &condition.kind {
            ConditionKind::Class { labels, .. } => Some(labels.as_slice()),
            ConditionKind::Continuous { .. } => None,
        })
        .unwrap_or_default();
    let mut map = HitMap::new(frames);
    for hit in &play.hits {
        let label = labels.iter().position(|label| *label == hit.label);
        map.set(
            hit.key,
            Hit {
                label: label.unwrap_or(0) as u16,
                choke_group: hit.choke_group,
            },
        );
    }
    map
}

impl Representation {
    /// Size and hop of its frames.
    ///
    /// # Errors
    /// When the spectral inverse does not take the window, the hop or where frames are centred; `pack`
    /// names it in the sentence.
    pub fn stft(&self, pack: &str) -> Result<StftSpec, PackError> {
        let Self { n_fft, hop, .. } = *self;
        let sizes = StftSpec::new(n_fft, hop).map_err(|_| PackError::Unsupported {
            pack: pack.to_owned(),
            what: "'representation.hop'".into(),
            expected:
                "n_fft divided by an even whole number of at least 4, with n_fft from 64 to 32768"
                    .into(),
            found: format!("{hop} with an n_fft of {n_fft}"),
            advice: "export with n_fft / hop = 4 or 8",
        })?;
        if self.window != Window::Hann {
            return Err(refuse(pack, "window", "'hann'", "another window"));
        }
        if !self.center {
            return Err(refuse(pack, "center", "true", "false"));
        }
        // A quarter of the transform to each side: a knob is heard sooner, and a chord's first hops
        // need half the frames (benches, and the comparison of phase methods).
        let support = (n_fft / 4 / hop).max(1) * hop;
        sizes
            .with_synthesis_support(support)
            .map_err(|_| refuse(pack, "hop", "a divisor of n_fft / 2", &hop.to_string()))
    }
}

fn refuse(pack: &str, field: &str, expected: &str, found: &str) -> PackError {
    PackError::Unsupported {
        pack: pack.to_owned(),
        what: format!("'representation.{field}'"),
        expected: expected.to_owned(),
        found: found.to_owned(),
        advice: "export the frames that way, or look for a newer Afterimage",
    }
}

/// The spectral inverse that a representation asks for.
pub(crate) fn inverse(
    pack: &str,
    representation: &Representation,
) -> Result<(StftSpec, PhaseMethod), PackError> {
    let sizes = representation.stft(pack)?;
    match representation.phase {
        Phase::F0Lock => Ok((sizes, PhaseMethod::F0Lock)),
        Phase::Rtpghi | Phase::None => Ok((sizes, PhaseMethod::Rtpghi)),
        // Frames of which it gives none, or that are changed on the way, are integrated.
        Phase::Model if representation.kind.has_stft_bins() => Ok((sizes, PhaseMethod::Rtpghi)),
        Phase::Model => Err(refuse(
            pack,
            "kind",
            "'linear' or 'log-amplitude' where 'phase' is 'model'",
            representation.kind.word(),
        )),
    }
}

/// A latent position as the engine's knobs: what a pack lacks stays at the mean.
fn knobs(latent: &[f32]) -> [f32; MAX_LATENT] {
    std::array::from_fn(|axis| latent.get(axis).copied().unwrap_or(0.0))
}
