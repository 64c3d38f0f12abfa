//! What a stretch states, and when.

use super::Controls;
use crate::midi_clock::MidiClock;
use crate::params::{InstrumentParams, SessionFields, SharedNames};
use crate::view::Opens;
use afterimage_engine::continuation::ContinuationChange;
use afterimage_engine::{ControlChange, Event, NoteMatch, TimedEvent};
use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::{BoolParam, IntParam, IntRange, NoteEvent};

const STRETCH: usize = 64;

fn params() -> InstrumentParams {
    let (fields, names) = (SessionFields::default(), SharedNames::default());
    InstrumentParams::new(fields, &names, (&names, &names), Opens::ToPlay)
}

fn note_on(timing: u32) -> NoteEvent<MidiClock> {
    NoteEvent::NoteOn {
        timing,
        voice_id: VoiceID::ID(7),
        channel: Channel::Number(2),
        key: Key::Number(60),
        velocity: 0.5,
    }
}

fn heard(timing: u32) -> TimedEvent {
    let event = Event::NoteOn {
        key: 60,
        channel: 2,
        note_id: Some(7),
        velocity: 0.5,
    };
    TimedEvent::new(timing, event)
}

#[test]
fn the_first_stretch_states_every_control_and_the_next_none() {
    let (params, mut controls) = (params(), Controls::default());
    controls.begin(&params, STRETCH);
    let stated = |wanted: fn(&ControlChange) -> bool| move |event: &TimedEvent| matches!(&event.event, Event::Control(change) if wanted(change));
    let latents = controls
        .events()
        .iter()
        .filter(|event| stated(|change| matches!(change, ControlChange::Latent { .. }))(event));
    assert_eq!(latents.count(), 16);
    assert!(
        controls
            .events()
            .iter()
            .any(stated(|change| matches!(change, ControlChange::Seed(1))))
    );
    controls.begin(&params, STRETCH);
    assert!(controls.events().is_empty());
}

#[test]
fn a_note_keeps_its_sample_and_its_names() {
    let (params, mut controls) = (params(), Controls::default());
    controls.begin(&params, STRETCH);
    controls.begin(&params, STRETCH);
    controls.note(&note_on(9));
    assert_eq!(controls.events(), [heard(9)]);
}

#[test]
fn a_note_past_the_stretch_sounds_in_the_next_at_the_same_sample() {
    let (params, mut controls) = (params(), Controls::default());
    controls.begin(&params, STRETCH);
    controls.note(&note_on(STRETCH as u32 + 3));
    controls.begin(&params, STRETCH);
    assert_eq!(controls.events(), [heard(3)]);
}

#[test]
fn bend_is_centred_and_the_pedal_splits_at_64() {
    let (params, mut controls) = (params(), Controls::default());
    controls.begin(&params, STRETCH);
    controls.begin(&params, STRETCH);
    controls.note(&NoteEvent::MidiPitchBend {
        timing: 0,
        channel: 1,
        value: 0.5,
    });
    for (timing, value) in [(1, 63.0 / 127.0), (2, 64.0 / 127.0)] {
        controls.note(&NoteEvent::MidiCC {
            timing,
            channel: 1,
            cc: 64,
            value,
        });
    }
    controls.note(&NoteEvent::MidiCC {
        timing: 3,
        channel: 1,
        cc: 123,
        value: 0.0,
    });
    let all = NoteMatch {
        key: None,
        channel: Some(1),
        note_id: None,
    };
    let wanted = [
        TimedEvent::new(
            0,
            Event::PitchBend {
                channel: 1,
                bend: 0.0,
            },
        ),
        TimedEvent::new(
            1,
            Event::Sustain {
                channel: 1,
                down: false,
            },
        ),
        TimedEvent::new(
            2,
            Event::Sustain {
                channel: 1,
                down: true,
            },
        ),
        TimedEvent::new(3, Event::NoteOff(all)),
    ];
    assert_eq!(controls.events(), wanted);
}

#[test]
fn the_key_that_lets_it_play_on_starts_and_ends_that_and_plays_nothing() {
    let mut params = params();
    params.continuation.key = IntParam::new("Key", 60, IntRange::Linear { min: -1, max: 127 });
    let mut controls = Controls::default();
    controls.begin(&params, STRETCH);
    controls.events.clear();
    controls.note(&note_on(5));
    let off: NoteEvent<MidiClock> = NoteEvent::NoteOff {
        timing: 9,
        voice_id: VoiceID::ID(7),
        channel: Channel::Number(2),
        key: Key::Number(60),
        velocity: 0.0,
    };
    controls.note(&off);
    let run = |runs| Event::Control(ControlChange::Continuation(ContinuationChange::Run(runs)));
    let expected = [
        TimedEvent::new(5, run(true)),
        TimedEvent::new(9, run(false)),
    ];
    assert_eq!(controls.events(), expected);
    // Every other key plays, as this one does without the parameter.
    params.continuation.key = IntParam::new("Key", 61, IntRange::Linear { min: -1, max: 127 });
    controls.begin(&params, STRETCH);
    controls.note(&note_on(5));
    assert_eq!(controls.events(), [heard(5)]);
}

#[test]
fn a_press_is_one_tap_and_so_is_the_key_that_taps() {
    let (mut params, mut controls) = (params(), Controls::default());
    let range = IntRange::Linear { min: -1, max: 127 };
    params.continuation.tempo.key = IntParam::new("Tap Key", 60, range);
    let tap = Event::Control(ControlChange::Continuation(ContinuationChange::Tap));
    let taps = |controls: &Controls| {
        let is_tap = |event: &&TimedEvent| event.event == tap;
        controls.events().iter().filter(is_tap).count()
    };
    controls.begin(&params, STRETCH);
    assert_eq!(taps(&controls), 0);
    params.continuation.tempo.tap = BoolParam::new("Tap", true);
    controls.begin(&params, STRETCH);
    assert_eq!(taps(&controls), 1);
    controls.begin(&params, STRETCH);
    assert_eq!(taps(&controls), 0, "it is held, not pressed again");
    controls.note(&note_on(3));
    assert_eq!(controls.events(), [TimedEvent::new(3, tap)]);
    // A session that was saved in the middle of a press opens without one.
    controls.forget();
    controls.begin(&params, STRETCH);
    assert_eq!(taps(&controls), 0);
}
