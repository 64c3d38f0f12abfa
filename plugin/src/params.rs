//! The host's view of the instrument: frozen ids, ranges, units. Main thread builds, all threads read.
//!
//! Parameter names are fixed at build time, since hosts cache them. What an axis does in the loaded
//! pack shows in the value's text ("Brightness +0.80") and in the window.

use std::sync::Arc;

use afterimage_engine::contract::{MAX_CLASSES, MAX_DESCRIPTORS, MAX_LATENT};
use afterimage_neural::Manifest;
use afterimage_neural::manifest::ConditionKind;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::prelude::{
    BoolParam, Enum, EnumParam, FloatParam, FloatRange, IntParam, IntRange, Params, formatters,
};
use nice_plug_egui::EguiEditorState;
use parking_lot::RwLock;

use crate::continuation_params::ContinuationParams;
use crate::evolve_params::EvolveParams;
use crate::opening;
use crate::play_params::PlayParams;
use crate::state::ModelField;
use crate::takes::desk::TakesDesk;
use crate::transform_params::TransformParams;
use crate::view::Opens;

/// Half the range of a latent knob, in standard deviations of the pack's latent.
pub const LATENT_LIMIT: f32 = 3.0;
/// Width of the window on its first opening, logical pixels.
pub const WINDOW_WIDTH: f64 = 1120.0;
/// Height of the window on its first opening, logical pixels.
pub const WINDOW_HEIGHT: f64 = 700.0;

/// Names the loaded pack gives to the fixed parameters.
#[derive(Clone, Debug, Default)]
pub struct PackNames {
    /// Measured name of each latent axis, empty where the pack has none.
    pub latent: Vec<String>,
    /// Name of each class condition, with its labels.
    pub classes: Vec<(String, Vec<String>)>,
    /// Name of each continuous descriptor.
    pub descriptors: Vec<String>,
    /// Name of each preset, in the pack's order: the places a morph may go to.
    pub presets: Vec<String>,
}

impl PackNames {
    /// The names a manifest gives.
    pub fn of(manifest: &Manifest) -> Self {
        let mut names = Self::default();
        if let Some(latent) = &manifest.latent {
            names.latent = latent.axes.iter().map(|axis| axis.name.clone()).collect();
            let presets = latent.presets.iter();
            names.presets = presets.map(|preset| preset.name.clone()).collect();
        }
        for condition in &manifest.conditions {
            match &condition.kind {
                ConditionKind::Class { labels, .. } => {
                    names.classes.push((condition.name.clone(), labels.clone()))
                }
                ConditionKind::Continuous { .. } => names.descriptors.push(condition.name.clone()),
            }
        }
        names
    }
}

/// Shared by the value texts and the window; replaced when a pack is loaded.
pub type SharedNames = Arc<RwLock<PackNames>>;

/// When the audio callback may wait for the model.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderChoice {
    /// Waits in an offline render, never live; judged by the host's word and by pace.
    #[id = "auto"]
    #[name = "Auto"]
    Auto,
    /// Never waits.
    #[id = "live"]
    #[name = "Live"]
    Live,
    /// Always waits, bounded.
    #[id = "wait"]
    #[name = "Wait"]
    Wait,
}

/// What the plugin tells the host about its latency.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyChoice {
    /// Reports lead and resampler: everything lands on its sample.
    #[id = "exact"]
    #[name = "Exact"]
    Exact,
    /// Reports zero, for playing live.
    #[id = "instant"]
    #[name = "Instant"]
    Instant,
}

/// One latent axis.
#[derive(Params)]
pub struct LatentParams {
    /// In standard deviations of the pack's latent.
    #[id = "latent"]
    pub value: FloatParam,
}

/// One class condition.
#[derive(Params)]
pub struct ClassParams {
    /// Index of the label.
    #[id = "class"]
    pub value: IntParam,
}

/// One continuous descriptor.
#[derive(Params)]
pub struct DescriptorParams {
    /// Position within the pack's range, 0 to 1.
    #[id = "descriptor"]
    pub value: FloatParam,
}

/// What a session saves besides values.
#[derive(Clone, Default)]
pub struct SessionFields {
    /// The pack that plays.
    pub model: ModelField,
    /// The pack that continues notes.
    pub composer: ModelField,
    /// The pack that continues sound.
    pub continuer: ModelField,
    /// The pack that transforms the input.
    pub transformer: ModelField,
    /// The kept takes.
    pub takes: TakesDesk,
}

