//! A memory of what was heard, and its share in what a net says comes next.
//!
//! A suffix model of variable order over token numbers, whatever they stand for: notes, durations, codes
//! of sound. It keeps the newest tokens that were heard, and predicts from the places where they went on
//! from something like the present. Worker thread only.

use std::collections::VecDeque;

/// Longest context that counts, in tokens: two bars of eighth notes. Longer ones add nothing, because what
/// they all were followed by is nearly certain by then.
const LONGEST_ORDER: u16 = 48;

/// A suffix model of what was heard.
///
/// Two strands of tokens go in: those [heard](Self::hear), which are remembered, and those that
/// [follow](Self::follow), which say where the music stands now. What a net draws follows, but is not
/// heard, so that a model never learns from itself. A clone is another memory of the same.
///
/// ```
/// # use afterimage_neural::SuffixModel;
/// let mut memory = SuffixModel::new(4, 100, 1);
/// [0, 1, 2, 0, 1, 2].iter().for_each(|token| memory.hear(*token));
/// [0, 1].iter().for_each(|token| memory.follow(*token));
/// let (chances, escape) = memory.recall();
/// assert!(chances[2] > 0.8 && chances[2] + escape > 0.999);
/// ```
#[derive(Clone, Debug)]
pub struct SuffixModel {
    capacity: usize,
    least_order: u16,
    heard: VecDeque<u32>,
    /// For each token heard, how many before it are the newest that followed.
    agreed: VecDeque<u16>,
    /// Orders and tokens of the places that agree, longest first.
    places: Vec<(u16, u32)>,
    /// `[size]`: how often each token came at the order at hand and above.
    counts: Vec<u32>,
    /// Tokens whose count is not 0, in the order they were found.
    found: Vec<u32>,
    /// `[size]`.
    chances: Vec<f64>,
    /// `[size]`.
    mixed: Vec<f32>,
}

impl SuffixModel {
    /// A memory of the newest `capacity` tokens of a vocabulary of `size`.
    ///
    /// `least_order`: tokens that must agree before a place counts. With 0 the shares of all that was
    /// heard are the last word; more leave that word to the net. Allocates all it will ever hold.
    pub fn new(size: usize, capacity: usize, least_order: u16) -> Self {
        Self {
            capacity: capacity.max(1),
            least_order: least_order.min(LONGEST_ORDER),
            heard: VecDeque::with_capacity(capacity.max(1)),
            agreed: VecDeque::with_capacity(capacity.max(1)),
            places: Vec::with_capacity(capacity.max(1)),
            counts: vec![0; size],
            found: Vec::with_capacity(size),
            chances: vec![0.0; size],
            mixed: vec![0.0; size],
        }
    }

    /// From now on so many tokens must agree before a place counts; see [`Self::new`].
    pub fn require(&mut self, least_order: u16) {
        self.least_order = least_order.min(LONGEST_ORDER);
    }

    /// Forgets what was heard and what followed.
    pub fn forget(&mut self) {
        self.heard.clear();
        self.agreed.clear();
    }

    /// Remembers a token; the oldest goes when the memory is full. Tokens beyond the vocabulary are left out.
    pub fn hear(&mut self, token: u32) {
        if token as usize >= self.counts.len() {
            return;
        }
        if self.heard.len() == self.capacity {
            self.heard.pop_front();
            self.agreed.pop_front();
        }
        self.heard.push_back(token);
        self.agreed.push_back(0);
    }

    /// Moves the present on by a token.
    pub fn follow(&mut self, token: u32) {
        let mut before = None;
        for (heard, agreed) in self.heard.iter().zip(&mut self.agreed) {
            let longer = before.map_or(0, |(last, order): (u32, u16)| {
                if last == token {
                    (order + 1).min(LONGEST_ORDER)
                } else {
                    0
                }
            });
            before = Some((*heard, std::mem::replace(agreed, longer)));
        }
    }

    /// What the memory says comes next: chances `[size]`, and the chance that it is something else, for
    /// which it has no word. All of them add up to 1.
    ///
    /// Prediction by partial matching, blended: each order shares out `n / (n + u)` of what those above it
    /// left, of `n` places with `u` tokens.
    /// Source: Moffat 1990, "Implementing the PPM data compression scheme", escapes by method C.
    pub fn recall(&mut self) -> (&[f64], f64) {
        self.find_places();
        self.counts.fill(0);
        self.found.clear();
        self.chances.fill(0.0);
        let mut left = 1.0;
        let (mut taken, mut order) = (0, LONGEST_ORDER);
        loop {
            let longer = self.places[taken..].iter().take_while(|p| p.0 >= order);
            for (_, token) in longer {
                let count = &mut self.counts[*token as usize];
                if *count == 0 {
                    self.found.push(*token);
                }
                *count += 1;
                taken += 1;
            }
            if taken > 0 {
                let share = left / (taken + self.found.len()) as f64;
                for token in &self.found {
                    let token = *token as usize;
                    self.chances[token] += share * f64::from(self.counts[token]);
                }
                left = share * self.found.len() as f64;
            }
            if order == self.least_order {
                return (&self.chances, left);
            }
            order -= 1;
        }
    }

