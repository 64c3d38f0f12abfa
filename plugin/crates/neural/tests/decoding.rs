//! What a loaded pack gives: the same frames on both runtimes, whatever the batch.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_macros,
    reason = "tests may unwrap and print"
)]

mod fixture;

use afterimage_engine::contract::{DecodeError, Decoder, FrameRequest};
use afterimage_neural::{Pack, Runtime, flushes_denormals, load, set_flush_denormals};
use fixture::{decode, frames, load_embedded, open, request, runtimes};

/// Largest difference of two runtimes, relative to the loudest bin.
const AGREEMENT: f32 = 1e-4;

fn requests(count: usize) -> Vec<FrameRequest> {
    (0..count).map(request).collect()
}

fn bits(frame: &afterimage_engine::contract::Frame) -> Vec<u32> {
    frame
        .magnitudes
        .iter()
        .map(|magnitude| magnitude.to_bits())
        .collect()
}

#[test]
fn both_runtimes_agree_on_every_sound_fixture() {
    let Some(main) = fixture::onnxruntime() else {
        return;
    };
    for name in [
        "good",
        "linear",
        "conditioned",
        "fixed_batch",
        "coupled",
        "steep",
    ] {
        let pack = open(name).unwrap();
        let mut first = load(&pack, &main).unwrap();
        let mut second = load(&pack, &Runtime::embedded()).unwrap();
        assert_ne!(first.report.backend, second.report.backend, "{name}");
        let (a, b) = (
            decode(&mut first.decoder, &requests(16)),
            decode(&mut second.decoder, &requests(16)),
        );
        let peak = a
            .iter()
            .flat_map(|frame| frame.magnitudes.iter())
            .fold(0.0_f32, |peak, m| peak.max(*m));
        assert!(peak > 0.0, "{name} is silent");
        for (a, b) in a.iter().zip(&b) {
            for (x, y) in a.magnitudes.iter().zip(&b.magnitudes) {
                assert!(
                    (x - y).abs() <= AGREEMENT * peak,
                    "{name}: {x} and {y}, peak {peak}"
                );
            }
        }
    }
}