/// Every parameter of either plugin. Ids never change.
#[derive(Params)]
pub struct InstrumentParams {
    /// Size of the window while this instance lives.
    pub window: Arc<EguiEditorState>,
    /// The pack a session plays, by id and hash.
    #[persist = "model"]
    pub model: ModelField,
    /// The pack that continues notes, by id and hash.
    #[persist = "composer"]
    pub composer: ModelField,
    /// The pack that continues sound, by id and hash.
    #[persist = "continuer"]
    pub continuer: ModelField,
    /// The pack that transforms the input, by id and hash.
    #[persist = "transformer"]
    pub transformer: ModelField,
    /// The takes that travel in the session.
    #[persist = "takes"]
    pub takes: TakesDesk,

    /// Latent position.
    #[nested(array, group = "Latent")]
    pub latent: [LatentParams; MAX_LATENT],
    /// Class conditions.
    #[nested(array, group = "Conditions")]
    pub class: [ClassParams; MAX_CLASSES],
    /// Descriptors.
    #[nested(array, group = "Conditions")]
    pub descriptor: [DescriptorParams; MAX_DESCRIPTORS],

    /// Sampling temperature of packs that draw.
    #[id = "temperature"]
    pub temperature: FloatParam,
    /// Seed of everything random.
    #[id = "seed"]
    pub seed: IntParam,

    /// Envelope attack.
    #[id = "attack_ms"]
    pub attack_ms: FloatParam,
    /// Envelope decay.
    #[id = "decay_ms"]
    pub decay_ms: FloatParam,
    /// Envelope sustain level.
    #[id = "sustain"]
    pub sustain: FloatParam,
    /// Envelope release.
    #[id = "release_ms"]
    pub release_ms: FloatParam,

    /// Output gain.
    #[id = "gain_db"]
    pub gain_db: FloatParam,
    /// Stereo width; the mono sum does not depend on it.
    #[id = "width"]
    pub width: FloatParam,
    /// Slow movement of the latent while a note is held.
    #[id = "drift"]
    pub drift: FloatParam,

    /// The latent wanders through the prior.
    #[nested(group = "Evolve")]
    pub evolve: EvolveParams,

    /// What is done to the frames: time, spectrum, morph.
    #[nested(group = "Spectral play")]
    pub play: PlayParams,

    /// Continuation of notes and of sound.
    #[nested(group = "Continuation")]
    pub continuation: ContinuationParams,

    /// Transforming of what comes in.
    #[nested(group = "Transform")]
    pub transform: TransformParams,

    /// Travels the pack's path of sounds.
    #[id = "mod_wheel"]
    pub mod_wheel: FloatParam,
    /// Pitch bend.
    #[id = "pitch_bend"]
    pub pitch_bend: FloatParam,
    /// Range of the pitch bend.
    #[id = "bend_range"]
    pub bend_range: FloatParam,
    /// Channel pressure.
    #[id = "pressure"]
    pub pressure: FloatParam,
    /// Sustain pedal.
    #[id = "sustain_pedal"]
    pub sustain_pedal: BoolParam,

    /// Passes incoming notes on to the MIDI output.
    #[id = "midi_thru"]
    pub midi_thru: BoolParam,

    /// When the callback may wait.
    #[id = "render_mode"]
    pub render_mode: EnumParam<RenderChoice>,
    /// Latency mode, taken over when the host next activates.
    #[id = "latency_mode"]
    pub latency_mode: EnumParam<LatencyChoice>,
    /// Time between a request and its frame, taken over when the host next activates.
    #[id = "lead_ms"]
    pub lead_ms: FloatParam,
    /// Bypass.
    #[id = "bypass"]
    pub bypass: BoolParam,
}

