//! What the detectors watch: the things that happen to an instrument in a session.

use anyhow::{Result, bail};

use crate::host::{BlockPlan, Event, Pace, ParameterTable, RenderSpec, Timeline, parameter_hash};

/// Every scene by name.
pub const SCENES: [&str; 11] = [
    "notes",
    "automation",
    "model-change",
    "block-sizes",
    "bypass",
    "reset",
    "continuation",
    "heard",
    "crowd",
    "zero-length",
    "fault",
];

const RATE_HZ: f64 = 48_000.0;
const SECOND: u64 = 48_000;
/// Notes that start in one block of the crowd.
pub const CROWD: u64 = 10_000;

/// The render of a scene; `state` is the plugin's own, for the change of model.
///
/// # Errors
/// When there is no scene of that name.
pub fn scene(name: &str, parameters: &ParameterTable, state: Vec<u8>) -> Result<RenderSpec> {
    let live = Pace::Live { speed: 1.0 };
    let spec = |seconds: f64, timeline| RenderSpec {
        pace: live,
        plan: BlockPlan::Fixed(128),
        ..RenderSpec::offline(RATE_HZ, seconds, timeline)
    };
    Ok(match name {
        "notes" => spec(2.0, playing(2)),
        "automation" => {
            let mut timeline = playing(3);
            sweep_everything(&mut timeline, parameters, 3 * SECOND);
            spec(3.0, timeline)
        }
        "model-change" => RenderSpec {
            restore_at: Some((SECOND, state)),
            ..spec(3.0, playing(3))
        },
        "block-sizes" => RenderSpec {
            plan: BlockPlan::Mixed(9),
            ..spec(2.0, playing(2))
        },
        "bypass" => spec(2.0, bypassing(parameters)),
        "reset" => RenderSpec {
            resets: vec![SECOND / 2, SECOND, SECOND + 1000],
            ..spec(2.0, playing(2))
        },
        "continuation" => spec(5.0, continued(parameters)),
        "heard" => spec(5.0, continued(parameters)).with_input(vec![swells(5)]),
        "crowd" => spec(1.0, crowd()),
        "zero-length" => RenderSpec {
            blocks: Some([0, 128, 0, 0, 1, 64].repeat(200)),
            ..spec(1.0, playing(1))
        },
        "fault" => {
            let mut timeline = Timeline::new();
            timeline.note(0, 1000, 60, 1.0);
            spec(0.05, timeline)
        }
        unknown => bail!("no scene '{unknown}'; there are: {}", SCENES.join(", ")),
    })
}

/// Notes while the bypass switch goes on, off and on.
fn bypassing(parameters: &ParameterTable) -> Timeline {
    let mut timeline = playing(2);
    for (at, value) in [(SECOND / 2, 1.0), (SECOND, 0.0), (3 * SECOND / 2, 1.0)] {
        if let Some(bypass) = parameters.iter().find(|parameter| parameter.bypass) {
            let id = bypass.id;
            timeline.push(at, Event::Parameter { id, value });
        }
    }
    timeline
}

/// Music that is continued, stopped, and continued again while the player goes on.
fn continued(parameters: &ParameterTable) -> Timeline {
    let mut timeline = playing(4);
    let runs = parameters
        .iter()
        .filter(|p| p.id == parameter_hash("continue_run"));
    for run in runs {
        for (at, value) in [(SECOND, 1.0), (7 * SECOND / 2, 0.0), (4 * SECOND - 99, 1.0)] {
            timeline.push(at, Event::Parameter { id: run.id, value });
        }
    }
    timeline
}

/// A tone that swells and dies away twice a second, for an effect to hear.
fn swells(seconds: u64) -> Vec<f32> {
    let sample = |n: u64| {
        let swell = (std::f64::consts::PI * n as f64 / SECOND as f64 * 2.0).sin();
        let tone = (std::f64::consts::TAU * 220.0 * n as f64 / RATE_HZ).sin();
        (0.5 * swell * tone) as f32
    };
    (0..seconds * SECOND).map(sample).collect()
}

/// More notes in one block than any player has fingers.
fn crowd() -> Timeline {
    let mut timeline = Timeline::new();
    for note in 0..CROWD {
        timeline.note(1024 + note % 128, 20_000, (note % 128) as u8, 0.5);
    }
    timeline
}

/// Chords and a melody, with pedal, wheel and bend.
fn playing(seconds: u64) -> Timeline {
    let mut timeline = Timeline::new();
    let step = SECOND / 4;
    for beat in 0..seconds * 4 {
        let at = beat * step + 13;
        timeline.note(
            at,
            at + step / 2,
            60 + (beat % 12) as u8,
            0.3 + 0.05 * (beat % 12) as f64,
        );
        if beat % 4 == 0 {
            for key in [36, 43, 52, 55] {
                timeline.note(at, at + 4 * step, key, 0.6);
            }
            timeline.push(at, Event::Midi([0xB0, 64, 127]));
            timeline.push(at + 3 * step, Event::Midi([0xB0, 64, 0]));
        }
        timeline.push(at + 7, Event::Midi([0xB0, 1, (beat * 16 % 128) as u8]));
        timeline.push(at + 9, Event::Midi([0xE0, 0, (beat * 8 % 128) as u8]));
        timeline.push(at + 11, Event::Midi([0xD0, (beat * 4 % 128) as u8, 0]));
    }
    timeline
}

/// A saw through the range of every automatable parameter, each at its own speed.
fn sweep_everything(timeline: &mut Timeline, parameters: &ParameterTable, until: u64) {
    const STEP: u64 = 480;
    let swept: Vec<_> = parameters
        .iter()
        .filter(|parameter| parameter.automatable && !parameter.bypass)
        .collect();
    for (index, parameter) in swept.iter().enumerate() {
        let period = 20 + index as u64;
        // The last render mode waits for the model inside the callback: that is what it is for.
        let waits = parameter.id == parameter_hash("render_mode");
        let reach = if waits { 0.6 } else { 1.0 };
        for (count, at) in (index as u64..until).step_by(STEP as usize).enumerate() {
            let phase = reach * (count as u64 % period) as f64 / period as f64;
            timeline.push(
                at,
                Event::Parameter {
                    id: parameter.id,
                    value: parameter.plain(phase),
                },
            );
        }
    }
}
