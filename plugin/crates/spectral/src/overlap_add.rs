//! Windowed overlap-add on a grid that starts in the middle of frame 0. Audio thread.
//!
//! Leaves phases and transforms to its callers: it takes time-domain frames and gives hops.

use crate::spec::StftSpec;
use crate::window::{hann_periodic, sine_periodic};

/// What divides the sum of windowed frames: the sum over the frames that exist of both their windows.
#[derive(Clone, Debug)]
pub(crate) struct WindowSums {
    // Synthesis window, `[2 * synthesis_support]`.
    window: Vec<f32>,
    // Reciprocals, `[pre_centre_frames][hop]`; the last row is the steady state.
    reciprocal: Vec<f32>,
    spec: StftSpec,
}

impl WindowSums {
    /// `gain` is folded into the synthesis window (1 / fft_size after an unscaled inverse FFT). Allocates.
    pub(crate) fn new(spec: &StftSpec, gain: f32) -> Self {
        let (hop, support) = (spec.hop(), spec.synthesis_support());
        let analysis = hann_periodic(spec.fft_size());
        // A frame comes back with its analysis window on it, so only the product of both counts.
        let inner = &analysis[spec.fft_size() / 2 - support..][..2 * support];
        // The shorter the window, the fewer frames agree on a sample; a half wave lets each say more than
        // a Hann window would (0.3 dB of spectral convergence at a quarter of the transform).
        let window = if support == spec.fft_size() / 2 {
            analysis.clone()
        } else {
            sine_periodic(2 * support)
        };
        let rows = spec.pre_centre_frames();
        let mut reciprocal = vec![0.0; rows * hop];
        for (sample, reciprocal) in reciprocal.iter_mut().enumerate() {
            let mut sum = 0.0_f64;
            // Divide by the window sum of the frames that exist: a note's first hop has no left half.
            for frame in 0..=sample / hop + rows {
                let place = (sample + support).wrapping_sub(frame * hop);
                if place < window.len() {
                    sum += f64::from(window[place]) * f64::from(inner[place]);
                }
            }
            *reciprocal = (1.0 / sum) as f32;
        }
        let window = window.iter().map(|w| w * gain).collect();
        Self {
            window,
            reciprocal,
            spec: *spec,
        }
    }

    fn row(&self, hop_index: u64) -> &[f32] {
        let last = self.spec.pre_centre_frames() as u64 - 1;
        let row = hop_index.min(last) as usize;
        &self.reciprocal[row * self.spec.hop()..(row + 1) * self.spec.hop()]
    }
}

/// The running sum of one channel: a ring of two windows, so that a caller may run ahead.
#[derive(Clone, Debug)]
pub(crate) struct OverlapAdd {
    ring: Vec<f32>,
    frames_added: u64,
    hops_taken: u64,
}

impl OverlapAdd {
    /// Allocates a ring of twice the window.
    pub(crate) fn new(spec: &StftSpec) -> Self {
        Self {
            ring: vec![0.0; 2 * spec.fft_size()],
            frames_added: 0,
            hops_taken: 0,
        }
    }

    /// Forgets everything; the next frame is frame 0. Real-time safe.
    pub(crate) fn clear(&mut self) {
        self.ring.fill(0.0);
        self.frames_added = 0;
        self.hops_taken = 0;
    }

    /// Adds the next frame, `[fft_size]`, rotated so that its centre is at index 0 (as an inverse FFT
    /// of a zero-phase spectrum gives it). Real-time safe.
    pub(crate) fn add(&mut self, sums: &WindowSums, centred: &[f32]) {
        self.make_room(sums);
        let support = sums.spec.synthesis_support();
        let (left, right) = sums.window.split_at(support);
        let after = &centred[..support];
        let before = &centred[centred.len() - support..];
        let centre = self.frames_added * sums.spec.hop() as u64;
        let first = centre.saturating_sub(support as u64);
        let skipped = support - (centre - first) as usize; // what lies before sample 0
        self.add_from(first, &before[skipped..], &left[skipped..]);
        self.add_from(centre, after, right);
        self.frames_added += 1;
    }

