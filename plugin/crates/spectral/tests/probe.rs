#![allow(warnings)]
mod signals;
use afterimage_spectral::*;
use signals::*;

#[test]
fn probe_tone() {
    for (fft, red, rate) in [(2048, 8, 48000.0), (2048, 4, 44100.0), (1024, 8, 22050.0)] {
        let spec = spec(fft, red);
        for f0 in [41.2, 55.0, 65.4, 82.4, 110.0, 220.0, 440.0, 1318.5] {
            let sines = harmonics(f0, rate, 6.0, 3);
            let past = 2 * fft;
            let sound = render(&sines, rate, -(past as i64), past + 60_000);
            let mags = magnitudes_with_past(&spec, &sound, past);
            let (mid, _) = invert(&spec, rate, PhaseMethod::F0Lock, &mags, |_| f0 as f32, 0.0);
            let mut worst = (0.0f64, 0.0f64);
            let n = 32768.min(mid.len());
            for s in sines.iter().take(12) {
                let (a, hz) = measure_sine(&mid[2048..n], rate, s.hz);
                worst.0 = worst.0.max(db(a / s.amplitude).abs());
                worst.1 = worst.1.max(cents(hz, s.hz).abs());
            }
            let orig = &sound[past..];
            let seg = |x: &[f32], a: usize, b: usize| db(rms(&x[a..b]));
            let per = (rate / f0).round() as usize;
            let first = seg(&mid, 0, per * 2) - seg(orig, 0, per * 2);
            let late = seg(&mid, 20000, 30000) - seg(orig, 20000, 30000);
            // level steadiness over windows of 4 periods
            let w = per * 3;
            let lv: Vec<f64> = (0..mid.len().min(40000) / w)
                .map(|i| seg(&mid, i * w, i * w + w))
                .collect();
            let spread = lv.iter().cloned().fold(-200.0, f64::max)
                - lv.iter().cloned().fold(200.0, f64::min);
            println!(
                "{fft}/{red} f0 {f0}: partial err {:.2} dB {:.2} c; first {first:.2} late {late:.2} steady {spread:.2} dB; SC {:.1}",
                worst.0,
                worst.1,
                spectral_convergence_db(&spec, &mags, &mid)
            );
        }
    }
}

#[test]
fn probe_noise() {
    let rate = 48000.0;
    let spec = spec(2048, 8);
    let mut r = Lcg(5);
    let sound: Vec<f32> = (0..100_000).map(|_| 0.1 * r.gaussian() as f32).collect();
    let mags = stft::magnitudes(&spec, &sound);
    let flat = vec![mags.iter().map(|m| m.powi(2)).sum::<f32>() / mags.len() as f32; mags.len()]
        .iter()
        .map(|p| p.sqrt() * 0.749)
        .collect::<Vec<f32>>();
    for (name, m) in [("real", &mags), ("flat", &flat)] {
        for f0 in [0.0, 41.2, 82.4, 110.0, 220.0, 440.0, 1318.5] {
            for method in [PhaseMethod::F0Lock, PhaseMethod::Rtpghi, PhaseMethod::Spsi] {
                if f0 != 220.0 && method != PhaseMethod::F0Lock {
                    continue;
                }
                let (mid, _) = invert(&spec, rate, method, m, |_| f0 as f32, 0.0);
                let x = &mid[8192..];
                let lag = if f0 > 0.0 {
                    (rate / f0).round() as usize
                } else {
                    100
                };
                let ac: f64 = x
                    .iter()
                    .zip(&x[lag..])
                    .map(|(a, b)| (*a as f64) * (*b as f64))
                    .sum::<f64>()
                    / x.iter().map(|a| (*a as f64).powi(2)).sum::<f64>();
                let k = x.iter().map(|a| (*a as f64).powi(4)).sum::<f64>()
                    / x.len() as f64
                    / rms(x).powi(4);
                println!(
                    "{name} f0 {f0} {method:?}: level {:.2} dB, autocorr {ac:.3}, kurtosis {k:.2}, first hop {:.2} dB",
                    db(rms(x) / 0.1),
                    db(rms(&mid[..512]) / 0.1)
                );
            }
        }
    }
}

