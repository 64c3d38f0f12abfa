//! Event models: a net that says, token by token, which note comes next.
//!
//! [`load_composer`] makes such a pack ready for the engine. Loader and worker threads only.

mod composer;
mod model;
mod plan;
mod prompt;
mod sampler;

pub use composer::EventComposer;
pub(crate) use model::EventModel;
pub(crate) use sampler::Sampler;

use std::sync::Arc;
use std::time::Instant;

use crate::backend::BackendKind;
use crate::error::PackError;
use crate::manifest::{EventVocabulary, Manifest, RepresentationKind, TokenKind};
use crate::native::set_flush_denormals;
use crate::pack::Pack;
use crate::runtime::Runtime;
pub(crate) use plan::EventPlan;

/// Tokens of the trial run.
const TRIAL_TOKENS: usize = 96;
/// Slowest step that still plays: a dense passage of 48 tokens in an eighth of a second.
const MAX_TOKEN_US: f64 = 2_500.0;

/// An event model that can continue notes.
pub struct LoadedComposer {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// What the engine plays.
    pub composer: EventComposer,
    /// What loading found and measured.
    pub report: ComposerReport,
}

/// What loading found and measured.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposerReport {
    /// The runtime that runs it.
    pub backend: BackendKind,
    /// Why the preferred runtime does not run it, if so: one sentence.
    pub fallback: Option<String>,
    /// Time to make the graph ready, in milliseconds.
    pub load_ms: f64,
    /// Median time of one token, in microseconds.
    pub token_us: f64,
}

/// Whether a pack is an event model, to be loaded by [`load_composer`].
pub fn is_event_model(manifest: &Manifest) -> bool {
    manifest.representation.kind == RepresentationKind::Events
}

/// Loads an event model: on the preferred runtime, or on the next that takes it.
///
/// # Errors
/// One sentence; see [`PackError`].
pub fn load_composer(pack: &Pack, runtime: &Runtime) -> Result<LoadedComposer, PackError> {
    let plan = EventPlan::new(pack)?;
    let mut refusals = Vec::new();
    for kind in runtime.kinds() {
        let flags = set_flush_denormals();
        let start = Instant::now();
        let opened = EventModel::open(pack, &plan, runtime, *kind);
        let load_ms = start.elapsed().as_secs_f64() * 1e3;
        let tried = opened.and_then(|mut model| trial(&mut model, &plan).map(|t| (model, t)));
        flags.restore();
        let (model, trial) = match tried {
            Ok(tried) => tried,
            Err(reason) => {
                refusals.push(format!("{kind} said: {reason}"));
                continue;
            }
        };
        check_trial(pack, &plan, &trial)?;
        let reasons = refusals.join("; ");
        let sentence = || format!("'{}' runs on {kind}, because {reasons}.", pack.name());
        return Ok(LoadedComposer {
            manifest: pack.shared_manifest(),
            composer: EventComposer::new(pack.name(), model, plan.vocabulary.clone()),
            report: ComposerReport {
                backend: *kind,
                fallback: (!refusals.is_empty()).then(sentence),
                load_ms,
                token_us: trial.token_us,
            },
        });
    }
    let names: Vec<_> = runtime.kinds().iter().map(|kind| kind.name()).collect();
    Err(PackError::Backend {
        pack: pack.name().to_owned(),
        file: plan.step.file.clone(),
        expected: names.join(" or "),
        found: refusals.join("; "),
    })
}

/// What composes by a pack's vocabulary from the memory of what was heard alone, without its net: the
/// baseline that the net has to beat.
///
/// # Errors
/// One sentence, if the pack is no event model.
pub fn memory_composer(pack: &Pack) -> Result<EventComposer, PackError> {
    let plan = EventPlan::new(pack)?;
    Ok(EventComposer::without_net(pack.name(), plan.vocabulary))
}

/// What a trial run gave.
pub(crate) struct Trial {
    /// `[tokens][size]`.
    pub(crate) logits: Vec<Vec<f32>>,
    token_us: f64,
}

/// A walk through the grammar that every run repeats: each token follows the one before.
pub(crate) fn trial_tokens(vocabulary: &EventVocabulary) -> Vec<u32> {
    let start = vocabulary
        .classes
        .iter()
        .find(|c| c.kind == TokenKind::Start);
    let mut class = start.unwrap_or(&vocabulary.classes[0]);
    let mut tokens = Vec::with_capacity(TRIAL_TOKENS);
    for step in 0..TRIAL_TOKENS {
        let place = (step * 7) % class.values.len();
        tokens.push(class.first + place as u32);
        let goes_on = |follower: &&usize| vocabulary.classes[**follower].kind != TokenKind::End;
        let followers: Vec<&usize> = class.followers.iter().filter(goes_on).collect();
        let Some(follower) = followers.get(step % followers.len().max(1)) else {
            break;
        };
        class = &vocabulary.classes[**follower];
    }
    tokens
}

/// Runs the walk and times it.
pub(crate) fn trial(model: &mut EventModel, plan: &EventPlan) -> Result<Trial, String> {
    model.forget();
    let (mut logits, mut times) = (Vec::new(), Vec::new());
    for token in trial_tokens(&plan.vocabulary) {
        let start = Instant::now();
        model.step(token, &[0; 4])?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        logits.push(model.logits().to_vec());
    }
    model.forget();
    times.sort_by(f64::total_cmp);
    let token_us = times.get(times.len() / 2).copied().unwrap_or(0.0);
    Ok(Trial { logits, token_us })
}

fn check_trial(pack: &Pack, plan: &EventPlan, trial: &Trial) -> Result<(), PackError> {
    let all = trial.logits.iter().flatten();
    let bad = all.filter(|value| !value.is_finite()).count();
    if bad > 0 {
        return Err(PackError::NotFinite {
            pack: pack.name().to_owned(),
            tensor: plan.logits().to_owned(),
            found: format!(
                "{bad} of {} values were not, over {} tokens",
                trial.logits.len() * plan.vocabulary.size(),
                trial.logits.len()
            ),
        });
    }
    if trial.token_us > MAX_TOKEN_US {
        return Err(PackError::OverBudget {
            pack: pack.name().to_owned(),
            what: "one token of the predictor",
            limit: format!("{MAX_TOKEN_US} us"),
            found: format!("{:.0} us", trial.token_us),
        });
    }
    Ok(())
}