impl InstrumentParams {
    /// Parameters at their defaults; `names` feeds the value texts, `continued` those of the
    /// continuation, `transformed` those of transforming.
    pub fn new(
        fields: SessionFields,
        names: &SharedNames,
        (continued, transformed): (&SharedNames, &SharedNames),
        opens: Opens,
    ) -> Self {
        let opening = opening::latent();
        // An effect that only listens must not delay what it hears.
        let latency_mode = match opens {
            Opens::ToPlay => LatencyChoice::Exact,
            Opens::ToContinue => LatencyChoice::Instant,
        };
        Self {
            window: EguiEditorState::from_size(LogicalSize::new(WINDOW_WIDTH, WINDOW_HEIGHT), 1.0),
            model: fields.model,
            composer: fields.composer,
            continuer: fields.continuer,
            transformer: fields.transformer,
            takes: fields.takes,
            latent: std::array::from_fn(|axis| latent(axis, opening[axis], names.clone())),
            class: std::array::from_fn(|index| class(index, names.clone())),
            descriptor: std::array::from_fn(|index| descriptor(index, names.clone())),
            temperature: linear("Temperature", 1.0, 0.0, 2.0, "", 2),
            seed: IntParam::new("Seed", 1, IntRange::Linear { min: 0, max: 9999 }),
            attack_ms: time("Attack", 0.5, 0.0, 5_000.0),
            decay_ms: time("Decay", 500.0, 1.0, 20_000.0),
            sustain: percent("Sustain", 1.0),
            release_ms: time("Release", 250.0, 5.0, 20_000.0),
            gain_db: linear("Output Gain", 0.0, -60.0, 12.0, " dB", 1),
            width: percent("Width", 0.6),
            drift: percent("Drift", 0.15),
            evolve: EvolveParams::default(),
            play: PlayParams::new(names),
            continuation: ContinuationParams::new(continued, opens),
            transform: TransformParams::new(transformed, opens),
            mod_wheel: percent("Mod Wheel", 0.0),
            pitch_bend: linear("Pitch Bend", 0.0, -1.0, 1.0, "", 2),
            bend_range: linear("Bend Range", 2.0, 0.0, 24.0, " st", 2),
            pressure: percent("Pressure", 0.0),
            sustain_pedal: BoolParam::new("Sustain Pedal", false),
            midi_thru: BoolParam::new("MIDI Thru", false),
            render_mode: EnumParam::new("Render Mode", RenderChoice::Auto),
            latency_mode: EnumParam::new("Latency Mode", latency_mode).non_automatable(),
            lead_ms: linear("Lead", 10.0, 4.0, 100.0, " ms", 1).non_automatable(),
            bypass: BoolParam::new("Bypass", false).make_bypass(),
        }
    }
}

pub(crate) fn linear(
    name: &str,
    default: f32,
    min: f32,
    max: f32,
    unit: &'static str,
    digits: usize,
) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Linear { min, max })
        .with_unit(unit)
        .with_value_to_string(formatters::v2s_f32_rounded(digits))
}

pub(crate) fn percent(name: &str, default: f32) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Linear { min: 0.0, max: 1.0 })
        .with_unit(" %")
        .with_value_to_string(formatters::v2s_f32_percentage(0))
        .with_string_to_value(formatters::s2v_f32_percentage())
}

fn time(name: &str, default_ms: f32, min: f32, max: f32) -> FloatParam {
    // Short times need the finer half of the knob.
    let range = FloatRange::Skewed {
        min,
        max,
        factor: FloatRange::skew_factor(-2.0),
    };
    FloatParam::new(name, default_ms, range)
        .with_unit(" ms")
        .with_value_to_string(formatters::v2s_f32_rounded(1))
}

fn latent(axis: usize, default: f32, names: SharedNames) -> LatentParams {
    let range = FloatRange::Linear {
        min: -LATENT_LIMIT,
        max: LATENT_LIMIT,
    };
    let text = move |value: f32| match names.read().latent.get(axis) {
        Some(name) if !name.is_empty() => format!("{name} {value:+.2}"),
        _ => format!("{value:+.2}"),
    };
    // "Brightness +0.8" or "0.8": the number is the last word.
    let parse = |text: &str| text.split_whitespace().next_back()?.parse().ok();
    let value = FloatParam::new(format!("Latent {}", axis + 1), default, range)
        .with_value_to_string(Arc::new(text))
        .with_string_to_value(Arc::new(parse));
    LatentParams { value }
}

fn class(index: usize, names: SharedNames) -> ClassParams {
    let text = move |value: i32| {
        let names = names.read();
        let label = names
            .classes
            .get(index)
            .and_then(|(_, labels)| labels.get(value as usize));
        label.cloned().unwrap_or_else(|| value.to_string())
    };
    let range = IntRange::Linear { min: 0, max: 31 };
    let value = IntParam::new(format!("Class {}", index + 1), 0, range)
        .with_value_to_string(Arc::new(text));
    ClassParams { value }
}

fn descriptor(index: usize, names: SharedNames) -> DescriptorParams {
    let text = move |value: f32| match names.read().descriptors.get(index) {
        Some(name) if !name.is_empty() => format!("{name} {value:.2}"),
        _ => format!("{value:.2}"),
    };
    let parse = |text: &str| text.split_whitespace().next_back()?.parse().ok();
    let value = FloatParam::new(
        format!("Descriptor {}", index + 1),
        0.5,
        FloatRange::Linear { min: 0.0, max: 1.0 },
    )
    .with_value_to_string(Arc::new(text))
    .with_string_to_value(Arc::new(parse));
    DescriptorParams { value }
}
