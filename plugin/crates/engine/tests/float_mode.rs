//! The host's floating-point mode changes nothing: no denormals are on the way of the sound.
#![allow(clippy::unwrap_used)]
#![cfg(target_arch = "x86_64")]

mod support;

use afterimage_engine::HostConfig;
use support::{Rig, Sound, music};

/// Flush-to-zero and denormals-are-zero.
const FLUSH: u32 = 0x8040;

fn read_mode() -> u32 {
    let mut mode = 0_u32;
    // SAFETY: stores the control register into a local of the size that the instruction writes.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut mode, options(nostack)) };
    mode
}

fn set_mode(mode: u32) {
    // SAFETY: the value was read from the register, but for two bits that only change how denormals
    // are treated, which no code here relies on.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const mode, options(nostack, readonly)) };
}

fn render(host_rate_hz: u32) -> Sound {
    let samples = host_rate_hz as usize * 3;
    Rig::new(HostConfig::new(host_rate_hz, 512)).play(&music(0.8, host_rate_hz), samples, 512)
}

#[test]
fn flushing_denormals_changes_no_sample() {
    for host_rate_hz in [48_000, 44_100] {
        let plain = render(host_rate_hz);
        let before = read_mode();
        set_mode(before | FLUSH);
        let flushed = render(host_rate_hz);
        set_mode(before);
        flushed.assert_same(&plain, "flush to zero");
        assert!(
            plain
                .left
                .iter()
                .all(|sample| *sample == 0.0 || sample.is_normal())
        );
    }
}

#[test]
fn the_mode_is_really_set() {
    // Negative control: a denormal survives one mode and not the other.
    let tiny = std::hint::black_box(1e-30_f32);
    let product = || std::hint::black_box(tiny * std::hint::black_box(1e-10_f32));
    let before = read_mode();
    set_mode(before | FLUSH);
    let flushed = product();
    set_mode(before & !FLUSH);
    let kept = product();
    set_mode(before);
    assert!(flushed == 0.0 && kept > 0.0);
}