    /// Counts a frame that is silent. Real-time safe.
    pub(crate) fn add_silence(&mut self, sums: &WindowSums) {
        self.make_room(sums);
        self.frames_added += 1;
    }

    // A caller that never takes hops loses the oldest instead of overrunning the ring.
    fn make_room(&mut self, sums: &WindowSums) {
        let hop = sums.spec.hop() as u64;
        let end = self.frames_added * hop + sums.spec.synthesis_support() as u64;
        while end > self.hops_taken * hop + self.ring.len() as u64 {
            let start = (self.hops_taken * hop % self.ring.len() as u64) as usize;
            self.ring[start..start + hop as usize].fill(0.0);
            self.hops_taken += 1;
        }
    }

    fn add_from(&mut self, sample: u64, frame: &[f32], window: &[f32]) {
        let start = (sample % self.ring.len() as u64) as usize;
        let until_wrap = frame.len().min(self.ring.len() - start);
        let (head, tail) = frame.split_at(until_wrap);
        let (head_window, tail_window) = window.split_at(until_wrap);
        accumulate(&mut self.ring[start..], head, head_window);
        accumulate(&mut self.ring, tail, tail_window);
    }

    /// Takes the next hop, `[hop]`; a shorter or longer slice gets what fits, then zeros. Real-time safe.
    pub(crate) fn take_hop(&mut self, sums: &WindowSums, out: &mut [f32]) {
        let hop = sums.spec.hop();
        let start = (self.hops_taken * hop as u64 % self.ring.len() as u64) as usize;
        let ring = &mut self.ring[start..start + hop];
        let reciprocal = sums.row(self.hops_taken);
        for ((out, value), scale) in out.iter_mut().zip(ring.iter()).zip(reciprocal) {
            *out = value * scale;
        }
        out.iter_mut().skip(hop).for_each(|sample| *sample = 0.0);
        ring.fill(0.0);
        self.hops_taken += 1;
    }
}

/// What was added to an [`OverlapAdd`] and not yet taken.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    frames_added: u64,
    hops_taken: u64,
    samples: Vec<f32>,
}

impl Tail {
    pub(crate) fn size_bytes(&self) -> usize {
        size_of_val(self.samples.as_slice())
    }
}

impl OverlapAdd {
    /// Keeps what is not yet taken. Allocates.
    pub(crate) fn keep(&self, sums: &WindowSums) -> Tail {
        let hop = sums.spec.hop() as u64;
        let from = self.hops_taken * hop;
        let last_centre = self.frames_added.saturating_sub(1) * hop;
        let to = (last_centre + sums.spec.fft_size() as u64 / 2).max(from);
        let place = |sample: u64| (sample % self.ring.len() as u64) as usize;
        Tail {
            frames_added: self.frames_added,
            hops_taken: self.hops_taken,
            samples: (from..to).map(|sample| self.ring[place(sample)]).collect(),
        }
    }

    /// Goes on from `near`, and from `other` by its share, 0 to 1, where there is one. Real-time safe.
    pub(crate) fn restore(&mut self, sums: &WindowSums, near: &Tail, other: Option<(&Tail, f32)>) {
        self.clear();
        (self.frames_added, self.hops_taken) = (near.frames_added, near.hops_taken);
        let from = near.hops_taken * sums.spec.hop() as u64;
        self.put(
            from,
            &near.samples,
            1.0 - other.map_or(0.0, |(_, share)| share),
        );
        if let Some((tail, share)) = other {
            self.put(from, &tail.samples, share);
        }
    }

    fn put(&mut self, from: u64, samples: &[f32], gain: f32) {
        let start = (from % self.ring.len() as u64) as usize;
        let (wrapped, straight) = self.ring.split_at_mut(start);
        let places = straight.iter_mut().chain(wrapped);
        for (place, sample) in places.zip(samples) {
            *place += gain * sample;
        }
    }
}

fn accumulate(ring: &mut [f32], frame: &[f32], window: &[f32]) {
    for ((sum, sample), weight) in ring.iter_mut().zip(frame).zip(window) {
        *sum += sample * weight;
    }
}