#[test]
fn a_frame_is_the_same_bits_in_every_batch_and_at_every_place() {
    for runtime in runtimes() {
        for name in ["good", "coupled", "fixed_batch", "conditioned"] {
            let mut loaded = load(&open(name).unwrap(), &runtime).unwrap();
            let alone: Vec<_> = requests(16)
                .iter()
                .map(|request| decode(&mut loaded.decoder, &[*request]).remove(0))
                .collect();
            for count in 1..=16 {
                for start in [0, 16 - count] {
                    let batch = decode(&mut loaded.decoder, &requests(16)[start..start + count]);
                    for (frame, expected) in batch.iter().zip(&alone[start..]) {
                        assert_eq!(frame.request, expected.request);
                        assert_eq!(
                            bits(frame),
                            bits(expected),
                            "{name}, {count} rows, {}",
                            runtime.status().sentence
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_decoder_whose_rows_influence_each_other_runs_one_request_at_a_time() {
    for runtime in runtimes() {
        let coupled = load(&open("coupled").unwrap(), &runtime).unwrap();
        assert!(coupled.decoder.row_sizes().is_alone());
        assert!(
            coupled
                .report
                .warnings
                .iter()
                .any(|warning| warning.contains("one voice at a time"))
        );
        let good = load(&open("good").unwrap(), &runtime).unwrap();
        assert!(!good.decoder.row_sizes().is_alone());
        assert!(good.decoder.row_sizes().sizes().contains(&16));
    }
}

#[test]
fn the_denormal_flags_of_the_caller_neither_change_nor_matter() {
    for runtime in runtimes() {
        std::thread::spawn(move || {
            let mut loaded = load(&open("good").unwrap(), &runtime).unwrap();
            assert!(!flushes_denormals(), "loading set the flags of the caller");
            let plain = decode(&mut loaded.decoder, &requests(5));
            set_flush_denormals();
            let flushed = decode(&mut loaded.decoder, &requests(5));
            assert!(
                flushes_denormals(),
                "decoding cleared the flags of the caller"
            );
            let _second = load(&open("good").unwrap(), &runtime).unwrap();
            assert!(
                flushes_denormals(),
                "loading cleared the flags of the caller"
            );
            assert_eq!(plain, flushed);
        })
        .join()
        .unwrap();
    }
}

#[test]
fn values_become_magnitudes_by_unit_reference_and_gate() {
    let mut db = load_embedded("good").unwrap();
    let frame = decode(&mut db.decoder, &[request(2)]).remove(0);
    // 16 is the reference of 0 dB; -90 dB is the gate, and the loudest value of the fixture is near 0 dB.
    let gate = 16.0 * 10_f32.powf(-90.0 / 20.0);
    assert!(
        frame
            .magnitudes
            .iter()
            .all(|m| *m == 0.0 || *m >= gate * 0.999)
    );
    assert!(!frame.silent && frame.cleaned_values == 0);
    let mut linear = load_embedded("linear").unwrap();
    let frame = decode(&mut linear.decoder, &[request(2)]).remove(0);
    // The fixture's values are a tenth of decibels: most are negative, and counted.
    assert!(frame.cleaned_values > 0);
    assert!(
        frame
            .magnitudes
            .iter()
            .all(|m| *m == 0.0 || *m >= 0.5 * 2.0)
    );
}

#[test]
fn a_descriptor_s_place_is_within_its_range() {
    let loaded = load_embedded("conditioned").unwrap();
    let mut decoder = loaded.decoder;
    let at = |place: f32| {
        let mut request = request(2);
        request.conditions.descriptor[1] = place;
        request
    };
    let [low, below, high, above, middle] = [0.0, -3.0, 1.0, 9.0, 0.5]
        .map(|place| decode(&mut decoder, &[at(place)])[0].magnitudes.clone());
    assert_eq!((&low, &high), (&below, &above));
    assert!(low != middle && middle != high);
}

#[test]
fn knobs_labels_noise_and_descriptors_reach_the_graph() {
    let mut loaded = load_embedded("conditioned").unwrap();
    let base = request(1);
    let heard = |loaded: &mut afterimage_neural::LoadedPack, request: FrameRequest| {
        bits(&decode(&mut loaded.decoder, &[request])[0])
    };
    let reference = heard(&mut loaded, base);
    let mut variants = vec![base; 5];
    variants[0].conditions.latent[3] += 0.5;
    variants[1].conditions.class[0] += 1;
    variants[2].conditions.descriptor[1] += 0.5;
    variants[3].seed += 1;
    variants[4].draw += 1;
    for (index, variant) in variants.into_iter().enumerate() {
        assert_ne!(
            heard(&mut loaded, variant),
            reference,
            "variant {index} changed nothing"
        );
    }
    let mut same = base;
    (same.voice, same.epoch, same.due_sample, same.note) = (9, 8, 7, 6);
    assert_eq!(
        heard(&mut loaded, same),
        reference,
        "the voice slot, the epoch or the due time was heard"
    );
}

#[test]
fn a_note_longer_than_the_pack_was_trained_on_stays_at_its_last_frame() {
    let mut loaded = load_embedded("good").unwrap();
    let mut held = request(0);
    let mut heard = |seconds: f32| {
        held.time_on_s = seconds;
        bits(&decode(&mut loaded.decoder, &[held])[0])
    };
    assert_ne!(heard(59.0), heard(60.0));
    assert_eq!(heard(60.0), heard(600.0));
}

#[test]
fn calls_that_do_not_fit_are_refused_with_both_sides() {
    let mut loaded = load_embedded("good").unwrap();
    let decoder = &mut loaded.decoder;
    let bins = decoder.bins();
    let refused = decoder.decode(&requests(17), &mut frames(&requests(17), bins));
    assert!(
        matches!(
            refused,
            Err(DecodeError::Rows {
                given: 17,
                limit: 16,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(decoder.decode(&[], &mut []).is_err());
    assert!(
        decoder
            .decode(&requests(2), &mut frames(&requests(1), bins))
            .is_err()
    );
    let short = decoder
        .decode(&requests(1), &mut frames(&requests(1), bins - 1))
        .unwrap_err();
    assert!(short.to_string().contains("32 of 33 bins"), "{short}");
    assert_eq!(decoder.max_rows(), 16);
}

#[test]
fn the_shipped_pack_decodes_on_every_runtime() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../models/keys-vae/keys-vae.onnx");
    let pack = Pack::open(&path).unwrap();
    for runtime in runtimes() {
        let mut loaded = load(&pack, &runtime).unwrap();
        let frames = decode(&mut loaded.decoder, &requests(16));
        assert!(frames.iter().all(|frame| frame.cleaned_values == 0));
        // Elsewhere in the latent space a sound may swell from nothing; the one it opens on is struck.
        let mut opening = request(0);
        opening.conditions.latent = loaded.spec.default_latent;
        (opening.time_on_s, opening.time_off_s) = (0.0, -1.0);
        let frames = decode(&mut loaded.decoder, &[opening]);
        assert!(
            !frames[0].silent,
            "the opening preset's first frame is silent"
        );
        assert!(
            loaded.report.fallback.is_none(),
            "{:?}",
            loaded.report.fallback
        );
        println!("{:?} {:?}", loaded.report, loaded.decoder.row_sizes());
    }
}

#[test]
fn loading_on_several_threads_at_once_works() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for runtime in runtimes() {
                    let mut loaded = load(&open("good").unwrap(), &runtime).unwrap();
                    decode(&mut loaded.decoder, &[request(0)]);
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}