    /// Mixes the memory into what a net says: logits `[size]` whose softmax at `temperature` is the mix.
    ///
    /// `likeness`, 0 to 1, is the memory's share where it has a word; the rest, and what the memory escapes
    /// from, is the net's. `logits`: `[size]`. At temperature 0 the net's word is its likeliest token.
    pub fn mixed(&mut self, logits: &[f32], temperature: f32, likeness: f32) -> &[f32] {
        let likeness = f64::from(likeness.clamp(0.0, 1.0));
        let (_, escape) = self.recall();
        let net_share = 1.0 - likeness * (1.0 - escape);
        let memory = |token: usize| likeness * self.chances[token];
        mix(logits, temperature, net_share, memory, &mut self.mixed);
        &self.mixed
    }

    /// The memory's own word, where there is no net: logits `[size]` whose softmax is what it recalls.
    pub fn alone(&mut self) -> &[f32] {
        self.recall();
        for (mixed, chance) in self.mixed.iter_mut().zip(&self.chances) {
            *mixed = chance.max(f64::from(f32::MIN_POSITIVE)).ln() as f32;
        }
        &self.mixed
    }

    fn find_places(&mut self) {
        self.places.clear();
        let least = self.least_order;
        let all = self.agreed.iter().copied().zip(self.heard.iter().copied());
        self.places.extend(all.filter(|(order, _)| *order >= least));
        self.places.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// Logits whose softmax at `temperature` gives `share`, 0 to 1, to one word, and the rest to what a net says.
///
/// Tokens whose logits say that they may not stand there keep a chance of next to nothing.
pub(crate) fn with_word(logits: &[f32], temperature: f32, share: f32, word: u32) -> Vec<f32> {
    // With no freedom there is one word: the likelier one, and the memory's where both are.
    let share = match temperature > 0.0 {
        true => f64::from(share.clamp(0.0, 1.0)),
        false => f64::from(u8::from(share >= 0.5)),
    };
    let memory = |token: usize| if token == word as usize { share } else { 0.0 };
    let mut mixed = vec![0.0; logits.len()];
    mix(logits, temperature, 1.0 - share, memory, &mut mixed);
    mixed
}

/// The net's chances at a temperature times its share, and the memory's beside them, as logits of that temperature.
fn mix(
    logits: &[f32],
    temperature: f32,
    net_share: f64,
    memory: impl Fn(usize) -> f64,
    mixed: &mut [f32],
) {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let weight = |logit: f32| match temperature > 0.0 {
        true => f64::from((logit - most) / temperature).exp(),
        false => f64::from(u8::from(logit == most)),
    };
    let sum: f64 = logits.iter().map(|logit| weight(*logit)).sum();
    let scale = if temperature > 0.0 { temperature } else { 1.0 };
    for (token, (mixed, logit)) in mixed.iter_mut().zip(logits).enumerate() {
        let chance = net_share * weight(*logit) / sum + memory(token);
        *mixed = scale * chance.max(f64::from(f32::MIN_POSITIVE)).ln() as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::{SuffixModel, with_word};

    const SIZE: usize = 6;

    fn memory(heard: &[u32], follows: &[u32], least_order: u16) -> SuffixModel {
        let mut memory = SuffixModel::new(SIZE, 64, least_order);
        heard.iter().for_each(|token| memory.hear(*token));
        follows.iter().for_each(|token| memory.follow(*token));
        memory
    }

    fn softmax(logits: &[f32]) -> Vec<f64> {
        let weights: Vec<f64> = logits.iter().map(|l| f64::from(*l).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    #[test]
    fn chances_and_escape_add_up_to_one() {
        for least in 0..4 {
            for follows in [&[][..], &[1], &[0, 1], &[5, 5], &[0, 1, 2, 0, 1, 3]] {
                let mut memory = memory(&[0, 1, 2, 0, 1, 3, 0, 1, 2], follows, least);
                let (chances, escape) = memory.recall();
                let sum: f64 = chances.iter().sum();
                assert!((sum + escape - 1.0).abs() < 1e-12, "{follows:?} {least}");
            }
        }
    }

    #[test]
    fn chances_are_those_of_method_c() {
        // After 0 1 came 2 twice and 3 once; what stands before them never agrees with the 3 before the present.
        let mut memory = memory(&[4, 0, 1, 2, 5, 0, 1, 3, 4, 0, 1, 2], &[3, 0, 1], 1);
        let (chances, escape) = memory.recall();
        // Three places with two tokens at order 2, and again at order 1 in what order 2 left.
        let twice = (1.0 + 2.0 / 5.0) / 5.0;
        assert!((chances[2] - 2.0 * twice).abs() < 1e-12, "{chances:?}");
        assert!((chances[3] - twice).abs() < 1e-12, "{chances:?}");
        assert!((escape - 4.0 / 25.0).abs() < 1e-12);
    }

    #[test]
    fn a_longer_context_outweighs_a_shorter_one() {
        // After 0 1 came 2, after 5 1 three times 3.
        let heard = [0, 1, 2, 5, 1, 3, 5, 1, 3, 5, 1, 3];
        let mut long = memory(&heard, &[2, 0, 1], 1);
        assert!(long.recall().0[2] > long.recall().0[3]);
        let mut short = memory(&heard, &[4, 1], 1);
        assert!(short.recall().0[2] < short.recall().0[3]);
    }

    #[test]
    fn what_was_never_heard_so_is_left_to_the_net() {
        let mut memory = memory(&[0, 1, 2, 0, 1, 2], &[1, 0], 2);
        assert_eq!(memory.recall().1, 1.0);
        let logits = [0.5, 1.0, -2.0, 0.0, 0.25, 3.0];
        let wanted = softmax(&logits);
        for (given, wanted) in softmax(memory.mixed(&logits, 1.0, 1.0)).iter().zip(wanted) {
            assert!((given - wanted).abs() < 1e-6);
        }
    }

    #[test]
    fn more_may_be_required_later() {
        let mut memory = memory(&[0, 1, 2, 5, 1, 3], &[0, 1], 1);
        assert!(memory.recall().0[3] > 0.0);
        memory.require(2);
        assert!(memory.recall().0[2] > 0.0 && memory.recall().0[3] == 0.0);
    }

    #[test]
    fn likeness_moves_the_chances_from_the_nets_to_the_memorys() {
        let logits = [0.0, 0.0, 0.0, 0.0, 0.0, 5.0];
        let mut memory = memory(&[0, 1, 2, 0, 1, 2, 0, 1, 2], &[0, 1, 2, 0, 1], 1);
        let mut before = 0.0;
        for likeness in [0.0, 0.25, 0.5, 1.0] {
            let chance = softmax(memory.mixed(&logits, 1.0, likeness))[2];
            assert!(chance > before, "likeness {likeness}: {chance}");
            before = chance;
        }
        assert!(before > 0.95);
    }

    #[test]
    fn at_temperature_0_the_net_has_one_word() {
        let mut memory = memory(&[0, 1, 2], &[0, 1], 1);
        let mixed = memory.mixed(&[1.0, 0.9, 0.0, 0.9, 0.9, 0.9], 0.0, 0.25);
        assert!(mixed[0] > mixed[2] && mixed[2] > mixed[1]);
    }

    #[test]
    fn a_full_memory_forgets_the_oldest_and_grows_no_more() {
        let mut memory = SuffixModel::new(SIZE, 8, 1);
        let sizes = |memory: &SuffixModel| (memory.heard.capacity(), memory.places.capacity());
        let before = sizes(&memory);
        [4, 5].iter().for_each(|token| memory.hear(*token));
        for step in 0..1000 {
            memory.hear(step % 4);
            memory.follow(step % 4);
            memory.recall();
        }
        assert_eq!((memory.heard.len(), sizes(&memory)), (8, before));
        memory.follow(4);
        assert_eq!(memory.recall().1, 1.0, "what 4 was followed by is gone");
    }

    #[test]
    fn a_token_that_is_none_is_not_heard() {
        let mut memory = memory(&[0, 99, 1], &[0], 1);
        assert!(memory.recall().0[1] > 0.0);
    }

    #[test]
    fn with_no_freedom_half_a_share_is_the_memorys() {
        let likeliest = |share| {
            let mixed = with_word(&[1.0, 0.0, 3.0], 0.0, share, 1);
            (0..3).max_by(|a, b| mixed[*a].total_cmp(&mixed[*b]))
        };
        assert_eq!([0.4, 0.5, 0.9].map(likeliest), [Some(2), Some(1), Some(1)]);
    }

    #[test]
    fn a_word_gets_its_share_and_the_net_the_rest() {
        let logits = [1.0, 0.0, -1.0, 2.0];
        for (temperature, share) in [(1.0, 0.25), (0.7, 0.5), (1.5, 0.0), (1.0, 1.0)] {
            let scaled = |logits: &[f32]| {
                softmax(&logits.iter().map(|l| l / temperature).collect::<Vec<_>>())
            };
            let (net, mixed) = (
                scaled(&logits),
                scaled(&with_word(&logits, temperature, share, 2)),
            );
            for (token, (net, mixed)) in net.iter().zip(mixed).enumerate() {
                let word = if token == 2 { f64::from(share) } else { 0.0 };
                let wanted = (1.0 - f64::from(share)) * net + word;
                assert!((mixed - wanted).abs() < 1e-6, "{token}: {mixed}, {wanted}");
            }
        }
    }
}
