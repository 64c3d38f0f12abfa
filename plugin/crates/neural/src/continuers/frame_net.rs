//! The net of a frame model: it hears frames, and draws the next one.

use afterimage_engine::continuation::{SoundStart, Style};
use afterimage_engine::contract::MAX_CLASSES;
use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::frame_memory::{FrameMemory, FrameShape};
use super::frame_plan::FramePlan;
use super::frames::{Draw, FrameSource};
use crate::backend::BackendKind;
use crate::manifest::ConditionKind;
use crate::pack::Pack;
use crate::runtime::Runtime;
use crate::steps::{States, StepModel, StepValues};

/// What the net knows after some frames. The newest frame is not in the states yet: the draw takes both.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    states: States,
    /// Frames that wait until `prime` can take them together, `[frames * bins]`.
    waiting: Vec<f32>,
    /// `[bins]`.
    newest: Vec<f32>,
    /// Frames drawn so far.
    drawn: u64,
    memory: FrameMemory,
}

impl Known {
    /// Where the memory reads next.
    #[cfg(test)]
    pub(super) fn memory_place(&self) -> Option<usize> {
        self.memory.place()
    }
}

/// Both graphs of a frame model.
pub(crate) struct FrameNet {
    predict: StepModel,
    prime: Option<StepModel>,
    window_values: usize,
    /// A silent frame: what stands before the first.
    silence: Vec<f32>,
    shape: FrameShape,
    hop: usize,
    class: [u16; MAX_CLASSES],
    uniform: Vec<f32>,
}

impl FrameNet {
    /// # Errors
    /// The runtime's own words.
    pub(crate) fn open(
        pack: &Pack,
        plan: &FramePlan,
        runtime: &Runtime,
        kind: BackendKind,
    ) -> Result<Self, String> {
        let representation = &pack.manifest().representation;
        let open = |step| StepModel::open(pack, step, runtime, kind);
        Ok(Self {
            predict: open(&plan.predict)?,
            prime: plan.prime.as_ref().map(open).transpose()?,
            window_values: plan.prime_frames * representation.bins,
            silence: vec![representation.floor; representation.bins],
            shape: FrameShape {
                bins: representation.bins,
                unit: representation.unit,
                floor: representation.floor,
                frame_s: representation.hop as f32 / representation.sample_rate as f32,
            },
            hop: representation.hop,
            class: default_classes(pack),
            uniform: vec![0.0; plan.uniforms],
        })
    }

    /// Takes one of the frames that wait into the states; false when none is left.
    fn catch_up(&mut self, known: &mut Known) -> Result<bool, String> {
        let bins = self.silence.len();
        if known.waiting.is_empty() {
            return Ok(false);
        }
        let values = StepValues {
            frame: &known.waiting[..bins],
            class: self.class,
            uniform: &self.uniform,
            temperature: 1.0,
            ..StepValues::default()
        };
        self.predict.run(&values, &mut known.states)?;
        known.waiting.drain(..bins);
        Ok(true)
    }
}

impl FrameSource for FrameNet {
    type Known = Known;

    fn nothing(&self) -> Known {
        Known {
            states: self.predict.initial().clone(),
            waiting: Vec::new(),
            newest: self.silence.clone(),
            drawn: 0,
            memory: FrameMemory::new(self.shape),
        }
    }

    fn hear(&mut self, frame: &[f32], known: &mut Known) -> Result<(), String> {
        known.waiting.extend_from_slice(&known.newest);
        known.newest.copy_from_slice(frame);
        known.memory.hear(frame);
        if known.waiting.len() < self.window_values {
            return Ok(());
        }
        let values = StepValues {
            frame: &known.waiting,
            class: self.class,
            uniform: &self.uniform,
            temperature: 1.0,
            ..StepValues::default()
        };
        let model = self.prime.as_mut().unwrap_or(&mut self.predict);
        let outcome = model.run(&values, &mut known.states);
        known.waiting.clear();
        outcome
    }

    fn begin(&self, start: &SoundStart, known: &mut Known) {
        let stream = Stream::new(start.seed, Purpose::SAMPLING, 1, 0);
        let quarter_frames = f64::from(start.quarter_samples) / self.hop as f64;
        known.memory.begin(stream, quarter_frames);
    }

    fn go_on(
        &mut self,
        draw: &Draw,
        known: &mut Known,
        give: &mut dyn FnMut(&[f32]),
    ) -> Result<(), String> {
        while self.catch_up(known)? {}
        let first = known.drawn * self.uniform.len() as u64;
        for (place, uniform) in (first..).zip(&mut self.uniform) {
            *uniform = draw.stream.uniform_at(place);
        }
        let values = StepValues {
            frame: &known.newest,
            class: draw.style.class,
            uniform: &self.uniform,
            temperature: draw.style.temperature,
            ..StepValues::default()
        };
        self.predict.run(&values, &mut known.states)?;
        let mut drawn = self.predict.output().to_vec();
        known.drawn += 1;
        if drawn.iter().any(|value| !value.is_finite()) {
            return Err("it drew values that are no numbers".into());
        }
        let likeness = draw.style.likeness;
        known.memory.pull(likeness, &known.newest, &mut drawn);
        known.newest = drawn;
        give(&known.newest);
        Ok(())
    }

    /// A net of frames may be as still or as loud right after what it heard as later: beginning again kept drums that
    /// would have come back by themselves from it, and made two runs too loud (3 of 50 collapsed with it, 1 of 50 without).
    fn again(&self, _: &Known, _: &Known) -> Option<Known> {
        None
    }

    fn says(&mut self, known: &Known, said: &mut Vec<Vec<f32>>) -> Result<(), String> {
        let draw = Draw {
            style: Style::default(),
            stream: &Stream::new(1, Purpose::SAMPLING, 0, 0),
        };
        self.go_on(&draw, &mut known.clone(), &mut |frame| {
            said.push(frame.to_vec());
        })
    }
}

/// The default label of each class condition.
pub(super) fn default_classes(pack: &Pack) -> [u16; MAX_CLASSES] {
    let mut class = [0; MAX_CLASSES];
    let conditions = pack.manifest().conditions.iter();
    let defaults = conditions.filter_map(|condition| match condition.kind {
        ConditionKind::Class { default, .. } => Some(default as u16),
        ConditionKind::Continuous { .. } => None,
    });
    class.iter_mut().zip(defaults).for_each(|(c, d)| *c = d);
    class
}
