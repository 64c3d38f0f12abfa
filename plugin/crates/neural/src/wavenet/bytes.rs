//! Weights of a byte and inputs of two, multiplied as whole numbers: for nets whose maker rounded them so.
//!
//! A net is read once a sample, so its bytes are its time, and half as many leave room in the second cache for others.
//! Two products and their sum are one instruction. Sums of whole numbers are exact, so every machine makes the same bits,
//! alone and in company. Inputs are rounded to 15 bits of the largest beside them: 90 dB softer.
//!
//! Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
//! Inference", sec. 2.1 (one step of a row of weights, and no offsets).
#![allow(unsafe_code)]

use super::kernel::{Aligned, LANES, ROWS};

/// Largest weight, in steps.
const LARGEST: f32 = 127.0;
/// Inputs of a layer at most: their products then fit into a sum of 32 bits with room to spare.
const MOST_INPUTS: usize = 128;
/// Largest input, in steps.
const MOST: f32 = 32_767.0;
/// Beyond which an input is as good as none, or no number that a net makes.
const LIMITS: [f32; 2] = [1e-30, 1e30];
/// The bits of a number without its sign.
const MAGNITUDE: u32 = 0x7fff_ffff;
/// Outputs of a vector.
const VECTOR: usize = 8;
/// Weights of a vector: each output's of two inputs, side by side.
const PAIRS: usize = 2 * VECTOR;

/// A layer's weights.
#[derive(Debug)]
pub(super) struct Bytes {
    /// `[pairs of inputs][outputs][2]`, the outputs padded with zeros.
    weights: Aligned<i8>,
    /// `[outputs]`, padded: what a weight of 1 stands for.
    steps: Vec<f32>,
}

/// Inputs as whole numbers.
#[derive(Clone, Copy)]
struct Narrow {
    /// Two side by side.
    pairs: [[i16; 2]; MOST_INPUTS / 2],
    /// What 1 stands for.
    step: f32,
}

impl Narrow {
    const EMPTY: Self = Self {
        pairs: [[0; 2]; MOST_INPUTS / 2],
        step: 0.0,
    };
}

impl Bytes {
    /// From rows of outputs; none unless all weights of a row are multiples of a 127th of its largest.
    pub(super) fn of(rows: &[f32], inputs: usize, padded: usize) -> Option<Self> {
        if inputs == 0 || inputs > MOST_INPUTS || !inputs.is_multiple_of(LANES) {
            return None;
        }
        let mut weights = Aligned::zeros(inputs * padded);
        let mut steps = vec![0.0; padded];
        for (output, (row, step)) in rows.chunks_exact(inputs).zip(&mut steps).enumerate() {
            *step = row.iter().fold(0.0_f32, |most, w| most.max(w.abs())) / LARGEST;
            for (input, weight) in row.iter().enumerate() {
                let whole = (weight / step.max(f32::MIN_POSITIVE)).round();
                if whole * *step != *weight {
                    return None;
                }
                weights[(input / 2 * padded + output) * 2 + input % 2] = whole as i8;
            }
        }
        Some(Self { weights, steps })
    }

