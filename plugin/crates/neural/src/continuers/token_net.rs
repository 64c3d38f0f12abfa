//! The nets of a token model: frames become groups of tokens, tokens are foretold, groups become frames.

use std::collections::VecDeque;

use afterimage_engine::continuation::{SoundStart, Style};
use afterimage_engine::contract::MAX_CLASSES;
use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::frame_net::default_classes;
use super::frames::{Draw, FrameSource};
use super::token_plan::TokenPlan;
use super::walk::HeardWalk;
use crate::backend::BackendKind;
use crate::events::Sampler;
use crate::likeness::{SuffixModel, with_word};
use crate::manifest::TokenVocabulary;
use crate::pack::Pack;
use crate::runtime::Runtime;
use crate::steps::{States, StepModel, StepValues};

/// Groups that the memory of what was heard holds: a minute of 46 ms each.
const MEMORY_GROUPS: usize = 1_300;
/// What a token that may not stand at a place gets: its share is exactly zero.
const NEVER: f32 = -1e30;

/// What the nets know after some frames. The newest token is not in the states yet.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Of `predict`.
    states: States,
    /// Of `prime`, after the last whole group; none where the pack has no `prime`.
    group_states: States,
    newest: u32,
    /// Place in its group of the token that comes next.
    place: usize,
    /// The newest frames that were heard, as `encode` takes them: those that wait for their group come last.
    window: VecDeque<f32>,
    waiting_frames: usize,
    /// The tokens that `decode` will see, whole groups first.
    groups: VecDeque<u32>,
    /// What was heard, group by group, and where a piece reads in it.
    walk: HeardWalk<u32>,
    /// The group that it reads now; empty where too little was heard.
    read: Vec<u32>,
    /// What was heard, by all tokens: how a group went on that began like the one at hand.
    detail: SuffixModel,
    drawn: u64,
}

impl Known {
    /// Where the memory reads next.
    #[cfg(test)]
    pub(super) fn memory_place(&self) -> Option<usize> {
        self.walk.place()
    }
}

/// All graphs of a token model.
pub(crate) struct TokenNet {
    encode: StepModel,
    predict: StepModel,
    prime: Option<StepModel>,
    shared_states: Vec<usize>,
    decode: StepModel,
    vocabulary: TokenVocabulary,
    decoded_groups: usize,
    bins: usize,
    group_samples: f64,
    class: [u16; MAX_CLASSES],
    sampler: Sampler,
    logits: Vec<f32>,
    /// What is known before anything was heard.
    rest: Known,
}

impl TokenNet {
    /// # Errors
    /// The runtime's own words.
    pub(crate) fn open(
        pack: &Pack,
        plan: &TokenPlan,
        runtime: &Runtime,
        kind: BackendKind,
    ) -> Result<Self, String> {
        let open = |step| StepModel::open(pack, step, runtime, kind);
        let representation = &pack.manifest().representation;
        let (predict, vocabulary) = (open(&plan.predict)?, plan.vocabulary.clone());
        let prime = plan.prime.as_ref().map(open).transpose()?;
        let group_states = prime.as_ref().map(|prime| prime.initial().clone());
        let values = plan.window_frames * representation.bins;
        let group_samples = (vocabulary.group_frames * representation.hop) as f64;
        let mut net = Self {
            encode: open(&plan.encode)?,
            decode: open(&plan.decode)?,
            rest: Known {
                states: predict.initial().clone(),
                group_states: group_states.unwrap_or_default(),
                newest: vocabulary.start(),
                place: 0,
                window: vec![representation.floor; values].into(),
                waiting_frames: 0,
                groups: VecDeque::new(),
                walk: HeardWalk::new(
                    vocabulary.places(),
                    representation.bins,
                    (group_samples / f64::from(representation.sample_rate)) as f32,
                ),
                read: Vec::new(),
                detail: SuffixModel::new(vocabulary.size(), MEMORY_GROUPS * vocabulary.places(), 1),
                drawn: 0,
            },
            predict,
            prime,
            shared_states: plan.shared_states.clone(),
            logits: vec![NEVER; vocabulary.size()],
            vocabulary,
            decoded_groups: plan.decoded_groups,
            bins: representation.bins,
            group_samples,
            class: default_classes(pack),
            sampler: Sampler::default(),
        };
        let starts = vec![net.vocabulary.start(); net.vocabulary.places()];
        let mut rest = net.rest.clone();
        net.end_group(&starts, &net.class.clone(), &mut rest)?;
        net.rest = rest;
        // Before the first group stands silence.
        let silence = net.tokens_of(&net.rest.window.clone())?;
        let before = net.vocabulary.before_groups * silence.len();
        net.rest.groups = silence.iter().copied().cycle().take(before).collect();
        Ok(net)
    }