#[test]
fn probe_stretch() {
    let rate = 48000.0;
    let spec = spec(2048, 8);
    for f0 in [110.0, 220.0, 440.0] {
        for b in [1e-4, 4e-4, 1e-3] {
            let sines = stretched(f0, b, rate, 6.0, 3);
            let past = 4096;
            let sound = render(&sines, rate, -(past as i64), past + 60_000);
            let mags = magnitudes_with_past(&spec, &sound, past);
            let (mid, _) = invert(&spec, rate, PhaseMethod::F0Lock, &mags, |_| f0 as f32, 0.0);
            let errs: Vec<String> = sines
                .iter()
                .take(24)
                .enumerate()
                .step_by(3)
                .map(|(i, s)| {
                    let (a, hz) = measure_sine(&mid[8192..40960], rate, s.hz);
                    format!(
                        "{}:{:.1}c{:.1}dB",
                        i + 1,
                        cents(hz, s.hz),
                        db(a / s.amplitude)
                    )
                })
                .collect();
            println!(
                "f0 {f0} b {b}: SC {:.1} {}",
                spectral_convergence_db(&spec, &mags, &mid),
                errs.join(" ")
            );
        }
    }
}
#[test]
fn probe_sc() {
    for (rate, fft, red) in [
        (22050.0, 1024, 8),
        (44100.0, 1024, 8),
        (22050.0, 1024, 4),
        (48000.0, 2048, 8),
    ] {
        let spec = spec(fft, red);
        let n = 60_000;
        let mut r = Lcg(9);
        let mut clips: Vec<(&str, Vec<f32>)> = vec![];
        clips.push(("tone", render(&harmonics(220.0, rate, 6.0, 1), rate, 0, n)));
        let mut chord = render(&stretched(130.8, 3e-4, rate, 6.0, 1), rate, 0, n);
        for f in [164.8, 196.0] {
            for (a, b) in chord
                .iter_mut()
                .zip(render(&harmonics(f, rate, 9.0, 2), rate, 0, n))
            {
                *a += b;
            }
        }
        for (i, a) in chord.iter_mut().enumerate() {
            *a *= (-((i % 20000) as f32) / 8000.0).exp();
        }
        clips.push(("chord", chord));
        clips.push(("noise", (0..n).map(|_| 0.1 * r.gaussian() as f32).collect()));
        clips.push((
            "drums",
            (0..n)
                .map(|i| {
                    let t = (i % 8000) as f32;
                    0.5 * (-t / 400.0).exp() * r.gaussian() as f32
                        + (-t / 3000.0).exp() * (t * 0.02).sin()
                })
                .collect(),
        ));
        let mut ph = 0.0f64;
        clips.push((
            "glide",
            (0..n)
                .map(|i| {
                    let f =
                        200.0 + 1500.0 * (i as f64 / n as f64) + 30.0 * (i as f64 * 0.002).sin();
                    ph += f / rate;
                    (0.3 * (ph * 6.283185).sin() + 0.1 * (ph * 6.283185 * 3.0).sin()) as f32
                })
                .collect(),
        ));
        for (name, x) in &clips {
            let mags = stft::magnitudes(&spec, x);
            let sc: Vec<f64> = [
                PhaseMethod::Spsi,
                PhaseMethod::Rtpghi,
                PhaseMethod::RtpghiLookahead,
            ]
            .iter()
            .map(|m| {
                let (mid, _) = invert(&spec, rate, *m, &mags, |_| 0.0, 0.0);
                spectral_convergence_db(&spec, &mags, &mid)
            })
            .collect();
            println!(
                "{rate} {fft}/{red} {name}: SPSI {:.1} RTPGHI0 {:.1} RTPGHI1 {:.1}",
                sc[0], sc[1], sc[2]
            );
        }
    }
}