    /// Adds the weights times `inputs` to `outputs`: the first of them, as many vectors as there are.
    pub(super) fn accumulate(&self, inputs: &[f32], outputs: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this machine has AVX2.
            return unsafe { self.accumulate_by_avx2(inputs, outputs) };
        }
        self.accumulate_by::<Portable>(inputs, outputs);
    }

    /// The same for `rows` of inputs and of outputs, a multiple of [`ROWS`]: each weight is fetched and widened once
    /// for as many.
    pub(super) fn accumulate_rows(&self, rows: usize, inputs: &[f32], outputs: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this machine has AVX2.
            return unsafe { self.accumulate_rows_by_avx2(rows, inputs, outputs) };
        }
        self.accumulate_rows_by::<Portable>(rows, inputs, outputs);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn accumulate_by_avx2(&self, inputs: &[f32], outputs: &mut [f32]) {
        self.accumulate_by::<avx2::Avx2>(inputs, outputs);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn accumulate_rows_by_avx2(&self, rows: usize, inputs: &[f32], outputs: &mut [f32]) {
        self.accumulate_rows_by::<avx2::Avx2>(rows, inputs, outputs);
    }

    #[inline(always)]
    fn accumulate_by<M: Machine>(&self, inputs: &[f32], outputs: &mut [f32]) {
        let mut narrow = [Narrow::EMPTY];
        M::narrow(inputs, &mut narrow[0]);
        let (count, vectors) = (inputs.len(), outputs.len() / VECTOR);
        match [12, 8, 6]
            .iter()
            .find(|tile| vectors.is_multiple_of(**tile))
        {
            Some(12) => self.in_tiles::<M, 1, 12>(&narrow, count, outputs),
            Some(8) => self.in_tiles::<M, 1, 8>(&narrow, count, outputs),
            Some(6) => self.in_tiles::<M, 1, 6>(&narrow, count, outputs),
            _ => self.in_tiles::<M, 1, 2>(&narrow, count, outputs),
        }
    }

    #[inline(always)]
    fn accumulate_rows_by<M: Machine>(&self, rows: usize, inputs: &[f32], outputs: &mut [f32]) {
        let (input, output) = (inputs.len() / rows, outputs.len() / rows);
        let mut narrow = [Narrow::EMPTY; ROWS];
        let from = inputs.chunks_exact(ROWS * input);
        for (inputs, outputs) in from.zip(outputs.chunks_exact_mut(ROWS * output)) {
            for (inputs, narrow) in inputs.chunks_exact(input).zip(&mut narrow) {
                M::narrow(inputs, narrow);
            }
            if (output / VECTOR).is_multiple_of(3) {
                self.in_tiles::<M, ROWS, 3>(&narrow, input, outputs);
            } else {
                self.in_tiles::<M, ROWS, 2>(&narrow, input, outputs);
            }
        }
    }

    /// `COUNT` rows of inputs, `TILE` vectors of outputs at a time.
    #[inline(always)]
    fn in_tiles<M: Machine, const COUNT: usize, const TILE: usize>(
        &self,
        rows: &[Narrow; COUNT],
        inputs: usize,
        outputs: &mut [f32],
    ) {
        let (output, padded) = (outputs.len() / COUNT, self.steps.len());
        for first in (0..output).step_by(TILE * VECTOR) {
            let mut sums = [[M::ZERO; TILE]; COUNT];
            for pair in 0..inputs / 2 {
                let weights = &self.weights[2 * (pair * padded + first)..][..TILE * PAIRS];
                let (weights, _) = weights.as_chunks();
                for (sums, row) in sums.iter_mut().zip(rows) {
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        M::add(sum, weights, row.pairs[pair]);
                    }
                }
            }
            let (steps, _) = self.steps[first..][..TILE * VECTOR].as_chunks();
            for (row, (sums, narrow)) in sums.into_iter().zip(rows).enumerate() {
                let outputs = &mut outputs[row * output + first..][..TILE * VECTOR];
                let (outputs, _) = outputs.as_chunks_mut();
                for ((output, steps), sums) in outputs.iter_mut().zip(steps).zip(sums) {
                    M::finish(sums, steps, narrow.step, output);
                }
            }
        }
    }
}

/// The factor that makes inputs whole numbers, and what 1 then stands for, from the bits of the largest without its sign.
fn scale(largest: i32) -> [f32; 2] {
    let largest = f32::from_bits(largest as u32).clamp(LIMITS[0], LIMITS[1]);
    [MOST / largest, largest / MOST]
}

/// How a machine does it: all to the same bits.
trait Machine {
    /// Sums of a vector of outputs.
    type Sums: Copy;
    const ZERO: Self::Sums;

    /// The nearest whole numbers, of two equally near the even one, of a step that follows the largest of `inputs`, of
    /// which there are whole vectors. Those that `narrow` has beyond these stay.
    fn narrow(inputs: &[f32], narrow: &mut Narrow);

    /// Adds the products of a vector of weights, each output's two side by side, with two inputs.
    fn add(sums: &mut Self::Sums, weights: &[i8; PAIRS], inputs: [i16; 2]);

    /// Adds to `outputs` what the sums stand for.
    fn finish(sums: Self::Sums, steps: &[f32; VECTOR], step: f32, outputs: &mut [f32; VECTOR]);
}

/// Any.
struct Portable;

impl Machine for Portable {
    type Sums = [i32; VECTOR];
    const ZERO: Self::Sums = [0; VECTOR];

    #[inline(always)]
    fn narrow(inputs: &[f32], narrow: &mut Narrow) {
        // The bits of numbers above zero are in the order of the numbers.
        let magnitude = |input: &f32| (input.to_bits() & MAGNITUDE) as i32;
        let [factor, step] = scale(inputs.iter().map(magnitude).fold(0, i32::max));
        narrow.step = step;
        for (whole, input) in narrow.pairs.as_flattened_mut().iter_mut().zip(inputs) {
            let nearest = (input * factor).round_ties_even() as i32;
            *whole = nearest.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        }
    }