    /// The tokens of the newest group of a window of frames.
    fn tokens_of(&mut self, window: &VecDeque<f32>) -> Result<Vec<u32>, String> {
        let frames: Vec<f32> = window.iter().copied().collect();
        let values = StepValues {
            frame: &frames,
            ..StepValues::default()
        };
        self.encode.run(&values, &mut States::default())?;
        let given = self.encode.output().iter().enumerate();
        let known = |(place, value): (usize, &f32)| {
            let token = *value as u32;
            let fits = self.vocabulary.allowed(place).contains(&token);
            (fits && value.is_finite()).then_some(token)
        };
        given.map(known).collect::<Option<_>>().ok_or_else(|| {
            "'encode' gave a token that its level does not have at its place".to_owned()
        })
    }

    /// Moves the states on by the newest token; what `predict` says of the next is its output then.
    fn foretell(&mut self, class: &[u16; MAX_CLASSES], known: &mut Known) -> Result<(), String> {
        let values = StepValues {
            tokens: &[known.newest],
            level: known.place,
            class: *class,
            ..StepValues::default()
        };
        self.predict.run(&values, &mut known.states)
    }

    /// Moves the states on by a whole group, where `prime` does that.
    fn end_group(
        &mut self,
        group: &[u32],
        class: &[u16; MAX_CLASSES],
        known: &mut Known,
    ) -> Result<(), String> {
        let Some(prime) = &mut self.prime else {
            return Ok(());
        };
        let values = StepValues {
            tokens: group,
            class: *class,
            ..StepValues::default()
        };
        prime.run(&values, &mut known.group_states)?;
        known.states = known.group_states.picked(&self.shared_states);
        Ok(())
    }

    /// Makes a token the newest, which the states do not know yet.
    fn take(&self, token: u32, known: &mut Known) {
        known.detail.follow(token);
        known.newest = token;
        known.place = (known.place + 1) % self.vocabulary.places();
        known.groups.push_back(token);
    }

    /// Mixes what was heard into the logits.
    fn remember(&mut self, temperature: f32, likeness: f32, known: &mut Known) {
        // The whole group so far must agree: each token says what those before it left.
        if known.place > 0 {
            known.detail.require(known.place as u16);
            let mixed = known.detail.mixed(&self.logits, temperature, likeness);
            self.logits.copy_from_slice(mixed);
        }
        let so_far = known.groups.range(known.groups.len() - known.place..);
        if let Some(word) = known.read.get(known.place)
            && so_far.eq(&known.read[..known.place])
        {
            let share = likeness.clamp(0.0, 1.0).sqrt();
            self.logits = with_word(&self.logits, temperature, share, *word);
        }
    }

    /// Draws the next token.
    fn draw(&mut self, draw: &Draw, known: &mut Known) -> Result<(), String> {
        let allowed = self.vocabulary.allowed(known.place);
        self.foretell(&draw.style.class, known)?;
        let range = allowed.start as usize..allowed.end as usize;
        self.logits.fill(NEVER);
        self.logits[range.clone()].copy_from_slice(&self.predict.output()[range.clone()]);
        if self.logits[range].iter().any(|value| !value.is_finite()) {
            return Err("'predict' gave logits that are no numbers".into());
        }
        let Style {
            temperature,
            top_p,
            likeness,
            ..
        } = draw.style;
        let temperature = temperature * self.vocabulary.temperature;
        if known.place == 0 {
            known.read = read_on(&mut known.walk);
        }
        if likeness > 0.0 {
            self.remember(temperature, likeness, known);
        }
        let uniform = draw.stream.uniform_at(known.drawn);
        known.drawn += 1;
        let token = self.sampler.draw(
            &self.logits,
            |token| allowed.contains(&token),
            temperature,
            top_p * self.vocabulary.top_p,
            uniform,
        );
        self.take(token.unwrap_or(allowed.start), known);
        if known.place > 0 {
            return Ok(());
        }
        let whole = known.groups.len() - self.vocabulary.places();
        let group: Vec<u32> = known.groups.range(whole..).copied().collect();
        self.end_group(&group, &draw.style.class, known)
    }

    /// Tokens that one call of `decode` sees.
    fn seen_tokens(&self) -> usize {
        let vocabulary = &self.vocabulary;
        let groups = vocabulary.before_groups + self.decoded_groups + vocabulary.after_groups;
        groups * vocabulary.places()
    }

