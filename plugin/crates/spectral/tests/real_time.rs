//! Whatever says "Real-time safe" does not touch the allocator.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use afterimage_spectral::clean::clean_magnitudes;
use afterimage_spectral::representation::{
    Axis, BandSpec, Forward, HarmonicNoiseSpec, Inverse, PartialSeries, RepresentationSpec,
};
use afterimage_spectral::stft::{Analysis, Synthesis};
use afterimage_spectral::{
    Iteration, LogUnit, PhaseMethod, Resampler, Scale, StftSpec, SynthesisFrame, VoiceInverse,
    WholeInverse,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more; nothing is measured there.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: `pointer` came from `alloc` above, that is from the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn calls_during(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

#[test]
fn voices_do_not_allocate() {
    let spec = StftSpec::new(1024, 128).unwrap();
    let magnitudes: Vec<f32> = (0..spec.bins())
        .map(|bin| 1.0 / (1.0 + bin as f32 % 9.0))
        .collect();
    let (mut mid, mut side) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()]);
    for method in [
        PhaseMethod::F0Lock,
        PhaseMethod::Rtpghi,
        PhaseMethod::RtpghiLookahead,
        PhaseMethod::Spsi,
    ] {
        let mut voice = VoiceInverse::new(&spec, 48_000.0, method);
        let calls = calls_during(|| {
            for index in 0..200_u64 {
                if index % 60 == 0 {
                    voice.start(index);
                }
                let pitch_hz = if index % 7 == 0 {
                    0.0
                } else {
                    30.0 + 20.0 * index as f32
                };
                voice.push(SynthesisFrame {
                    magnitudes: &magnitudes,
                    pitch_hz,
                    spread: 0.5,
                    gain: 1.0,
                });
                voice.hold(0.9);
                voice.pull_hop(&mut mid, &mut side);
            }
        });
        assert_eq!(calls, 0, "{method:?}");
    }
}

#[test]
fn a_workspace_inverts_spectrograms_without_allocating() {
    let spec = StftSpec::new(512, 64).unwrap();
    let magnitudes = vec![0.5; 20 * spec.bins()];
    for iteration in [Iteration::FastGriffinLim, Iteration::Sequential] {
        let mut workspace = WholeInverse::new(&spec, 20, iteration);
        let calls = calls_during(|| {
            for frames in [20, 1, 7] {
                let got = workspace.invert(&magnitudes[..frames * spec.bins()], 3, 1);
                assert!(got.is_ok());
            }
        });
        assert_eq!(calls, 0, "{iteration:?}");
    }
}

#[test]
fn resampling_and_its_reset_do_not_allocate() {
    for (model, host) in [
        (48_000.0, 44_100.0),
        (22_050.0, 192_000.0),
        (48_000.0, 48_000.0),
    ] {
        let mut resampler = Resampler::new(model, host, 2).unwrap();
        let (mut left, mut right) = (vec![0.0; 333], vec![0.0; 333]);
        let calls = calls_during(|| {
            for turn in 0..50 {
                if turn % 20 == 0 {
                    resampler.reset();
                }
                resampler.pull(&mut [&mut left, &mut right], |model| {
                    model.iter_mut().for_each(|channel| channel.fill(0.3));
                });
            }
        });
        assert_eq!(calls, 0, "{model} -> {host}");
    }
}

#[test]
fn analysis_synthesis_scales_and_cleaning_do_not_allocate() {
    let spec = StftSpec::new(512, 64).unwrap();
    let (mut analysis, mut synthesis) = (Analysis::new(&spec), Synthesis::new(&spec));
    let scale = Scale::log_amplitude(LogUnit::Decibel, 1.0, -100.0, -90.0).unwrap();
    let sound = vec![0.5; 5000];
    let (mut hop, mut values, mut magnitudes) = (vec![0.0; 64], vec![0.0; 257], vec![1.0; 257]);
    let calls = calls_during(|| {
        analysis.reset();
        synthesis.reset();
        analysis.push(&sound, |_, spectrum| {
            synthesis.push(spectrum);
            synthesis.pull_hop(&mut hop);
        });
        scale.from_magnitudes(&magnitudes, &mut values);
        scale.to_magnitudes(&values, &mut magnitudes);
        clean_magnitudes(&mut magnitudes);
    });
    assert_eq!(calls, 0);
}

#[test]
fn representations_do_not_allocate() {
    let bands = BandSpec::per_octave(48, 55.0, 20_000.0);
    let partials = HarmonicNoiseSpec {
        partials: 40,
        noise_bands: 16,
        f_min_hz: 0.0,
        f_max_hz: 20_000.0,
    };
    for axis in [
        Axis::Bins,
        Axis::Bands(bands),
        Axis::HarmonicNoise(partials),
    ] {
        let spec = RepresentationSpec {
            rate_hz: 44_100.0,
            fft_size: 1024,
            axis,
            scale: Scale::POWER,
        };
        let mut forward = Forward::new(&spec).unwrap();
        let mut inverse = Inverse::new(&spec).unwrap().with_refine_steps(5);
        let series = PartialSeries {
            f0_hz: 220.0,
            inharmonicity: 1e-4,
        };
        let (mut values, mut magnitudes) = (vec![0.0; forward.values()], vec![1.0; 513]);
        let calls = calls_during(|| {
            forward.apply(&magnitudes, series, &mut values);
            inverse.apply(&values, &mut magnitudes);
            inverse.apply(&values[1..], &mut magnitudes);
        });
        assert_eq!(calls, 0, "{axis:?}");
    }
}

#[test]
fn an_allocating_closure_is_caught() {
    let calls = calls_during(|| drop(std::hint::black_box(vec![1_u8; 100])));
    assert_eq!(calls, 2);
}