    #[inline(always)]
    fn add(sums: &mut Self::Sums, weights: &[i8; PAIRS], inputs: [i16; 2]) {
        for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<2>().0) {
            let product = |n: usize| i32::from(weights[n]) * i32::from(inputs[n]);
            *sum += product(0) + product(1);
        }
    }

    #[inline(always)]
    fn finish(sums: Self::Sums, steps: &[f32; VECTOR], step: f32, outputs: &mut [f32; VECTOR]) {
        for ((output, own), sum) in outputs.iter_mut().zip(steps).zip(sums) {
            *output += sum as f32 * (own * step);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256,
        _mm256_castps_si256, _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps, _mm256_cvtps_epi32,
        _mm256_loadu_ps, _mm256_madd_epi16, _mm256_max_epi32, _mm256_mul_ps, _mm256_packs_epi32,
        _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256,
        _mm256_storeu_ps,
    };
    use std::mem::transmute;

    use super::{MAGNITUDE, Machine, Narrow, PAIRS, VECTOR, scale};

    /// A machine that is known to have AVX2: what is below is used within functions that are compiled for it, which are
    /// called nowhere else.
    pub(super) struct Avx2;

    impl Machine for Avx2 {
        type Sums = __m256i;
        // SAFETY: any bits are whole numbers.
        const ZERO: Self::Sums = unsafe { transmute::<[i32; VECTOR], __m256i>([0; VECTOR]) };

        #[inline(always)]
        fn narrow(inputs: &[f32], narrow: &mut Narrow) {
            let (vectors, _) = inputs.as_chunks::<VECTOR>();
            let (places, _) = narrow.pairs.as_chunks_mut::<{ VECTOR / 2 }>();
            // SAFETY: there is AVX2; what is read are the 32 bytes of a vector, at any place. What becomes of vectors are
            // numbers of as many bytes.
            unsafe {
                let mut largest = _mm256_setzero_si256();
                for vector in vectors {
                    let bits = _mm256_castps_si256(_mm256_loadu_ps(vector.as_ptr()));
                    let magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(MAGNITUDE as i32));
                    largest = _mm256_max_epi32(largest, magnitude);
                }
                let largest = transmute::<__m256i, [i32; VECTOR]>(largest);
                let [factor, step] = scale(largest.into_iter().fold(0, i32::max));
                narrow.step = step;
                let factor = _mm256_set1_ps(factor);
                for (place, vector) in places.iter_mut().zip(vectors) {
                    let scaled = _mm256_mul_ps(_mm256_loadu_ps(vector.as_ptr()), factor);
                    let whole = _mm256_cvtps_epi32(scaled);
                    // Each half is packed by itself, so two quarters of what comes out are those that are wanted.
                    let packed =
                        _mm256_permute4x64_epi64::<0b10_00>(_mm256_packs_epi32(whole, whole));
                    let [low, _] = transmute::<__m256i, [[[i16; 2]; VECTOR / 2]; 2]>(packed);
                    *place = low;
                }
            }
        }

        #[inline(always)]
        fn add(sums: &mut Self::Sums, weights: &[i8; PAIRS], inputs: [i16; 2]) {
            // SAFETY: there is AVX2; the 16 bytes that are read are those of `weights`, at any place.
            unsafe {
                let weights = _mm_loadu_si128(weights.as_ptr().cast::<__m128i>());
                let both = _mm256_set1_epi32(transmute::<[i16; 2], i32>(inputs));
                let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(weights), both);
                *sums = _mm256_add_epi32(*sums, products);
            }
        }

        #[inline(always)]
        fn finish(sums: Self::Sums, steps: &[f32; VECTOR], step: f32, outputs: &mut [f32; VECTOR]) {
            // SAFETY: there is AVX2; what is read and written are the 32 bytes of `steps` and `outputs`, at any place.
            unsafe {
                let step = _mm256_mul_ps(_mm256_loadu_ps(steps.as_ptr()), _mm256_set1_ps(step));
                let added = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), step);
                let output = _mm256_add_ps(_mm256_loadu_ps(outputs.as_ptr()), added);
                _mm256_storeu_ps(outputs.as_mut_ptr(), output);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::{Bytes, LARGEST, MOST, Machine, Narrow, Portable};
    use crate::wavenet::kernel::{LANES, ROWS};
    use afterimage_spectral::counter_rng::{Purpose, Stream};

    /// Inputs and outputs of the products of a layer, and others that other tiles divide.
    const SHAPES: [(usize, usize); 6] =
        [(48, 96), (48, 48), (48, 64), (16, 32), (128, 112), (32, 80)];

    /// Rows of weights that are kept in bytes, each with its own step.
    fn rounded(inputs: usize, outputs: usize) -> Vec<f32> {
        let noise = Stream::new(3, Purpose::NOISE, 0, 0);
        let row = |output: usize| {
            let step = (1.0 + (output % 7) as f32 / 8.0) / 1024.0;
            let whole = move |input: usize| match input {
                0 => LARGEST,
                _ => (LARGEST * noise.bipolar_at((output * inputs + input) as u64)).round(),
            };
            (0..inputs).map(move |input| whole(input) * step)
        };
        (0..outputs).flat_map(row).collect()
    }

    fn inputs(count: usize) -> Vec<f32> {
        let noise = Stream::new(4, Purpose::NOISE, 0, 0);
        let level = |n: usize| 10_f32.powi((n / 37) as i32 % 4 - 2);
        (0..count)
            .map(|n| level(n) * noise.bipolar_at(n as u64))
            .collect()
    }

    fn made(bytes: &Bytes, x: &[f32], outputs: usize) -> Vec<f32> {
        let mut found = vec![0.25; outputs];
        bytes.accumulate(x, &mut found);
        found
    }

    #[test]
    fn products_are_those_of_the_weights_but_for_the_rounding_of_inputs() {
        for (input, output) in SHAPES {
            let rows = rounded(input, output);
            let bytes = Bytes::of(&rows, input, output).unwrap();
            let x = inputs(input);
            let largest = x.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let found = made(&bytes, &x, output);
            for (found, row) in found.iter().zip(rows.chunks(input)) {
                let products = row
                    .iter()
                    .zip(&x)
                    .map(|(w, x)| f64::from(*w) * f64::from(*x));
                let wanted = 0.25 + products.sum::<f64>();
                let weights: f32 = row.iter().map(|w| w.abs()).sum();
                // Half a step of 15 bits an input, and some of single precision.
                let bound = weights * largest / f32::from(i16::MAX);
                let off = (f64::from(*found) - wanted).abs();
                assert!(
                    off <= f64::from(bound),
                    "{input} to {output}: {off} of {bound}"
                );
            }
            // A step more of one weight is seen.
            let mut other = rows.clone();
            other[input + 1] -= rows[input] / LARGEST;
            let other = made(&Bytes::of(&other, input, output).unwrap(), &x, output);
            assert_eq!((other[0], other[2]), (found[0], found[2]));
            assert_ne!(other[1], found[1]);
        }
    }

    #[test]
    fn any_machine_makes_the_same_bits_alone_and_in_company() {
        for (input, output) in SHAPES {
            let bytes = Bytes::of(&rounded(input, output), input, output).unwrap();
            let x = inputs(3 * ROWS * input);
            let alone: Vec<f32> = x
                .chunks(input)
                .flat_map(|x| made(&bytes, x, output))
                .collect();
            let [mut company, mut portable, mut portable_company] =
                [0; 3].map(|_| vec![0.25; alone.len()]);
            bytes.accumulate_rows(3 * ROWS, &x, &mut company);
            for (x, made) in x.chunks(input).zip(portable.chunks_mut(output)) {
                bytes.accumulate_by::<Portable>(x, made);
            }
            bytes.accumulate_rows_by::<Portable>(3 * ROWS, &x, &mut portable_company);
            assert!(alone == company && alone == portable && alone == portable_company);
        }
    }

    #[test]
    fn weights_that_are_no_multiples_of_a_step_are_not_taken() {
        let mut rows = rounded(48, 96);
        assert!(Bytes::of(&rows, 48, 96).is_some());
        rows[100] += 1e-5;
        assert!(Bytes::of(&rows, 48, 96).is_none());
        // A row of nothing is one, and inputs that no vectors divide are not.
        assert!(Bytes::of(&[0.0; 16 * 16], 16, LANES).is_some());
        assert!(Bytes::of(&[0.0; 17 * 16], 17, LANES).is_none());
        assert!(Bytes::of(&vec![0.0; 144 * 16], 144, LANES).is_none());
    }

    #[test]
    fn silence_stays_silent_and_what_no_net_makes_stays_finite() {
        let bytes = Bytes::of(&rounded(48, 96), 48, 96).unwrap();
        assert_eq!(made(&bytes, &[0.0; 48], 96), vec![0.25; 96]);
        for level in [1e-42, 1e-30, 1e20, 1e29] {
            let x: Vec<f32> = inputs(48).iter().map(|x| level * x).collect();
            assert!(
                made(&bytes, &x, 96).iter().all(|y| y.is_finite()),
                "{level}"
            );
        }
        let mut narrow = Narrow::EMPTY;
        Portable::narrow(&[1.0; 48], &mut narrow);
        assert_eq!((narrow.pairs[0], narrow.step), ([i16::MAX; 2], 1.0 / MOST));
    }
}