    /// Runs `decode` over the oldest tokens that are kept; its output are frames then.
    fn decode(&mut self, known: &Known) -> Result<(), String> {
        let seen = self.seen_tokens();
        let tokens: Vec<u32> = known.groups.iter().copied().take(seen).collect();
        let values = StepValues {
            tokens: &tokens,
            ..StepValues::default()
        };
        self.decode.run(&values, &mut States::default())
    }
}

impl FrameSource for TokenNet {
    type Known = Known;

    fn nothing(&self) -> Known {
        self.rest.clone()
    }

    fn hear(&mut self, frame: &[f32], known: &mut Known) -> Result<(), String> {
        known.window.drain(..self.bins);
        known.window.extend(frame);
        known.waiting_frames += 1;
        if known.waiting_frames < self.vocabulary.group_frames {
            return Ok(());
        }
        known.waiting_frames = 0;
        let class = self.class;
        let group = self.tokens_of(&known.window)?;
        for token in &group {
            if self.prime.is_none() {
                self.foretell(&class, known)?;
            }
            self.take(*token, known);
            known.detail.hear(*token);
        }
        let newest = known.window.make_contiguous();
        let frames = newest.len() / self.bins;
        let newest = &newest[(frames - self.vocabulary.group_frames) * self.bins..];
        known.walk.hear(&group, &mean_frame(newest, self.bins));
        self.end_group(&group, &class, known)?;
        let before = self.vocabulary.before_groups * self.vocabulary.places();
        known.groups.drain(..known.groups.len() - before);
        Ok(())
    }

    fn begin(&self, start: &SoundStart, known: &mut Known) {
        let stream = Stream::new(start.seed, Purpose::SAMPLING, 1, 0);
        let quarter_groups = f64::from(start.quarter_samples) / self.group_samples;
        known.walk.begin(stream, quarter_groups);
    }

    fn go_on(
        &mut self,
        draw: &Draw,
        known: &mut Known,
        give: &mut dyn FnMut(&[f32]),
    ) -> Result<(), String> {
        while known.groups.len() < self.seen_tokens() {
            self.draw(draw, known)?;
        }
        self.decode(known)?;
        let frames = self.decode.output();
        if frames.iter().any(|value| !value.is_finite()) {
            return Err("'decode' gave values that are no numbers".into());
        }
        // Frames that were heard after the last whole group are said again by the first one: they are known.
        let again = known.waiting_frames.min(frames.len() / self.bins);
        known.waiting_frames -= again;
        frames.chunks(self.bins).skip(again).for_each(give);
        let places = self.vocabulary.places();
        known.groups.drain(..self.decoded_groups * places);
        Ok(())
    }

    fn again(&self, started: &Known, now: &Known) -> Option<Known> {
        // The reader stays where the music is: groups that were drawn and will not sound are read again.
        let drawn = now.groups.len() / self.vocabulary.places();
        let mut walk = now.walk.clone();
        walk.step_back(drawn.saturating_sub(self.vocabulary.before_groups));
        Some(Known {
            drawn: now.drawn,
            walk,
            waiting_frames: 0,
            ..started.clone()
        })
    }

    fn says(&mut self, known: &Known, said: &mut Vec<Vec<f32>>) -> Result<(), String> {
        let mut next = known.clone();
        self.foretell(&[0; MAX_CLASSES], &mut next)?;
        said.push(self.predict.output().to_vec());
        // Not what is drawn: a draw may fall to either side of a share that differs by rounding.
        let token = |index: usize| {
            self.vocabulary
                .allowed(index % self.vocabulary.places())
                .start
        };
        let fill = (next.groups.len()..self.seen_tokens()).map(token);
        next.groups.extend(fill.collect::<Vec<_>>());
        self.decode(&next)?;
        said.push(self.decode.output().to_vec());
        Ok(())
    }
}

/// The group that the memory reads next. Places follow by when they were heard: what is made of a group is known only
/// some groups later.
fn read_on(walk: &mut HeardWalk<u32>) -> Vec<u32> {
    let Some(at) = walk.next() else {
        return Vec::new();
    };
    walk.note_place(at);
    walk.item(at).to_vec()
}

/// The mean of frames `[frames][bins]`.
fn mean_frame(frames: &[f32], bins: usize) -> Vec<f32> {
    let count = (frames.len() / bins) as f32;
    let mut mean = vec![0.0; bins];
    for frame in frames.chunks_exact(bins) {
        mean.iter_mut()
            .zip(frame)
            .for_each(|(m, v)| *m += v / count);
    }
    mean
}
